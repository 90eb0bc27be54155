"""From figures about an answer to the probability that it is right: one logistic regression, a page of coefficients.

The coefficients are `confidence.json` beside this file, which benchmarks/confidence.py fits and writes; docs/trust.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from vqa.agent.trust.features import CORE, KIND

FILE = "confidence.json"


_UNMEASURED = 0.5
"""What counts of a core's log odds of its own answer where it was not measured: most are surer than they are right."""


@dataclass(frozen=True)
class Model:
    """What the log odds of being right are made of.

    Attributes:
        intercept: Log odds of an answer of which every feature is 0.
        coefficients: What one unit of a feature adds; a feature that is not here adds nothing.
        core_weights: What one unit of the log odds of the core's own probability adds, for each kind of question
            (named as its feature is): a core may know when it reads well, and not when it counts well.
        core_offsets: What is added with it, so that the mean stays where it was.
        cores: Whose answers it was fitted on. How often others are right is not known, nor how often any is with a
            kind of question that has no coefficient: the core's own probability, shrunk (without one, even odds),
            then stands for the intercept and the kind.
    """

    intercept: float
    coefficients: Mapping[str, float]
    core_weights: Mapping[str, float] = field(default_factory=dict)
    core_offsets: Mapping[str, float] = field(default_factory=dict)
    cores: tuple[str, ...] = ()

    def probability(self, features: Mapping[str, float], *, core: str) -> float:
        """Return how likely this core's answer with these features is right."""
        odds = sum(self.parts(features, core=core).values())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def parts(self, features: Mapping[str, float], *, core: str) -> dict[str, float]:
        """Return what each feature adds to the log odds, without those that add nothing."""
        evidence = {name: self.coefficients.get(name, 0.0) * value for name, value in features.items() if name != CORE}
        own = features.get(CORE)
        kind = next((name for name, is_it in features.items() if name.startswith(KIND) and is_it), "")
        if core in self.cores and kind in self.coefficients:
            told = {"intercept": self.intercept, **evidence}
            if own is not None and kind in self.core_weights:
                told[CORE] = self.core_weights[kind] * own + self.core_offsets[kind]
        else:
            told = {name: added for name, added in evidence.items() if not name.startswith(KIND)}
            told[CORE] = _UNMEASURED * (own or 0.0)
        return {name: added for name, added in told.items() if added}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Model:
        return cls(**{**data, "cores": tuple(data["cores"])})


@cache
def shipped() -> Model:
    """Return the model that the package ships."""
    return Model.from_dict(json.loads(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))["model"])
