"""The released LLaMA-Adapter V2 checkpoints on a base model: whole, or refused with every name that is wrong.

https://github.com/OpenGVLab/LLaMA-Adapter/releases; `official_names` maps their tensors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vqa.adapter_model.checkpoints import install, shape_mismatches
from vqa.adapter_model.config import LINEARS, AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.official_names import Llama, chat_entries, multimodal_entries
from vqa.errors import InputError

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM

    from vqa.adapter_model.llama import LlamaSizes

_log = logging.getLogger(__name__)

RELEASED_BASE = "huggyllama/llama-7b"  # LLaMA 1, which they were trained on, in Hugging Face format
RELEASED_VISION = "open_clip:ViT-L-14/openai"
RELEASED_VISUAL_HEADS = 16
RELEASED_TUNED = ("q_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

_VOCAB = {(4096, 32): 32_000, (8192, 80): 32_000}  # LLaMA 1 by (width, layers): the checkpoints do not say it
_HEAD_DIM = 128  # of every LLaMA 1; used where a checkpoint has no gate to tell
# What a checkpoint saved whole by the released training code holds besides the adapter: the frozen models.
_FROZEN = re.compile(
    r"clip\..+|llama\.(tok_embeddings|output)\.weight"
    r"|llama\.layers\.\d+\.(attention\.w[qkvo]|feed_forward\.w[123])\.weight"
)


@dataclass(frozen=True)
class Translated:
    """A released checkpoint in our terms: the config, the weights under our names, and the names nothing uses."""

    config: AdapterConfig
    weights: dict[str, Tensor]
    unused: tuple[str, ...]


def from_official(
    state_dict: Mapping[str, Any],
    config: Mapping[str, Any] | None,
    base: LlamaForCausalLM,
    *,
    visual_heads: int = RELEASED_VISUAL_HEADS,
) -> AdapterLlama:
    """Put a released checkpoint on a base model; every width comes from the tensors, so small ones work too.

        state = torch.load("BIAS-7B.pth", weights_only=True)       # {"model": …, "config": …}, or the tensors alone
        model = from_official(state, None, base)                   # base: LlamaForCausalLM, e.g. of load_base
        features = torch.randn(1, 257, 768)                        # (B, P, F): CLIP's tokens, computed elsewhere
        logits = model(ids, attention_mask=mask, visual_prompt=model.visual(features)).logits

    Args:
        state_dict: Names and tensors, with or without the file's outer layer.
        config: `w_bias`, `w_lora`, `lora_rank`, over those the state dict carries; None: what it or its names say.
        base: In Hugging Face layout; the model takes its modules over.
        visual_heads: Attention heads of the visual blocks, the one size no tensor tells.

    Returns:
        The model in eval mode, frozen, unfolded.

    Raises:
        InputError: Another base model than the checkpoint's, or not exactly the names and shapes of such a checkpoint.
    """
    translated = translate(state_dict, config=config, base=base.config, visual_heads=visual_heads)
    model = AdapterLlama(base, translated.config)
    install(model, translated.weights, translated.config.groups)
    model.requires_grad_(False)
    model.train(False)
    return model


def translate(
    state_dict: Mapping[str, Any],
    *,
    config: Mapping[str, Any] | None = None,
    base: LlamaConfig | LlamaSizes | None = None,
    visual_heads: int = RELEASED_VISUAL_HEADS,
    base_model: str = RELEASED_BASE,
) -> Translated:
    """Return a released checkpoint's config and weights under our names. Arguments and errors as `from_official`.

    Args:
        base: Sizes of the base model; without them the checkpoint's own word is taken.
        base_model: What the config calls the base.
    """
    state, flags = _unwrap(state_dict)
    flags = {**flags, **(config or {})}
    if "adapter_query.weight" not in state and any(name.endswith("_scale") for name in state):
        llama = _chat_llama(state, base)
        adapter, entries = _chat_adapter(base_model), chat_entries(llama)
    else:
        llama = _llama(state, base)
        adapter = _adapter(state, flags, visual_heads, base_model)
        entries = multimodal_entries(adapter, llama)
    _check_base(llama, state, base)
    state = {name: tensor for name, tensor in state.items() if name in entries or not _FROZEN.fullmatch(name)}
    report = shape_mismatches(
        {name: entry.shape for name, entry in entries.items()}, {n: tuple(t.shape) for n, t in state.items()}
    )
    if report:
        raise InputError(f"not a whole LLaMA-Adapter V2 checkpoint: {report}")
    unused = tuple(name for name, entry in entries.items() if not entry.name)
    if unused:
        _log.info("unused by the released code, too, and left out: %s", ", ".join(unused))
    weights = {entry.name: entry.convert(state[name]) for name, entry in entries.items() if entry.name}
    if not adapter.adapter_layers:
        weights["adapter_query"] = torch.zeros(0, adapter.adapter_len, llama.width)
    return Translated(adapter, weights, unused)


def _unwrap(state_dict: Mapping[str, Any]) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """Return the tensors under today's names, and the config beside them, if any."""
    inner = state_dict.get("model", state_dict)
    flags = state_dict.get("config") or {}
    if not isinstance(inner, Mapping) or not isinstance(flags, Mapping):
        raise InputError("not a LLaMA-Adapter V2 checkpoint: expected {'model': tensors, 'config': flags}, or tensors")
    odd = [repr(name) for name, value in inner.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if odd:
        raise InputError(f"not a LLaMA-Adapter V2 checkpoint: {', '.join(odd)} is no tensor")
    return {re.sub(r"^llma\.", "llama.", name): tensor for name, tensor in inner.items()}, flags


def _adapter(
    state: Mapping[str, Tensor], flags: Mapping[str, Any], visual_heads: int, base_model: str
) -> AdapterConfig:
    """Return the config that a multimodal checkpoint's tensors and flags mean."""
    length, visual_width = _matrix(state, "visual_query.weight")
    rows, _ = _matrix(state, "adapter_query.weight")
    if not length or rows % length:
        raise InputError(f"adapter_query.weight has {rows} rows; expected a multiple of visual_query.weight's {length}")
    w_lora = flags.get("w_lora", any(".lora_w" in name for name in state))
    w_bias = flags.get("w_bias", any(name.endswith(".attention.wq.bias") for name in state))
    rank = flags.get("lora_rank", _first(state, r".*\.lora_wq_l1\.weight") or 16)
    if type(rank) is not int or rank < 1:
        raise InputError(f"lora_rank={rank!r} in the checkpoint's config: expected a whole number, at least 1")
    return AdapterConfig(
        base_model=base_model,
        fusion="added",
        early_layers=0,
        adapter_layers=rows // length,
        adapter_len=length,
        visual_len=length,
        vision=RELEASED_VISION,
        channels="bgr",
        vision_width=_matrix(state, "clip_proj.weight")[1],
        visual_width=visual_width,
        visual_blocks=_count(state, r"visual_blocks\.(\d+)\..+"),
        visual_heads=visual_heads,
        tuning="bias" if w_bias else "none",
        tuned_linears=RELEASED_TUNED if w_bias else LINEARS,
        lora_rank=rank if w_lora else 0,
        norm_tuning=any(name.endswith("norm.weight") and name.startswith("llama.") for name in state),
        new_gate=bool(w_lora),
        groups=("visual", "language"),
    )


def _chat_adapter(base_model: str) -> AdapterConfig:
    """Return the config of the chat checkpoint: every linear and norm tuned, no prompts, no picture."""
    return AdapterConfig(
        base_model=base_model,
        early_layers=0,
        visual_len=0,
        visual_blocks=0,
        tuning="input_scale_bias",
        groups=("language",),
    )


def _llama(state: Mapping[str, Tensor], base: LlamaConfig | LlamaSizes | None) -> Llama:
    """Return the language model's sizes as the multimodal checkpoint's tensors tell them; else the base's."""
    width = _matrix(state, "adapter_query.weight")[1]
    gates = [tensor.numel() for name, tensor in state.items() if name.endswith(".attention.gate")]
    heads = max(gates[0], 1) if gates else base.num_attention_heads if base else max(width // _HEAD_DIM, 1)
    inner = _first(state, r".*\.w1\.bias|.*\.lora_w1_l2\.weight")
    kv = _first(state, r".*\.lora_wk_l2\.weight")
    return Llama(
        width=width,
        layers=_count(state, r"llama\.layers\.(\d+)\..+"),
        heads=heads,
        kv_heads=kv * heads // width if kv else Llama.of(base).kv_heads if base else heads,
        inner=inner or (base.intermediate_size if base else 0),
    )


def _chat_llama(state: Mapping[str, Tensor], base: LlamaConfig | LlamaSizes | None) -> Llama:
    width = _first(state, r".*\.wq_bias")
    heads = base.num_attention_heads if base else max(width // _HEAD_DIM, 1)
    return Llama(
        width=width,
        layers=_count(state, r"layers\.(\d+)\..+"),
        heads=heads,
        kv_heads=_first(state, r".*\.wk_bias") * heads // max(width, 1),
        inner=_first(state, r".*\.w1_bias"),
    )


def _check_base(llama: Llama, state: Mapping[str, Tensor], base: LlamaConfig | LlamaSizes | None) -> None:
    """Raise InputError if the base is not of the checkpoint's sizes."""
    if base is None:
        return
    whole = state.get("llama.tok_embeddings.weight")
    vocab = len(whole) if whole is not None else _VOCAB.get((llama.width, llama.layers), base.vocab_size)
    wants = _described(llama, vocab)
    has = _described(Llama.of(base), base.vocab_size)
    different = [f"{what} {wants[what]} (the base has {has[what]})" for what in wants if wants[what] != has[what]]
    if different:
        raise InputError(
            f"wrong base model: the checkpoint is for a LLaMA with {', '.join(different)}; "
            "the released ones are for LLaMA 1 of 7B (chat: 65B)"
        )


def _described(llama: Llama, vocab: int) -> dict[str, int]:
    return {
        "width": llama.width,
        "layers": llama.layers,
        "heads": llama.heads,
        "key/value heads": llama.kv_heads,
        "feed-forward width": llama.inner,
        "vocabulary": vocab,
    }


def _matrix(state: Mapping[str, Tensor], name: str) -> tuple[int, int]:
    if name not in state:
        raise InputError(f"not a LLaMA-Adapter V2 checkpoint: it has no {name}")
    if state[name].ndim != 2:
        raise InputError(f"not a LLaMA-Adapter V2 checkpoint: {name} is {tuple(state[name].shape)}, expected a matrix")
    rows, columns = state[name].shape
    return rows, columns


def _first(state: Mapping[str, Tensor], pattern: str) -> int:
    """Return the rows of the first tensor whose name fits, 0 if none does."""
    return next((len(tensor) for name, tensor in state.items() if tensor.ndim and re.fullmatch(pattern, name)), 0)


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """Return one more than the highest index in the names that fit."""
    found = [int(match[1]) for name in state if (match := re.fullmatch(pattern, name))]
    return max(found, default=-1) + 1
