"""How likely given answers are: their log probabilities after a prompt that is read once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.errors import InputError
from vqa.values import Score


@torch.inference_mode()
def score(
    engine: Engine,
    prompt: Sequence[int],
    choices: Sequence[Sequence[int]],
    adapter: AdapterKeysValues,
    *,
    stop_ids: frozenset[int] = frozenset(),
    vectors: Tensor | None = None,
) -> list[Score]:
    """Return each choice's log probability after the prompt.

    Args:
        engine: Of the model that made `adapter`.
        prompt: Token ids.
        choices: Token ids, one non-empty list a choice.
        adapter: From `model.adapter_keys_values`, batch 1.
        stop_ids: Ids that end an answer. That one of them follows counts as one more token of each choice; without
            them a choice is as likely as everything that begins with it.
        vectors: (1, N, C) what stands in the prompt's slots, if it has any.

    Raises:
        InputError: No choice, an empty prompt or choice, or the two together too long for the model.
    """
    lengths = [len(choice) for choice in choices]
    if not lengths or not min(lengths):
        raise InputError("no choice, or an empty one, cannot be scored; give each at least one token")
    longest = max(lengths)
    ids = torch.tensor(
        [[*choice, *[0] * (longest - len(choice))] for choice in choices], device=engine.device
    )  # (B, T)
    rows, first = engine.read([prompt], adapter, room=longest, vectors=vectors)  # first (1, V)
    following = engine.extend(rows.select([0] * len(choices)), ids, all_logits=True)
    logits = torch.cat([first[:, None].expand(len(choices), 1, -1), following], dim=1)  # (B, T + 1, V)
    norms = logits.logsumexp(-1)  # (B, T + 1)
    own = logits[:, :-1].gather(2, ids[..., None])[..., 0] - norms[:, :-1]  # (B, T)
    found = []
    for row, length in enumerate(lengths):
        parts = own[row, :length].tolist()
        if stop_ids:
            parts.append(float(logits[row, length, sorted(stop_ids)].logsumexp(-1) - norms[row, length]))
        found.append(Score(sum(parts), sum(parts) / len(parts)))
    return found
