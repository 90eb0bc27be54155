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

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from transformers.modeling_outputs import CausalLMOutputWithPast

from vqa.adapter_model.adapted import Adapted
from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.base_model import base_fingerprint

if TYPE_CHECKING:
    from vqa.adapter_model.config import AdapterConfig
    from vqa.settings import Settings

ATTENTION = "llama_adapter"


def adapter_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    adapter: AdapterKeysValues | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend to the text as transformers' "sdpa" does and add this layer's gated adapter attention.

    Args:
        module: The LlamaAttention that asks; `layer_idx` picks its entry of `adapter`.
        query: (B, H, T, D), RoPE applied.
        key: (B, H_kv, S, D).
        value: (B, H_kv, S, D).
        attention_mask: (B, 1, T, S), or None for plain causal attention.
        adapter: Every layer's adapter keys and values, from `Adapted.adapter_keys_values`.

    Returns:
        (B, T, H, D), and no weights.
    """
    out, weights = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    own = adapter[module.layer_idx] if adapter is not None else None
    if own is not None:
        keys, gated_values = own
        seen = F.scaled_dot_product_attention(query, keys, gated_values, scale=module.scaling)  # (B, H, T, D)
        out = out + seen.transpose(1, 2)
    return out, weights


AttentionInterface.register(ATTENTION, adapter_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)  # without it padded batches silently get wrong logits


class AdapterLlama(Adapted, LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """A LlamaForCausalLM with an adapter on it, for training and for whatever transformers can do with one.

    Arguments and errors as `Adapted`; without a fingerprint the base's tensors are hashed.
    """

    def __init__(self, base: LlamaForCausalLM, adapter: AdapterConfig, *, fingerprint: str = "", seed: int = 0) -> None:
        with torch.device("meta"):
            LlamaForCausalLM.__init__(self, base.config)
        self._adapt(base, adapter, fingerprint=fingerprint or base_fingerprint(base), seed=seed)
        self.set_attn_implementation(ATTENTION)

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
            input_ids: (B, T), with "input" fusion `slots.SLOT` where a vector of the picture stands.
            attention_mask: (B, S) with S = cached + T, 1 for text and 0 for padding, on either side.
            position_ids: (B, T); by default counted from each row's first unpadded token, because the adapter's keys
                have no RoPE and so see absolute positions.
            visual_prompt: (B, V, C) from `self.visual`; None when there is no picture.
            adapter: What `adapter_keys_values` returned for that picture, to save computing it again.
        """
        if input_ids is not None and visual_prompt is not None and self.adapter.fusion == "input":
            kwargs["inputs_embeds"] = self.embedded(input_ids, visual_prompt)
            input_ids = None
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
            inputs_embeds=self.embedded(input_ids, visual_prompt),
            attention_mask=attention_mask,
            position_ids=None if attention_mask is None else positions(attention_mask),
            adapter=self.adapter_keys_values(visual_prompt),
            use_cache=False,
        ).last_hidden_state  # (B, T, C)
        targets = labels[:, 1:]
        counted = targets != -100
        logits = self.lm_head(hidden[:, :-1][counted])  # (labelled, vocabulary)
        return F.cross_entropy(logits.float(), targets[counted])


def positions(attention_mask: Tensor) -> Tensor:
    """Return each token's place in its row, (B, S), counted from the first unpadded one; 0 on padding before it."""
    return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
