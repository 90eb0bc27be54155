"""One frozen `Settings`, layered: flag > VQA_* environment > ./vqa.toml > user config > default.

Each value remembers the layer it came from; `vqa config` prints it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vqa.errors import InputError
from vqa.registry import unknown_name


def _home(variable: str, fallback: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / fallback)


def user_config_file() -> Path:
    """Return where the user's own defaults live (XDG)."""
    return _home("XDG_CONFIG_HOME", ".config") / "vqa" / "config.toml"


def default_home() -> Path:
    """Return where weights live unless VQA_HOME says otherwise (XDG)."""
    return _home("XDG_CACHE_HOME", ".cache") / "vqa"


def _setting(default: Any, help_text: str) -> Any:
    metadata = {"help": help_text}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Everything a user can set; field names are the option names, with `-` for `_` on the command line."""

    core: str = _setting("smollm2-135m", "visual core that answers")
    router: str = _setting("rules", "who chooses the experts: rules, all, none")
    experts: tuple[str, ...] = _setting((), "ask exactly these experts, whatever the router thinks")
    no_experts: tuple[str, ...] = _setting((), "never ask these experts")
    device: str = _setting("auto", "auto, cpu, cuda, cuda:1, mps")
    dtype: str = _setting("auto", "auto, float32, bfloat16, float16")
    adapter: str = _setting("", "folder of adapter weights instead of the built-in ones")
    max_new_tokens: int = _setting(48, "longest answer, in tokens")
    temperature: float = _setting(0.0, "0 is greedy; higher samples")
    top_p: float = _setting(1.0, "nucleus of probability that sampling draws from")
    seed: int = _setting(0, "seed for sampling")
    detector: str = _setting("auto", "auto, yolo, efficientdet")
    yolo_model: str = _setting("yolo11n.pt", "ultralytics model by name or path (.pt, .onnx)")
    tiles: bool = _setting(True, "also detect on overlapping tiles, for small objects")
    ocr_languages: tuple[str, ...] = _setting(("en",), "EasyOCR language codes")
    caption_model: str = _setting("", "BLIP captioner, hub name or folder; empty: none")
    offline: bool = _setting(False, "never use the network")
    strict: bool = _setting(False, "a failing expert is an error instead of a note")
    home: Path = _setting(default_home, "folder for weights")
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> Settings:
        """Return the settings in force.

        Args:
            flags: Values given on the command line or in code; None means "not given".
            folder: Where `vqa.toml` is looked for; the current folder by default.

        Raises:
            InputError: An unknown name or a value of the wrong type in any layer, with the layer's name.
        """
        values: dict[str, Any] = {}
        origins = dict.fromkeys(setting_names(), "default")
        project_file = (folder or Path.cwd()) / "vqa.toml"
        layers: list[tuple[str, Mapping[str, Any]]] = [
            (str(user_config_file()), _read_toml(user_config_file())),
            (str(project_file), _read_toml(project_file)),
            ("environment", {n: os.environ[f"VQA_{n.upper()}"] for n in origins if f"VQA_{n.upper()}" in os.environ}),
            ("flag", {n: v for n, v in (flags or {}).items() if v is not None}),
        ]
        for origin, layer in layers:
            for name, value in layer.items():
                if name not in origins:
                    raise InputError(f"{origin}: {unknown_name('setting', name, setting_names())}")
                values[name] = _parse(name, value, origin)
                origins[name] = f"VQA_{name.upper()}" if origin == "environment" else origin
        return cls(**values, origins=origins)


def setting_names() -> list[str]:
    """Return every setting's name, in the order of the dataclass."""
    return [f.name for f in fields(Settings) if f.name != "origins"]


def setting_help(name: str) -> str:
    return str(Settings.__dataclass_fields__[name].metadata["help"])


def _read_toml(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML ({error}); mend or remove it") from None


def _parse(name: str, value: Any, origin: str) -> Any:
    kind = Settings.__dataclass_fields__[name].type
    try:
        if kind == "Path":
            return Path(value).expanduser()
        if kind == "tuple[str, ...]":
            return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else tuple(value)
        if kind == "bool":
            return _boolean(value)
        return {"int": int, "float": float, "str": str}[str(kind)](value)
    except (TypeError, ValueError):
        raise InputError(f"{name}={value!r} ({origin}): expected {kind}") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).strip().lower() not in words:
        raise ValueError(value)
    return words[str(value).strip().lower()]
