"""Finds experts, routers and cores by name: every file in their folder, and other packages' entry points.

A class joins with `@register_expert`, `@register_router` or `@register_core` under its own `name`. A name with a colon,
such as "hf:OWNER/NAME", is a family: the class answers to every name that begins so, and reads by `member` what comes
after the colon. Scanning imports the files, which is why none of them imports a heavy package at module level.
"""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar

from vqa.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from vqa.protocols import Core, Expert, Router

_log = logging.getLogger(__name__)

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Classes of one kind by name, scanned on first use.

    Args:
        kind: What messages call one.
        package: Whose modules are scanned.
        entry_point_group: Where other packages name theirs.
        doors: A package of the same kind among the doors to other ecosystems, scanned too.
    """

    def __init__(self, kind: str, package: str, entry_point_group: str, *, doors: str = "") -> None:
        self.kind = kind
        self._packages = (package, doors) if doors else (package,)
        self._group = entry_point_group
        self._classes: dict[str, type[T]] = {}
        self._scanned = False
        self._lock = RLock()

    def register(self, cls: C) -> C:
        """Add a class under its `name`; a class decorator. Raises InputError if another class has the name."""
        name = cls.name  # type: ignore[attr-defined]
        known = self._classes.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(
                f"{self.kind} {name!r} is registered by {known.__module__} and {cls.__module__}; rename one of them"
            )
        self._classes[name] = cls
        return cls

    def names(self) -> list[str]:
        self._scan()
        return sorted(self._classes)

    def get(self, name: str) -> type[T]:
        """Return the class called `name`, or whose family it is of.

        Raises:
            InputError: None; the message lists the names and the nearest one.
        """
        self._scan()
        if name in self._classes:
            return self._classes[name]
        for family, cls in self._classes.items():
            if member(family, name):
                return cls
        raise InputError(unknown_name(self.kind, name, self.names()))

    def __iter__(self) -> Iterator[type[T]]:
        return iter([self._classes[name] for name in self.names()])

    def _scan(self) -> None:
        with self._lock:
            if self._scanned:
                return
            from importlib.metadata import entry_points  # loads the e-mail package: `vqa --help` does without

            for package in self._packages:
                for module in pkgutil.iter_modules(import_module(package).__path__):
                    import_module(f"{package}.{module.name}")
            for entry_point in entry_points(group=self._group):
                self._register_foreign(entry_point)
            self._scanned = True

    def _register_foreign(self, entry_point: EntryPoint) -> None:
        """Add another package's class; one that cannot be loaded is left out with a warning, so that the rest works."""
        try:
            self.register(entry_point.load())
        except Exception as error:
            _log.warning(
                "%s %r of %s is left out (%s: %s); mend or uninstall that package",
                self.kind,
                entry_point.name,
                entry_point.value,
                type(error).__name__,
                " ".join(str(error).split()),
            )


def member(family: str, name: str) -> str:
    """Return what `name` says after the colon if it is one of the family's; else nothing.

    >>> member("hf:OWNER/NAME", "hf:HuggingFaceTB/SmolVLM-256M-Instruct")
    'HuggingFaceTB/SmolVLM-256M-Instruct'
    """
    begin, colon, _ = family.partition(":")
    return name.removeprefix(begin + colon) if colon and name != family and name.startswith(begin + colon) else ""


def unknown_name(kind: str, name: str, known: list[str]) -> str:
    """Return the one-line message for a name that is not there, with the nearest one that is."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {kind} {name!r}: {hint}choose from {', '.join(known) or 'none installed'}"


experts: Registry[Expert] = Registry("expert", "vqa.experts", "vqa.experts")
routers: Registry[Router] = Registry("router", "vqa.agent.routers", "vqa.routers")
cores: Registry[Core] = Registry("core", "vqa.adapter_model.cores", "vqa.cores", doors="vqa.tools.cores")

register_expert: Callable[[C], C] = experts.register
register_router: Callable[[C], C] = routers.register
register_core: Callable[[C], C] = cores.register
