"""An optimizer for each parameter group by itself, with its own state and schedule (paper, section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vqa.adapter_model.config import Group
from vqa.adapter_model.training.recipe import Stage


class GroupOptimizer:
    """AdamW over one group's parameters; with "muon" Muon over the matrices of the visual path among them.

    Muon (https://kellerjordan.github.io/posts/muon) makes all directions of a matrix's step equally long, here scaled
    to the length that AdamW's would have (arXiv 2502.16982, section 2.2), so that one rate serves both.

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
        kinds: dict[str, list[nn.Parameter]] = {"gates": [], "visual": [], "matrices": [], "others": []}
        for name, parameter in self.parameters.items():
            kinds[_kind(name, parameter)].append(parameter)
        if stage.optimizer == "adamw":
            kinds["matrices"] += kinds.pop("visual")
        rate = stage.rate(group)
        parts: dict[str, dict[str, Any]] = {
            kind: {
                "params": members,
                "full_rate": rate * (stage.gate_multiple if kind == "gates" else 1.0),
                "weight_decay": 0.0 if kind in ("gates", "others") else stage.weight_decay,
            }
            for kind, members in kinds.items()
            if members
        }
        self._optimizers: list[torch.optim.Optimizer] = []
        if visual := parts.pop("visual", None):
            self._optimizers.append(torch.optim.Muon([visual], lr=rate, adjust_lr_fn="match_rms_adamw"))
        if parts:
            self._optimizers.append(torch.optim.AdamW(parts.values(), lr=rate, betas=stage.betas, fused=True))

    def step(self, done: int) -> tuple[float, float]:
        """Change the parameters; return the gradient's norm before clipping and the learning rate.

        A step without a finite gradient changes nothing; the caller sees it by the norm.

        Args:
            done: Steps of this group before this one.
        """
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters.values(), self._stage.clip))
        share = self.share(done)
        if math.isfinite(norm):
            for optimizer in self._optimizers:
                for part in optimizer.param_groups:
                    part["lr"] = part["full_rate"] * share
                optimizer.step()
        return norm, self._stage.rate(self.group) * share

    def share(self, done: int) -> float:
        """Return the part of the full rate at a step: a straight rise, then half a cosine down to the floor."""
        rise = min((done + 1) / self._stage.warmup, 1.0) if self._stage.warmup else 1.0
        fall = 0.5 * (1 + math.cos(math.pi * done / max(self._steps, 1)))
        return rise * (self._stage.floor + (1 - self._stage.floor) * fall)

    def clear(self) -> None:
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return the optimizers' moments, named "parameter/moment"."""
        return {
            f"{name}/{key}": value
            for name, parameter in self.parameters.items()
            for optimizer in self._optimizers
            for key, value in optimizer.state.get(parameter, {}).items()
        }

    def restore(self, state: Iterable[tuple[str, Tensor]]) -> None:
        """Take back what `state` returned."""
        owners = {
            parameter: optimizer
            for optimizer in self._optimizers
            for part in optimizer.param_groups
            for parameter in part["params"]
        }
        for key, value in state:
            name, _, moment = key.rpartition("/")
            parameter = self.parameters[name]
            owners[parameter].state[parameter][moment] = value.to(parameter.device, copy=True)


def _kind(name: str, parameter: nn.Parameter) -> str:
    if name.endswith("gate"):
        return "gates"
    if parameter.ndim < 2:
        return "others"
    is_map = parameter.ndim == 2 and name.endswith(".weight")  # queries and prompts are many vectors, not one map
    return "visual" if is_map and name.startswith("visual.") else "matrices"
