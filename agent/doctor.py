"""Says what works on this machine, what is missing, and the command that mends it; changes and fetches nothing."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from vqa import registry
from vqa.errors import VQAError
from vqa.protocols import Core, Expert
from vqa.settings import Settings
from vqa.weights import MODELS, Store, megabytes

# What this project imports, by the name pip knows; what pip could not bring is named with the command that does.
_PACKAGES = (
    "torch",
    "torchvision",
    "transformers",
    "timm",
    "ultralytics",
    "ai-edge-litert",
    "onnxruntime",
    "easyocr",
    "pillow",
    "numpy",
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        status: "missing" stands in the way of an answer, "optional" does not.
        message: What was found, in a few words.
        mend: The command that mends it; empty if nothing needs mending.
    """

    name: str
    status: Literal["ok", "missing", "optional"]
    message: str
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Return every check, in the order in which an answer needs them. `vqa ask` works if none is "missing".

    Raises:
        InputError: The settings name a core, router or expert that does not exist.
    """
    store = Store.from_settings(settings)
    return [
        _python(),
        *map(_package, _PACKAGES),
        _device(),
        _home(settings.home, sum(model.size for model in MODELS if model.builtin and not store.present(model.name))),
        *_fetching(settings, store),
        *_models(settings, store),
        *_cores(settings),
        *_experts(settings),
    ]


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} ({sys.executable}), {os.cpu_count()} cores")


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", version(name))
    except PackageNotFoundError:
        return Check(name, "missing", "not installed", f"pip install {name}")


def _device() -> Check:
    try:
        import torch
    except Exception as error:  # a broken installation raises whatever it likes
        why = f"torch cannot be imported: {type(error).__name__}: {error}"
        return Check("device", "missing", why, "pip install --force-reinstall torch torchvision")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Check("device", "ok", f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free")
    if torch.backends.mps.is_available():
        return Check("device", "ok", "mps")
    return Check("device", "ok", f"cpu, {torch.get_num_threads()} threads; no GPU")


def _home(home: Path, needed: int) -> Check:
    """Check the weights folder; what is still `needed` takes twice its size, as a download and unpacked."""
    existing = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Check("weights folder", "missing", f"{home} cannot be written", "export VQA_HOME=/a/folder/you/own")
    free = shutil.disk_usage(existing).free
    message = f"{home}, {free / 1e9:.1f} GB free"
    if free < 2 * needed:
        return Check(
            "weights folder",
            "missing",
            f"{message}, {2 * needed / 1e9:.1f} GB needed",
            "export VQA_HOME=/a/folder/with/room",
        )
    return Check("weights folder", "ok", message)


def _fetching(settings: Settings, store: Store) -> Iterator[Check]:
    if settings.offline:
        yield Check("network", "ok", f"never used ({settings.origins.get('offline', 'offline')})")
        return
    complete = all(store.present(model.name) for model in MODELS if model.builtin)
    if find_spec("pip"):
        yield Check("pip", "ok", f"{version('pip')}, fetches the built-in models; the network was not tried")
    else:
        mend = f"{sys.executable} -m ensurepip"
        yield Check("pip", "optional" if complete else "missing", "not installed; it fetches the built-in models", mend)


def _models(settings: Settings, store: Store) -> Iterator[Check]:
    for status in store.statuses():
        model = status.model
        about = f"{model.purpose}, {megabytes(model.size)}"
        if status.complete:
            yield Check(model.name, "ok", about)
            continue
        needed = model.builtin and settings.offline
        when = "; fetched when first needed" if model.builtin and not settings.offline else ""
        message, mend = f"{about}: {status.where}{when}", f"vqa models pull {model.name}"
        yield Check(model.name, "missing" if needed else "optional", message, mend)


def _cores(settings: Settings) -> Iterator[Check]:
    core = registry.cores.get(settings.core).from_settings(settings)
    name = f"core {core.name}"
    why_not = _why_not(core)
    yield Check(name, "missing" if why_not else "ok", why_not or core.description, _command_in(why_not))
    sees = getattr(core, "sees", None)  # only cores that can be blind have it
    if sees is None or why_not:
        return
    if sees():
        yield Check(f"{name}: eyes", "ok", "the picture itself reaches the core")
    else:
        blind = "visual gates are zero: it answers from the experts' findings until a trained adapter is loaded"
        yield Check(f"{name}: eyes", "optional", blind, "vqa ask --adapter FOLDER …")


def _experts(settings: Settings) -> Iterator[Check]:
    for kind in registry.experts:
        expert = kind.from_settings(settings)
        why_not = _why_not(expert)
        message = why_not or expert.description
        yield Check(f"expert {expert.name}", "optional" if why_not else "ok", message, _command_in(why_not))


def _why_not(part: Core | Expert) -> str | None:
    try:
        return part.available()
    except Exception as error:  # a broken part is what the doctor is there to report
        return str(error) if isinstance(error, VQAError) else f"{type(error).__name__}: {error}"


def _command_in(message: str | None) -> str:
    """Return the command that `available()` puts between backticks, if there is one."""
    found = re.search(r"`([^`]+)`", message or "")
    return found[1] if found else ""
