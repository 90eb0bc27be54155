"""The base model's weights in fewer bits, by bitsandbytes through transformers (LLM.int8(), arXiv 2208.07339; NF4,
arXiv 2305.14314).
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from vqa.errors import InputError, ModelUnavailable

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig

QUANTIZATIONS = ("none", "8bit", "4bit")


def unavailable(name: str) -> str | None:
    """Return None if weights can be had so here, else one line: what is missing and the command that mends it.

    Raises:
        InputError: Not one of `QUANTIZATIONS`.
    """
    if name not in QUANTIZATIONS:
        raise InputError(f"quantization={name!r}: expected {', '.join(QUANTIZATIONS)}")
    if name == "none" or find_spec("bitsandbytes"):
        return None
    return f"quantization={name!r} needs a package that is not here: run `pip install bitsandbytes`"


def options(name: str, *, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Return what transformers' `from_pretrained` takes as `quantization_config`.

    Args:
        name: One of `QUANTIZATIONS`.
        dtype: What is computed in.

    Raises:
        ModelUnavailable: bitsandbytes is not installed.
        InputError: Not one of `QUANTIZATIONS`.
    """
    if missing := unavailable(name):
        raise ModelUnavailable(missing)
    if name == "none":
        return None
    from transformers import BitsAndBytesConfig

    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of every rounding to float16
    kinds: dict[str, dict[str, Any]] = {
        "8bit": {"load_in_8bit": True},
        "4bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype},
    }
    return BitsAndBytesConfig(**kinds[name])  # type: ignore[no-untyped-call]
