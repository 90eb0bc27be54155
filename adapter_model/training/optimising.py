"""AdamW for each parameter group by itself, with its own state and learning-rate schedule (paper, section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from vqa.adapter_model.config import Group
from vqa.adapter_model.training.recipe import Stage


class GroupOptimizer:
    """AdamW over one group's parameters.

    Args:
        group: Which group.
        parameters: Its parameters by name.
        stage: Rates and regularisation.
        steps: How many steps of the stage train this group.
    """

    def __init__(self, group: Group, parameters: Mapping[str, nn.Parameter], stage: Stage, steps: int) -> None:
        self.group = group
        self.parameters = dict(parameters)
        self._stage, self._steps = stage, steps
        gates: list[nn.Parameter] = []
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.parameters.items():
            kind = gates if name.endswith("gate") else matrices if parameter.ndim > 1 else others
            kind.append(parameter)
        rate = stage.rate(group)
        self._rates = [rate * stage.gate_multiple, rate, rate]
        decays = (0.0, stage.weight_decay, 0.0)
        parts = [{"params": p, "weight_decay": d} for p, d in zip((gates, matrices, others), decays, strict=True)]
        self._rates = [r for r, part in zip(self._rates, parts, strict=True) if part["params"]]
        self._adam = torch.optim.AdamW([p for p in parts if p["params"]], lr=rate, betas=stage.betas, fused=True)

    def step(self, done: int) -> tuple[float, float]:
        """Change the parameters; return the gradient's norm before clipping and the learning rate.

        A step without a finite gradient changes nothing; the caller sees it by the norm.

        Args:
            done: Steps of this group before this one.
        """
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), self._stage.clip))
        share = self.share(done)
        if math.isfinite(norm):
            for part, rate in zip(self._adam.param_groups, self._rates, strict=True):
                part["lr"] = rate * share
            self._adam.step()
        return norm, self._stage.rate(self.group) * share

    def share(self, done: int) -> float:
        """Return the part of the full rate at a step: a straight rise, then half a cosine down to the floor."""
        rise = min((done + 1) / self._stage.warmup, 1.0) if self._stage.warmup else 1.0
        fall = 0.5 * (1 + math.cos(math.pi * done / max(self._steps, 1)))
        return rise * (self._stage.floor + (1 - self._stage.floor) * fall)

    def clear(self) -> None:
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return AdamW's moments, named "parameter/moment"."""
        found = {}
        for name, parameter in self.parameters.items():
            for key, value in self._adam.state.get(parameter, {}).items():
                found[f"{name}/{key}"] = value
        return found

    def restore(self, state: Iterable[tuple[str, Tensor]]) -> None:
        """Take back what `state` returned."""
        for key, value in state:
            name, _, moment = key.rpartition("/")
            parameter = self.parameters[name]
            self._adam.state[parameter][moment] = value.to(parameter.device, copy=True)
