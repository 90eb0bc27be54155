"""How likely given answers are: their log probabilities after a prompt that is read once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.errors import InputError


@dataclass(frozen=True)
class Score:
    """Natural-log probability of a text: of all its tokens together, and a token's mean."""

    total: float
    mean: float


@torch.inference_mode()
def score(
    engine: Engine, prompt: Sequence[int], choices: Sequence[Sequence[int]], adapter: AdapterKeysValues
) -> list[Score]:
    """Return each choice's log probability as the prompt's continuation.

    A choice counts as given: let it end with the stop's id where a longer answer that begins like it is another one.

    Args:
        engine: Of the model that made `adapter`.
        prompt: Token ids.
        choices: Token ids, one non-empty list a choice.
        adapter: From `model.adapter_keys_values`, batch 1.

    Raises:
        InputError: An empty prompt or choice, or the two together too long for the model.
    """
    lengths = [len(choice) for choice in choices]
    if not lengths or not min(lengths):
        raise InputError("no choice, or an empty one, cannot be scored; give each at least one token")
    longest = max(lengths)
    padded = torch.tensor([[*choice, *[0] * (longest - len(choice))] for choice in choices], device=engine.device)
    rows, first = engine.read([prompt], adapter, room=longest)  # first (1, V)
    logits = first[:, None].expand(len(choices), 1, -1)
    if longest > 1:
        following = engine.extend(rows.select([0] * len(choices)), padded[:, :-1], all_logits=True)
        logits = torch.cat([logits, following], dim=1)  # (B, T, V)
    logprobs = logits.gather(2, padded[..., None])[..., 0] - logits.logsumexp(-1)  # (B, T)
    totals = [sum(row[:length]) for row, length in zip(logprobs.tolist(), lengths, strict=True)]
    return [Score(total, total / length) for total, length in zip(totals, lengths, strict=True)]
