"""LLaMA-Adapter V2's parts on a LLaMA's modules (arXiv 2304.15010): all of it but a forward pass.

`engine` runs it to answer; `model.AdapterLlama` is the same on transformers' forward pass, for training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vqa.adapter_model.attention import AdapterKeysValues, adapter_keys_values, gate_for
from vqa.adapter_model.config import LINEARS, AdapterConfig, Group
from vqa.adapter_model.linear import TunedLinear
from vqa.adapter_model.parameters import parameter_groups
from vqa.adapter_model.slots import embedded
from vqa.adapter_model.vision import visual_path

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

    from vqa.adapter_model.llama import LlamaWeights


class Adapted(nn.Module):
    """A base model's modules with an adapter on them; with all gates closed and nothing tuned it is the base model.

    It takes the base's modules over, so `base` must not be used on its own afterwards. The adapter's own parameters
    are float32 whatever the base's dtype; they start from `seed`, leaving the global generator alone.

    Args:
        base: The frozen language model.
        adapter: What to put on it.
        fingerprint: The base's identity.
        seed: Where the prompts and the visual path start.

    Raises:
        InputError: The adapter wants more layers than the base has.
    """

    model: Any
    lm_head: Any
    config: Any

    def __init__(
        self, base: LlamaForCausalLM | LlamaWeights, adapter: AdapterConfig, *, fingerprint: str, seed: int = 0
    ) -> None:
        super().__init__()
        self.config = base.config
        self._adapt(base, adapter, fingerprint=fingerprint, seed=seed)

    def _adapt(
        self, base: LlamaForCausalLM | LlamaWeights, adapter: AdapterConfig, *, fingerprint: str, seed: int
    ) -> None:
        """Take the base's modules over and put the adapter's own beside them."""
        self.model, self.lm_head = base.model, base.lm_head
        self.fingerprint = fingerprint
        layers, device = self.model.layers, self.device
        self.adapter = adapter
        self._static = adapter.static_layers(len(layers))
        self._visual = adapter.visual_layers(len(layers))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            shape = (len(self._static), adapter.adapter_len, self.config.hidden_size)
            self.adapter_query = nn.Parameter(torch.randn(shape).to(device))
            self.visual = visual_path(adapter, self.model.embed_tokens.weight).to(device)
            if adapter.tuning != "none" or adapter.lora_rank:
                for owner, name, linear in self._linears():
                    tuning = adapter.tuning if name in adapter.tuned_linears else "none"
                    setattr(owner, name, TunedLinear(linear, tuning, lora_rank=adapter.lora_rank))
        for index in {*self._static, *self._visual}:
            layers[index].self_attn.gate = gate_for(self.config.num_attention_heads, device)
            if adapter.new_gate:
                layers[index].self_attn.new_gate = nn.Parameter(torch.ones(1, 1, 1, 1, device=device))
        self.groups: dict[Group, frozenset[str]] = parameter_groups(
            [name for name, _ in self.named_parameters()], adapter, len(layers)
        )

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.embed_tokens.weight.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What the base computes in; the adapter's own parameters are float32."""
        dtype: torch.dtype = self.model.embed_tokens.weight.dtype
        return dtype

    def adapter_keys_values(self, visual_prompt: Tensor | None = None) -> AdapterKeysValues:
        """Return every layer's adapter keys and values: fixed for a picture, so a caller may keep them.

        Without a picture "added" fusion uses the static prompts alone, "early" leaves the early layers as they are.
        Where no gradient is wanted, layers whose gate is closed are left out: they would add exact zeros.

        Args:
            visual_prompt: (B, V, C) from `self.visual`.
        """
        closed_matters = torch.is_grad_enabled()
        out: list[tuple[Tensor, Tensor] | None] = []
        for index, layer in enumerate(self.model.layers):
            prompt = self._prompt(index, visual_prompt)
            wanted = prompt is not None and (closed_matters or bool(layer.self_attn.gate.any()))
            out.append(
                adapter_keys_values(layer.self_attn, prompt.to(self.dtype)) if wanted and prompt is not None else None
            )
        return tuple(out)

    def embedded(self, ids: Tensor, visual_prompt: Tensor | None = None) -> Tensor:
        """Return what the first layer reads, (B, T, C): tokens, and with "input" fusion the picture among them.

        Args:
            ids: (B, T); `slots.SLOT` where a vector of the picture stands.
            visual_prompt: (B, V, C) from `self.visual`.

        Raises:
            InputError: Not as many places as vectors.
        """
        return embedded(self.model.embed_tokens, ids, visual_prompt if self.adapter.fusion == "input" else None)

    def fold(self) -> None:
        """Fold every bias and scale into its weight, for inference; the adapter can no longer be saved or trained."""
        for owner, name, linear in self._linears():
            if isinstance(linear, TunedLinear):
                setattr(owner, name, linear.fold())
        self.requires_grad_(False)
        self.groups = {}

    def _prompt(self, index: int, visual_prompt: Tensor | None) -> Tensor | None:
        """Return layer `index`'s prompt (B or 1, L, C), or None."""
        if index not in self._static:
            return visual_prompt if index in self._visual else None
        static = self.adapter_query[index - self._static.start][None]  # (1, L, C)
        if self.adapter.fusion == "added" and visual_prompt is not None:
            return static + visual_prompt
        return static

    def _linears(self) -> Iterable[tuple[nn.Module, str, nn.Linear]]:
        """Yield every linear that is tuned: its owner, its name there, itself."""
        names = LINEARS if self.adapter.lora_rank else self.adapter.tuned_linears
        for layer in self.model.layers:
            for owner in (layer.self_attn, layer.mlp):
                for name in names:
                    if hasattr(owner, name):
                        yield owner, name, getattr(owner, name)
