"""Attributes that are computed at most once, whoever asks first."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")


class once(cached_property[T]):
    """A cached property that several threads may ask for: the others wait for the first.

    The object has a reentrant lock in `loading`, one for all its properties, because they ask for one another.
    """

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> T:  # type: ignore[override]
        with instance.loading:
            value: T = super().__get__(instance, owner)
        return value
