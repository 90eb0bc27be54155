"""Which source each step learns from, known before the first step: it follows from the seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqa.adapter_model.config import Group
from vqa.adapter_model.training.recipe import ALL_GROUPS, Recipe, Stage, groups_of


@dataclass(frozen=True)
class Step:
    """One step of a run.

    Attributes:
        stage: Its stage's place in the recipe.
        source: The source its batch comes from.
        batch: How many batches of that source, over the whole run, came before.
        groups: The groups it changes.
        done: How many steps of the stage have changed each of them before.
    """

    stage: int
    source: str
    batch: int
    groups: tuple[Group, ...]
    done: dict[Group, int]


class Plan:
    """All steps of a recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.steps: list[Step] = []
        self.group_steps: list[dict[Group, int]] = []
        taken = dict.fromkeys(recipe.sources, 0)
        for place, stage in enumerate(recipe.stages):
            done = dict.fromkeys(ALL_GROUPS, 0)
            for source in _draws(recipe, stage, place):
                groups = groups_of(recipe.sources[source])
                self.steps.append(Step(place, source, taken[source], groups, dict(done)))
                taken[source] += 1
                for group in groups:
                    done[group] += 1
            self.group_steps.append(done)


def _draws(recipe: Recipe, stage: Stage, place: int) -> list[str]:
    weights = recipe.stage_sources(stage)
    names = list(weights)
    if stage.order == "alternate":
        return [names[step % len(names)] for step in range(stage.steps)]
    shares = np.array(list(weights.values())) / sum(weights.values())
    drawn = np.random.default_rng((recipe.seed, 2, place)).choice(len(names), stage.steps, p=shares)
    return [names[i] for i in drawn]
