"""Which parameters each kind of training data may change (LLaMA-Adapter V2, section 4.2: disjoint parameters).

Image-text pairs update the "visual" group, instructions the "language" group; everything else is the frozen base.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from torch import nn

from vqa.adapter_model.config import AdapterConfig, Group

_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
_NORMS = {"input_layernorm.weight", "post_attention_layernorm.weight"}


def parameter_groups(names: Iterable[str], config: AdapterConfig, num_layers: int) -> dict[Group, frozenset[str]]:
    """Return the names of each group's parameters, out of a model's parameter names.

    "visual": the visual path and the gates that let the picture in. "language": biases, scales, LoRA, norms, and with
    "early" fusion the static prompts with their gates; "added" fusion shares prompts and gates with the picture, so
    there they are "visual", as in the released code's first stage.
    """
    groups: dict[Group, set[str]] = {"visual": set(), "language": set()}
    for name in names:
        group = _group(name, config, num_layers)
        if group is not None:
            groups[group].add(name)
    return {group: frozenset(members) for group, members in groups.items()}


def _group(name: str, config: AdapterConfig, num_layers: int) -> Group | None:
    if name.startswith("visual."):
        return "visual"
    if name == "adapter_query":
        return "visual" if config.fusion == "added" else "language"
    if name == "model.norm.weight":
        return "language" if config.norm_tuning else None
    match = _LAYER.fullmatch(name)
    if match is None:
        return None
    layer, rest = int(match[1]), match[2]
    if rest in ("self_attn.gate", "self_attn.new_gate"):
        return "visual" if layer in config.visual_layers(num_layers) else "language"
    if rest in _NORMS:
        return "language" if config.norm_tuning else None
    owner, _, kind = rest.rpartition(".")
    if kind in ("lora_a", "lora_b"):
        return "language"
    tuned = config.tuning != "none" and owner.rpartition(".")[2] in config.tuned_linears
    return "language" if tuned and kind in ("bias", "scale") else None


def train_only(model: nn.Module, names: Collection[str]) -> list[nn.Parameter]:
    """Let gradients reach exactly the named parameters and return them, in the model's order."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
    return [parameter for name, parameter in model.named_parameters() if name in names]
