"""From figures about an answer to the probability that it is right: one logistic regression, a page of coefficients.

The coefficients are `confidence.json` beside this file, which benchmarks/confidence.py fits and writes; docs/trust.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from vqa.agent.trust.features import CORE

FILE = "confidence.json"


@dataclass(frozen=True)
class Model:
    """What the log odds of being right are made of.

    Attributes:
        intercept: Log odds of an answer of which every feature is 0.
        coefficients: What one unit of a feature adds; a feature that is not here adds nothing.
        core_weight: What one unit of the log odds of the core's own probability adds.
        core_offset: What is added with it, so that the mean stays where it was.
    """

    intercept: float
    coefficients: Mapping[str, float]
    core_weight: float = 0.0
    core_offset: float = 0.0

    def probability(self, features: Mapping[str, float]) -> float:
        """Return how likely an answer with these features is right."""
        odds = self.intercept + sum(parts(self, features).values())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def to_dict(self) -> dict[str, Any]:
        return {
            "intercept": self.intercept,
            "coefficients": dict(self.coefficients),
            "core_weight": self.core_weight,
            "core_offset": self.core_offset,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Model:
        return cls(data["intercept"], dict(data["coefficients"]), data["core_weight"], data["core_offset"])


def parts(model: Model, features: Mapping[str, float]) -> dict[str, float]:
    """Return what each feature adds to the log odds, without those that add nothing."""
    told = {name: model.coefficients.get(name, 0.0) * value for name, value in features.items() if name != CORE}
    if CORE in features:
        told[CORE] = model.core_weight * features[CORE] + model.core_offset
    return {name: added for name, added in told.items() if added}


@cache
def shipped() -> Model:
    """Return the model that the package ships."""
    return Model.from_dict(json.loads(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))["model"])
