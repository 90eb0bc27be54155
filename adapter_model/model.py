"""LLaMA-Adapter V2 around any LlamaForCausalLM (arXiv 2304.15010), on transformers' attention interface.

For training, base and adapter load together; gradients reach only what is asked for:

    from vqa.adapter_model.loading import load_for_training
    from vqa.adapter_model.presets import preset
    model, tokenizer = load_for_training(settings, preset("smollm2-135m"))      # float32, tokenizers.Tokenizer
    optimizer = torch.optim.AdamW(train_only(model, model.groups["language"]))
    loss = model.answer_loss(ids, labels, attention_mask=mask)                  # right padding, -100 = not trained on
    save_adapter(model, folder, groups=("language",))
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaForCausalLM
from transformers.modeling_outputs import CausalLMOutputWithPast

from vqa.adapter_model.attention import ATTENTION, AdapterKeysValues, adapter_keys_values, gate_for
from vqa.adapter_model.base_model import base_fingerprint
from vqa.adapter_model.config import LINEARS, AdapterConfig, Group
from vqa.adapter_model.linear import TunedLinear
from vqa.adapter_model.parameters import parameter_groups
from vqa.adapter_model.vision import VisualPrompter

if TYPE_CHECKING:
    from vqa.settings import Settings


class AdapterLlama(LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """A base model with an adapter on it; with all gates closed and nothing tuned it is the base model.

    It takes the base's modules over, so `base` must not be used on its own afterwards. The adapter's own parameters
    are float32 whatever the base's dtype; they start from `seed`, leaving the global generator alone.

    Args:
        base: The frozen language model.
        adapter: What to put on it.
        fingerprint: The base's identity, if already known; else hashed from its tensors.
        seed: Where the prompts and the visual path start.

    Raises:
        InputError: The adapter wants more layers than the base has.
    """

    def __init__(self, base: LlamaForCausalLM, adapter: AdapterConfig, *, fingerprint: str = "", seed: int = 0) -> None:
        with torch.device("meta"):
            super().__init__(base.config)
        self.model, self.lm_head = base.model, base.lm_head
        self.set_attn_implementation(ATTENTION)
        self.adapter = adapter
        self.fingerprint = fingerprint or base_fingerprint(base)
        layers, device = self.model.layers, base.device
        self._static = adapter.static_layers(len(layers))
        self._visual = adapter.visual_layers(len(layers))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            shape = (len(self._static), adapter.adapter_len, base.config.hidden_size)
            self.adapter_query = nn.Parameter(torch.randn(shape).to(device))
            self.visual = VisualPrompter(
                features=adapter.vision_width,
                width=adapter.visual_width,
                blocks=adapter.visual_blocks,
                heads=adapter.visual_heads,
                queries=adapter.visual_len,
                hidden=base.config.hidden_size,
            ).to(device)
            if adapter.tuning != "none" or adapter.lora_rank:
                for owner, name, linear in self._linears():
                    tuning = adapter.tuning if name in adapter.tuned_linears else "none"
                    setattr(owner, name, TunedLinear(linear, tuning, lora_rank=adapter.lora_rank))
        for index in {*self._static, *self._visual}:
            layers[index].self_attn.gate = gate_for(base.config.num_attention_heads, device)
            if adapter.new_gate:
                layers[index].self_attn.new_gate = nn.Parameter(torch.ones(1, 1, 1, 1, device=device))
        self.groups: dict[Group, frozenset[str]] = parameter_groups(
            [name for name, _ in self.named_parameters()], adapter, len(layers)
        )

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str, *, base_model: str = "", revision: str | None = None, settings: Settings | None = None
    ) -> AdapterLlama:
        """Return an adapter on its base, frozen and in eval mode, not folded.

        Args:
            name: A preset, a folder that `save_pretrained` wrote, or owner/name on the hub.
            base_model: A folder, a name in the weights store, or owner/name on the hub; the adapter's own by default.
            revision: Branch, tag or commit of the adapter on the hub.
            settings: `device`, `dtype`, `offline`, `home`; those in force by default.

        Raises:
            InputError: The adapter is damaged, or its weights were trained on another base.
            ModelUnavailable: Adapter or base are not here and cannot be had.
        """
        from vqa.adapter_model.checkpoints import adapter_folder
        from vqa.adapter_model.loading import load
        from vqa.settings import Settings

        settings = settings or Settings.load()
        return load(settings, adapter_folder(name, revision=revision, offline=settings.offline), base_model=base_model)

    def save_pretrained(self, folder: Path | str) -> None:  # type: ignore[override]
        """Write the adapter, without the base: `config.json` and `adapter.safetensors`. Raises InputError if folded."""
        from vqa.adapter_model.checkpoints import save_adapter

        save_adapter(self, Path(folder))

    @property
    def dtype(self) -> torch.dtype:
        """What the base computes in; the adapter's own parameters are float32."""
        dtype: torch.dtype = self.lm_head.weight.dtype
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
            out.append(adapter_keys_values(layer.self_attn, prompt) if wanted and prompt is not None else None)
        return tuple(out)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        visual_prompt: Tensor | None = None,
        adapter: AdapterKeysValues | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Run the language model with the adapter active; everything else is LlamaForCausalLM's.

        Args:
            input_ids: (B, T).
            attention_mask: (B, S) with S = cached + T, 1 for text and 0 for padding, on either side.
            position_ids: (B, T); by default counted from each row's first unpadded token, because the adapter's keys
                have no RoPE and so see absolute positions.
            visual_prompt: (B, V, C) from `self.visual`; None when there is no picture.
            adapter: What `adapter_keys_values` returned for that picture, to save computing it again.
        """
        if position_ids is None and attention_mask is not None and attention_mask.ndim == 2:
            length = input_ids.shape[1] if input_ids is not None else kwargs["inputs_embeds"].shape[1]
            position_ids = positions(attention_mask)[:, -length:]
        if adapter is None:
            adapter = self.adapter_keys_values(visual_prompt)
        out: CausalLMOutputWithPast = super().forward(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, adapter=adapter, **kwargs
        )
        return out

    def answer_loss(
        self,
        input_ids: Tensor,
        labels: Tensor,
        *,
        attention_mask: Tensor | None = None,
        visual_prompt: Tensor | None = None,
    ) -> Tensor:
        """Return the mean next-token cross-entropy, in nats, over the labelled positions.

        The vocabulary's logits are computed for those positions only: answers are a few tokens of a long prompt.

        Args:
            input_ids: (B, T), padded on the right.
            labels: (B, T), `input_ids` where the loss counts, -100 elsewhere.
            attention_mask: (B, T), 1 for text.
            visual_prompt: (B, V, C).
        """
        hidden = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=None if attention_mask is None else positions(attention_mask),
            adapter=self.adapter_keys_values(visual_prompt),
            use_cache=False,
        ).last_hidden_state  # (B, T, C)
        targets = labels[:, 1:]
        counted = targets != -100
        logits = self.lm_head(hidden[:, :-1][counted])  # (labelled, vocabulary)
        return F.cross_entropy(logits.float(), targets[counted])

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


def positions(attention_mask: Tensor) -> Tensor:
    """Return each token's place in its row, (B, S), counted from the first unpadded one; 0 on padding before it."""
    return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
