"""The `none` router: the core answers from the picture alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from vqa.registry import register_router
from vqa.settings import Settings
from vqa.values import Route

if TYPE_CHECKING:
    from vqa.protocols import Expert


@register_router
class NoneRouter:
    """Asks nobody, whatever the question."""

    name = "none"
    description = "asks no expert: the core alone"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def route(self, question: str, experts: Sequence[Expert]) -> Route:
        reasons = dict.fromkeys((expert.name for expert in experts), "no expert is asked")
        return Route((), "no expert is asked", self.name, reasons)
