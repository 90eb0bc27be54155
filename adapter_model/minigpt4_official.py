"""The released MiniGPT-4 checkpoints in our terms: whole, or refused with every name that is wrong.

https://github.com/Vision-CAIR/MiniGPT-4: `{"model": {"llama_proj.weight", "llama_proj.bias"}}`; one whose Q-Former was
trained along holds `query_tokens` and `Qformer.bert.…` too, and one saved whole the frozen parts besides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vqa.adapter_model.checkpoints import shape_mismatches
from vqa.adapter_model.config import AdapterConfig
from vqa.errors import InputError

RELEASED_VISION = "blip2:Salesforce/blip2-flan-t5-xxl"  # whose Q-Former the release starts from
RELEASED_BASES = {4096: "Vision-CAIR/vicuna-7b", 5120: "Vision-CAIR/vicuna"}  # Vicuna v0 of 7B and 13B, by width
_QUERIES = 32

_WEIGHT, _BIAS = "llama_proj.weight", "llama_proj.bias"
_FROZEN = re.compile(r"(visual_encoder|ln_vision|llama_model)\..+")
_QFORMER = re.compile(r"query_tokens|Qformer\.bert\..+")


def is_minigpt4(content: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint's names are MiniGPT-4's, so that `translate_minigpt4` says what is wrong with it."""
    inner = content.get("model", content)
    return isinstance(inner, Mapping) and any(str(name).startswith("llama_proj.") for name in inner)


def translate_minigpt4(
    content: Mapping[str, Any], *, base_model: str = "", hidden: int | None = None
) -> tuple[AdapterConfig, dict[str, Tensor], dict[str, Tensor]]:
    """Return a checkpoint's config, its projection and its changes to the vision encoder, under our names.

    Args:
        content: The file's content, with or without its outer layer.
        base_model: What the config calls the language model; by default the released one of that width.
        hidden: Width of the language model, if it is known.

    Raises:
        InputError: Not exactly the names and shapes of such a checkpoint, or one for another language model.
    """
    inner = content.get("model", content)
    odd = [repr(name) for name, value in inner.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if odd:
        raise InputError(f"not a MiniGPT-4 checkpoint: {', '.join(odd)} is no tensor")
    state: dict[str, Tensor] = {name: tensor for name, tensor in inner.items() if not _FROZEN.fullmatch(name)}
    eyes = {_blip2_name(name): tensor for name, tensor in state.items() if _QFORMER.fullmatch(name)}
    found = {name: tuple(tensor.shape) for name, tensor in state.items() if not _QFORMER.fullmatch(name)}
    width, features = (*found.get(_WEIGHT, ()), 0, 0)[:2]
    if report := shape_mismatches({_WEIGHT: (width, features), _BIAS: (width,)}, found):
        raise InputError(f"not a whole MiniGPT-4 checkpoint: {report}")
    if hidden not in (None, width):
        raise InputError(f"wrong base model: the checkpoint is for one of width {width}, the base has {hidden}")
    if not base_model and width not in RELEASED_BASES:
        raise InputError(f"the checkpoint is for a base_model of width {width}, which is no released one; name yours")
    config = AdapterConfig(
        base_model=base_model or RELEASED_BASES[width],
        fusion="input",
        early_layers=0,
        visual_len=state["query_tokens"].shape[1] if "query_tokens" in state else _QUERIES,
        vision=RELEASED_VISION,
        vision_width=features,
        visual_width=0,
        visual_blocks=0,
        tuning="none",
        norm_tuning=False,
        groups=("visual",),
    )
    return config, {"visual.proj.weight": state[_WEIGHT], "visual.proj.bias": state[_BIAS]}, eyes


def _blip2_name(name: str) -> str:
    """Return transformers' name of a Q-Former's tensor."""
    name = name.replace("Qformer.bert.embeddings.LayerNorm.", "qformer.layernorm.").replace("Qformer.bert.", "qformer.")
    return name.replace("attention.self.", "attention.attention.")
