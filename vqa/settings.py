"""One frozen `Settings`, layered: flag > VQA_* environment > ./vqa.toml > user config > default.

Each value remembers the layer it came from; `vqa config` prints it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
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


def _setting(default: Any, help_text: str, *, least: float = -inf, most: float = inf) -> Any:
    metadata = {"help": help_text, "least": least, "most": most}
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
    dtype: str = _setting("auto", "auto, float32, bfloat16, float16; auto may decode with weights in 4 and 8 bits")
    quantization: str = _setting("none", "none, 8bit, 4bit: the language model's weights, by bitsandbytes")
    adapter: str = _setting("", "adapter weights instead of the core's own: folder, preset, or owner/name on the hub")
    base_model: str = _setting("", "LLaMA of the llama-adapter core: folder, or owner/name; empty: the adapter's own")
    base_url: str = _setting("", "OpenAI-compatible endpoint of an openai: core, e.g. http://localhost:8000/v1")
    max_new_tokens: int = _setting(96, "longest answer, in tokens", least=1)
    temperature: float = _setting(0.0, "0 is greedy; higher samples", least=0)
    top_p: float = _setting(1.0, "nucleus of probability that sampling draws from", least=0, most=1)
    top_k: int = _setting(0, "number of likeliest tokens that sampling draws from; 0: all", least=0)
    min_confidence: float = _setting(
        0.15, 'say "I cannot tell" where the confidence is lower; 0: always answer', least=0, most=1
    )
    num_beams: int = _setting(1, "texts followed at once, the likeliest of which is the answer", least=1, most=64)
    stop: tuple[str, ...] = _setting((), "strings that end the answer where they first appear")
    seed: int = _setting(0, "seed for sampling", least=0, most=2**63 - 1)
    detector: str = _setting("auto", "auto, yolo, efficientdet")
    yolo_model: str = _setting("yolo11n.pt", "ultralytics model by name or path (.pt, .onnx)")
    tiles: bool = _setting(True, "also detect on overlapping tiles, for small objects")
    ocr_model: str = _setting("auto", "auto, pp-ocrv6, easyocr; auto: easyocr for languages the other cannot read")
    ocr_languages: tuple[str, ...] = _setting(("en",), "languages to read, by EasyOCR's codes")
    caption_model: str = _setting("smollm2-captions", "captioner: an adapter's folder, or BLIP's; empty: none")
    expert_seconds: float = _setting(120.0, "longest an expert may look, in seconds; 0: no limit", least=0, most=86_400)
    second_looks: int = _setting(1, "most times experts look again, closer, for one question", least=0, most=8)
    second_look_seconds: float = _setting(10.0, "longest that second looks may take, in seconds", least=0, most=86_400)
    offline: bool = _setting(False, "never use the network")
    strict: bool = _setting(False, "an answer without one of its experts is a failure: exit code 4")
    cache: bool = _setting(True, "keep on disk what experts saw, for every process")
    cache_size: int = _setting(256, "most megabytes of findings on disk", least=1)
    home: Path = _setting(default_home, "folder for weights and for what experts saw")
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> Settings:
        """Return the settings in force.

        Args:
            flags: Values given on the command line or in code; None means "not given".
            folder: Where `vqa.toml` is looked for; the current folder by default.

        Raises:
            InputError: An unknown name, or a value of the wrong type or out of range, with the layer's name.
        """
        values: dict[str, Any] = {}
        origins = dict.fromkeys(setting_names(), "default")
        project_file = (folder or Path.cwd()) / "vqa.toml"
        layers: list[tuple[str, Mapping[str, Any]]] = [
            (str(user_config_file()), _read_toml(user_config_file())),
            (str(project_file), _read_toml(project_file)),
            ("environment", {n: v for n in origins if (v := os.environ.get(f"VQA_{n.upper()}"))}),  # empty: not set
            ("flag", {n: v for n, v in (flags or {}).items() if v is not None}),
        ]
        for origin, layer in layers:
            for name, value in layer.items():
                if name not in origins:
                    raise InputError(f"{origin}: {unknown_name('setting', name, setting_names())}")
                origins[name] = f"VQA_{name.upper()}" if origin == "environment" else origin
                values[name] = _parse(name, value, origins[name])
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
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); mend or remove it") from None


_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "Path": "a folder",
    "tuple[str, ...]": "words, separated by commas or in a list",
}


def _parse(name: str, value: Any, origin: str) -> Any:
    setting = Settings.__dataclass_fields__[name]
    kind = str(setting.type)
    try:
        parsed = _converted(kind, value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}={value!r} ({origin}): expected {_KINDS[kind]}") from None
    least, most = setting.metadata["least"], setting.metadata["most"]
    if kind in ("int", "float") and not least <= parsed <= most:
        limits = f"at least {least}" if most == inf else f"{least} to {most}"
        raise InputError(f"{name}={value!r} ({origin}): expected {_KINDS[kind]}, {limits}")
    return parsed


def _converted(kind: str, value: Any) -> Any:
    """Return a value, often text, as the kind a setting has. Raises TypeError or ValueError if it is not one."""
    if kind == "bool":
        return _boolean(value)
    if kind == "tuple[str, ...]":
        words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
            raise TypeError(value)
        return tuple(filter(None, words))  # those of a list as they are: a string that ends an answer may be a blank
    if kind == "Path":
        return Path(value).expanduser()
    if kind == "str":
        if not isinstance(value, str | Path):
            raise TypeError(value)
        return str(value)
    if isinstance(value, bool) or (kind == "int" and isinstance(value, float) and not value.is_integer()):
        raise TypeError(value)
    return int(value) if kind == "int" else float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).strip().lower() not in words:
        raise ValueError(value)
    return words[str(value).strip().lower()]
