"""How likely given answers are: their log probabilities after prompts that are read once for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues, picked
from vqa.adapter_model.engine import Engine, Rows
from vqa.errors import InputError
from vqa.values import Score

_TOGETHER = 256
"""Tokens of answers that are read in one pass, filling included: each has the logits of a whole vocabulary."""


@torch.inference_mode()
def score(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    choices: Sequence[Sequence[Sequence[int]]],
    adapter: AdapterKeysValues,
    *,
    stop_ids: frozenset[int] = frozenset(),
    vectors: Tensor | None = None,
    pictures: Sequence[Hashable] | None = None,
) -> list[list[Score]]:
    """Return each choice's log probability after its prompt.

    Args:
        engine: Of the model that made `adapter`.
        prompts: Token ids, one non-empty list a row.
        choices: Of each row, token ids, one non-empty list a choice.
        adapter: From `model.adapter_keys_values`, batch 1 or that of `prompts`.
        stop_ids: Ids that end an answer. That one of them follows counts as one more token of each choice; without
            them a choice is as likely as everything that begins with it.
        vectors: (B, N, C) what stands in the prompts' slots, if they have any.
        pictures: What each row is about: what prompts about the same begin with is read once.

    Raises:
        InputError: A row without a choice, an empty prompt or choice, or the two together too long for the model.
    """
    if not all(those and all(map(len, those)) for those in choices):
        raise InputError("no choice, or an empty one, cannot be scored; give each at least one token")
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))  # the prompt that each row read belongs to
    rows, first = engine.read(
        [prompts[row] for row in order],
        picked(adapter, order),
        room=max(len(choice) for those in choices for choice in those),
        vectors=None if vectors is None else vectors[order],
        pictures=None if pictures is None else [pictures[row] for row in order],
    )  # first (B, V)
    answers = [(place, choice) for place, row in enumerate(order) for choice in choices[row]]
    scores: list[list[Score]] = [[] for _ in prompts]
    for together in _passes(answers):
        found = _scores(engine, rows, first, together, stop_ids)
        for (place, _), one in zip(together, found, strict=True):
            scores[order[place]].append(one)
    return scores


def _passes(answers: Sequence[tuple[int, Sequence[int]]]) -> Iterator[Sequence[tuple[int, Sequence[int]]]]:
    """Yield the answers, in their order, as many at a time as are read in one pass."""
    start = longest = 0
    for place, (_, ids) in enumerate(answers):
        longest = max(longest, len(ids))
        if place > start and longest * (place + 1 - start) > _TOGETHER:
            yield answers[start:place]
            start, longest = place, len(ids)
    yield answers[start:]


def _scores(
    engine: Engine, rows: Rows, first: Tensor, answers: Sequence[tuple[int, Sequence[int]]], stop_ids: frozenset[int]
) -> list[Score]:
    """Return the scores of answers, each after a row of `rows`, whose next tokens have the logits `first`, (B, V)."""
    after, longest = [row for row, _ in answers], max(len(ids) for _, ids in answers)
    ids = torch.tensor([[*ids, *[0] * (longest - len(ids))] for _, ids in answers], device=engine.device)  # (N, T)
    # Computed as of many, alone as well: with other weights than in a batch another choice might be the likeliest.
    following = engine.extend(rows.select(after, room=longest), ids, all_logits=True, alike=True)
    logits = torch.cat([first[after][:, None], following], dim=1)  # (N, T + 1, V)
    norms = logits.logsumexp(-1)  # (N, T + 1)
    own = logits[:, :-1].gather(2, ids[..., None])[..., 0] - norms[:, :-1]  # (N, T)
    found = []
    for place, (_, answer) in enumerate(answers):
        parts = own[place, : len(answer)].tolist()
        if stop_ids:
            parts.append(float(logits[place, len(answer), sorted(stop_ids)].logsumexp(-1) - norms[place, len(answer)]))
        found.append(Score(sum(parts), sum(parts) / len(parts)))
    return found
