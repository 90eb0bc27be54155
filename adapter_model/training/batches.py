"""Which rows a batch holds, and the batch as tensors; both follow from the seed and the batch's number alone.

Answers of one picture share its prompt: they stand one after the other in the same row of tokens, each sees the prompt
and itself, and its positions go on from the prompt's end, so that it is learnt exactly as if it stood alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqa.adapter_model.training.rows import Row
from vqa.adapter_model.training.views import is_mirrored

_SORTED_TOGETHER = 32  # batches' worth of rows that are sorted by length: padding is work done for nothing


@dataclass(frozen=True)
class Batch:
    """Rows as tensors.

    Attributes:
        ids: (B, T) tokens, padded on the right.
        positions: (B, T) each token's place in its prompt and answer.
        mask: (B, 1, T, T) what each token sees; None: all before it.
        sources: (N) places in the flattened (B * T) from which the learnt tokens are told.
        targets: (N) the learnt tokens.
        features: (B, P, F) float16; None: no pictures.
        prompts: Each row's prompt.
        numbers: Each row's place among its source's rows; empty where the rows are no source's.
        weights: (N) what each learnt token's loss counts; None: 1.
    """

    ids: Tensor
    positions: Tensor
    mask: Tensor | None
    sources: Tensor
    targets: Tensor
    features: Tensor | None
    prompts: tuple[tuple[int, ...], ...]
    numbers: tuple[int, ...] = ()
    weights: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


class Readable(Protocol):
    """Where pictures' features, (B, P, F), are read by their records: a `FeatureStore`, or what stands in for one."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def read(self, records: NDArray[np.int64], /) -> Tensor: ...


class Material:
    """One source's rows, and the batches they make.

    Args:
        rows: What is learnt.
        records: (pictures, views) records of the pictures in the store.
        views: Names of those views.
        store: Where the features are; None: no row has a picture. May be exchanged for another that knows its records.
    """

    def __init__(
        self, rows: Sequence[Row], records: NDArray[np.int64], views: Sequence[str], store: Readable | None
    ) -> None:
        self.rows = rows
        self.store, self._records = store, records
        self._unmirrored = [i for i, view in enumerate(views) if not is_mirrored(view)] or [0]
        self._lengths = np.array([len(row) for row in rows])
        seeing = np.array([row.picture >= 0 for row in rows])
        self._kinds = [k for k in (np.flatnonzero(seeing), np.flatnonzero(~seeing)) if len(k)]  # never in one batch
        self._epoch: tuple[tuple[int, ...], list[NDArray[np.int64]]] | None = None

    def pictures(self) -> list[tuple[NDArray[np.int64], Row]]:
        """Return every row that has a picture, with the records of the views that may be read for it."""
        views = [self._unmirrored if row.one_sided else slice(None) for row in self.rows]
        return [
            (self._records[row.picture][own], row)
            for row, own in zip(self.rows, views, strict=True)
            if row.picture >= 0
        ]

    def batches_an_epoch(self, size: int) -> int:
        return sum(-(-len(kind) // size) for kind in self._kinds)

    def batches(
        self, number: int, size: int, seed: tuple[int, ...], *, parts: int = 1, patch_dropout: float = 0.0
    ) -> list[Batch]:
        """Return a batch for learning, in parts.

        Args:
            number: Its place in the endless order of epochs.
            size: Its rows.
            seed: What the order and all draws depend on.
            parts: How many; they hold the same rows, however many there are.
            patch_dropout: Share of the patches left out, the same ones in every row.
        """
        epoch, place = divmod(number, self.batches_an_epoch(size))
        chosen = self._order(epoch, size, seed)[place]
        draw = np.random.default_rng((*seed, 1, number))
        draws = draw.random((len(chosen), 2))
        patches = self.store.shape[0] if self.store is not None else 0
        kept = np.sort(draw.permutation(patches)[: max(round(patches * (1 - patch_dropout)), 1)])
        found = []
        for rows, drawn in zip(np.array_split(chosen, parts), np.array_split(draws, parts), strict=True):
            if len(rows):
                batch = self.assemble(rows, drawn)
                thinned = batch.features if not patch_dropout or batch.features is None else batch.features[:, kept]
                found.append(replace(batch, features=thinned))
        return found

    def in_order(self, size: int) -> list[NDArray[np.int64]]:
        """Return rows for measuring: every one once, like lengths together."""
        ordered = [kind[np.argsort(self._lengths[kind], kind="stable")] for kind in self._kinds]
        return [kind[start : start + size] for kind in ordered for start in range(0, len(kind), size)]

    def assemble(self, chosen: NDArray[np.int64], draws: NDArray[np.float64] | None = None) -> Batch:
        """Return rows as tensors; two draws in [0, 1) for each choose its prompt and view, else the first are taken."""
        rows = [self.rows[i] for i in chosen]
        firsts, seconds = (np.zeros(len(rows)),) * 2 if draws is None else draws.T
        prompts = [row.prompts[int(draw * len(row.prompts))] for row, draw in zip(rows, firsts, strict=True)]
        features = None
        if rows[0].picture >= 0 and self.store is not None:
            records = [self._record(row, draw) for row, draw in zip(rows, seconds, strict=True)]
            features = self.store.read(np.array(records))
        return replace(pack(rows, prompts, features), numbers=tuple(chosen.tolist()))

    def _record(self, row: Row, draw: float) -> int:
        views = self._unmirrored if row.one_sided else range(self._records.shape[1])
        return int(self._records[row.picture, views[int(draw * len(views))]])

    def _order(self, epoch: int, size: int, seed: tuple[int, ...]) -> list[NDArray[np.int64]]:
        """Return an epoch's batches: a permutation, sorted by length in parts, the batches in random order."""
        key = (epoch, size, *seed)
        if self._epoch is None or self._epoch[0] != key:
            draw = np.random.default_rng((*seed, 0, epoch))
            batches: list[NDArray[np.int64]] = []
            for kind in self._kinds:
                shuffled = draw.permutation(kind)
                shuffled = np.resize(shuffled, -(-len(kind) // size) * size)  # the last batch is filled from the first
                for start in range(0, len(shuffled), size * _SORTED_TOGETHER):
                    part = shuffled[start : start + size * _SORTED_TOGETHER]
                    part = part[np.argsort(self._lengths[part], kind="stable")]
                    batches += [part[i : i + size] for i in range(0, len(part), size)]
            self._epoch = key, [batches[i] for i in draw.permutation(len(batches))]
        return self._epoch[1]


def pack(rows: Sequence[Row], prompts: Sequence[Sequence[int]], features: Tensor | None) -> Batch:
    """Return rows, each behind its prompt, as one batch."""
    lengths = [len(p) + sum(len(a.ids) for a in row.answers) for row, p in zip(rows, prompts, strict=True)]
    shape = len(rows), max(lengths)
    ids, parts = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
    positions = np.tile(np.arange(shape[1]), (shape[0], 1))
    sources, targets = [], []
    for b, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
        start = len(prompt)
        ids[b, :start], parts[b, :start] = prompt, 0
        for number, answer in enumerate(row.answers, 1):
            end = start + len(answer.ids)
            ids[b, start:end], parts[b, start:end] = answer.ids, number
            positions[b, start:end] = np.arange(len(prompt), len(prompt) + len(answer.ids))
            before = np.arange(start - 1, end - 1)
            before[0] = len(prompt) - 1  # the first token of each answer is told by the prompt's last
            learnt = np.repeat(np.arange(len(answer.learnt)) % 2 == 0, answer.learnt)
            sources.append(b * shape[1] + before[learnt])
            targets.append(np.array(answer.ids)[learnt])
            start = end
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        None if all(len(row.answers) == 1 for row in rows) else _mask(torch.from_numpy(parts)),
        torch.from_numpy(np.concatenate(sources)),
        torch.from_numpy(np.concatenate(targets)),
        features,
        tuple(map(tuple, prompts)),
    )


def _mask(parts: Tensor) -> Tensor:
    """Return (B, 1, T, T) bool: a token sees itself, and what came before it of the prompt (0) and its own part."""
    seen = parts[:, None, :]  # (B, 1, T)
    same = (seen == parts[:, :, None]) | (seen == 0)  # (B, T, T)
    return same.tril()[:, None]
