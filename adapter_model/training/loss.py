"""The loss of a batch: next-token cross-entropy over the answers' tokens."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.training.batches import Batch

_SHORT = 128  # tokens up to which plain attention is faster on a CPU than PyTorch's fused one, whose backward is slow


class AnswerLoss(nn.Module):
    """An adapted model as the loss of its batches: what a launcher of several processes wraps."""

    def __init__(self, model: AdapterLlama) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, batch: Batch, *, label_smoothing: float = 0.0, prompt_dropout: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Return the summed loss in nats over the N learnt tokens, and how many of them the model would have told."""
        model = self.model
        prompt = None if batch.features is None else model.visual(batch.features)  # (B, V, C)
        if prompt is not None and prompt_dropout:
            prompt = F.dropout(prompt, prompt_dropout)
        with _attention(batch.ids):
            hidden = model.model(
                input_ids=batch.ids,
                attention_mask=batch.mask,
                position_ids=batch.positions,
                adapter=model.adapter_keys_values(prompt),
                use_cache=False,
            ).last_hidden_state  # (B, T, C)
        logits = model.lm_head(hidden.flatten(0, 1)[batch.sources]).float()  # (N, V)
        loss = F.cross_entropy(logits, batch.targets, reduction="sum", label_smoothing=label_smoothing)
        with torch.no_grad():
            right = (logits.argmax(-1) == batch.targets).sum()
        return loss, right


def _attention(ids: Tensor) -> AbstractContextManager[None]:
    plain = ids.device.type == "cpu" and ids.shape[1] <= _SHORT
    return sdpa_kernel(SDPBackend.MATH) if plain else nullcontext()
