"""The loss of a batch: next-token cross-entropy over the answers' tokens, each as its weight says."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.training.attention import PLAIN_ATTENTION, additive_mask
from vqa.adapter_model.training.batches import Batch
from vqa.adapter_model.training.norm import WrittenOutNorm

_CHUNK = 128  # tokens whose logits are worked on at once: those of a whole batch would be paged in and out


class AnswerLoss(nn.Module):
    """An adapted model as the loss of its batches: what a launcher of several processes wraps."""

    def __init__(self, model: AdapterLlama) -> None:
        super().__init__()
        self.model = model
        self._plain = model.device.type == "cpu"
        if self._plain:
            model.set_attn_implementation(PLAIN_ATTENTION)
            for layer in model.model.layers:
                layer.input_layernorm = WrittenOutNorm(layer.input_layernorm)
                layer.post_attention_layernorm = WrittenOutNorm(layer.post_attention_layernorm)
            model.model.norm = WrittenOutNorm(model.model.norm)

    def forward(
        self, batch: Batch, *, label_smoothing: float = 0.0, prompt_dropout: float = 0.0, seed: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Return the summed loss in nats over the N learnt tokens, and how many of them the model would have told.

        Args:
            batch: Rows on the model's device.
            label_smoothing: Probability given to all words alike.
            prompt_dropout: Share of the visual prompt's values left out.
            seed: Which ones.
        """
        model = self.model
        prompt = None if batch.features is None else model.visual(batch.features)  # (B, V, C)
        if prompt is not None and prompt_dropout:
            draw = torch.rand(prompt.shape, generator=torch.Generator().manual_seed(seed)).to(prompt.device)
            prompt = prompt * (draw >= prompt_dropout) / (1 - prompt_dropout)
        hidden = model.model(
            inputs_embeds=model.embedded(batch.ids, prompt),
            attention_mask=self._mask(batch),
            position_ids=batch.positions,
            adapter=model.adapter_keys_values(prompt),
            use_cache=False,
        ).last_hidden_state  # (B, T, C)
        told = hidden.flatten(0, 1)[batch.sources]  # (N, C)
        weights = torch.ones(len(told), device=told.device) if batch.weights is None else batch.weights
        loss, right = TokenLoss.apply(told, model.lm_head.weight, batch.targets, weights, label_smoothing)
        return loss, right

    def _mask(self, batch: Batch) -> Tensor | None:
        if not self._plain:
            return batch.mask
        attention: Any = self.model.model.layers[0].self_attn
        groups = attention.num_key_value_groups
        heads = self.model.config.num_key_value_heads
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else self.model.dtype
        mask = additive_mask(batch.mask, length=batch.ids.shape[1], heads=heads, groups=groups, dtype=dtype)
        return mask.expand(len(batch.ids), -1, -1, -1)


class TokenLoss(torch.autograd.Function):
    """Cross-entropy of tokens told by a frozen output layer, its gradient computed along with it.

    The logits, 49,152 for each token of the built-in model, exist for a few tokens at a time and are never kept.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """Return the summed loss and the number of targets that are the likeliest token.

        Args:
            hidden: (N, C).
            weight: (V, C), without a gradient.
            targets: (N).
            weights: (N) float32, what each target's loss counts.
            smoothing: Probability given to all V tokens alike; the target gets the rest.
        """
        words, wanted = len(weight), ctx.needs_input_grad[0]
        loss = torch.zeros((), device=hidden.device)
        right = torch.zeros((), dtype=torch.long, device=hidden.device)
        gradient = torch.empty(hidden.shape, dtype=weight.dtype, device=hidden.device) if wanted else None
        for start in range(0, len(hidden), _CHUNK):
            place = slice(start, start + _CHUNK)
            target, counts = targets[place, None], weights[place, None]
            logits = (hidden[place].to(weight.dtype) @ weight.T).float()  # (n, V)
            most, likeliest = logits.max(-1, keepdim=True)
            right += (likeliest == target).sum()
            logits -= most
            told = logits.gather(1, target)
            mean = logits.mean(-1, keepdim=True) if smoothing else told
            chances = logits.exp_()
            total = chances.sum(-1, keepdim=True)
            loss += (counts * (total.log() - (1 - smoothing) * told - smoothing * mean)).sum()
            if gradient is not None:
                chances /= total
                if smoothing:
                    chances -= smoothing / words
                chances.scatter_add_(1, target, torch.full_like(told, smoothing - 1))
                gradient[place] = (chances * counts).to(weight.dtype) @ weight
        ctx.save_for_backward(gradient)
        ctx.dtype = hidden.dtype
        ctx.mark_non_differentiable(right)
        return loss, right

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, _: Any) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.to(ctx.dtype) * grad_loss.to(ctx.dtype), None, None, None, None
