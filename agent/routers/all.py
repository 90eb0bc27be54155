"""The `all` router: every expert looks at every picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from vqa.registry import register_router
from vqa.settings import Settings
from vqa.values import Route

if TYPE_CHECKING:
    from vqa.protocols import Expert


@register_router
class AllRouter:
    """Asks everybody, whatever the question."""

    name = "all"
    description = "asks every expert"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def route(self, question: str, experts: Sequence[Expert]) -> Route:
        names = tuple(expert.name for expert in experts)
        return Route(names, "every expert is asked", self.name, dict.fromkeys(names, "every expert is asked"))
