"""Reads a recipe: YAML with `${variables}`, changed from the command line, every mistake told in one line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from vqa.adapter_model.training.recipe import Recipe
from vqa.errors import InputError
from vqa.images import is_url

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PATHS = ("path", "annotations", "pictures")


def load_recipe(path: Path, *, changes: Sequence[str] = (), output: Path | None = None) -> Recipe:
    """Return the recipe in a YAML file, with every path in it absolute.

    Args:
        path: The file. Paths in it are relative to its folder.
        changes: `key=value` from the command line: a variable of the file, or a dotted key (`stages.0.steps=100`). A
            value that names something in the current folder means that.
        output: Folder of the run, instead of the file's.

    Raises:
        InputError: No such file, not YAML, an unknown or missing key, or a value that cannot be.
    """
    data = _read(path)
    variables = data.pop("variables", {}) or {}
    if not isinstance(variables, dict):
        raise InputError(f"{path}: variables: expected names with values")
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise InputError(f"--set {change!r}: expected key=value")
        value = _value(text)
        if key in variables:
            variables[key] = value
        else:
            _assign(data, key, value, known=[*variables, *Recipe.model_fields])
    data = _filled(data, {**os.environ, **{name: v for name, v in variables.items() if v is not None}}, str(path))
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}: {_first(error)}") from None
    return _absolute(recipe, path.absolute().parent, output)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected keys and values")
    return data


def _value(text: str) -> Any:
    if text and Path(text).exists():
        return str(Path(text).absolute())
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _assign(data: Any, key: str, value: Any, *, known: Sequence[str]) -> None:
    *parents, last = key.split(".")
    here = data
    for name in parents:
        here = _entry(here, name, key)
    if isinstance(here, list):
        _entry(here, last, key)
        here[int(last)] = value
    elif isinstance(here, dict):
        if not parents and last not in known:
            raise InputError(f"--set {key}: {_unknown(last, known)}")
        here[last] = value
    else:
        raise InputError(f"--set {key}: {parents[-1]} has no parts")


def _entry(here: Any, name: str, key: str) -> Any:
    if isinstance(here, list) and name.isdigit() and int(name) < len(here):
        return here[int(name)]
    if isinstance(here, dict) and name in here:
        return here[name]
    known = (
        [str(i) for i in range(len(here))] if isinstance(here, list) else list(here) if isinstance(here, dict) else []
    )
    raise InputError(f"--set {key}: {_unknown(name, known)}")


def _filled(value: Any, variables: Mapping[str, Any], where: str) -> Any:
    """Return the value with every `${NAME}` in its texts replaced."""
    if isinstance(value, dict):
        return {name: _filled(part, variables, f"{where}: {name}") for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, variables, where) for part in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        name = match[1]
        if name not in variables:
            raise InputError(f"{where}: ${{{name}}} has no value; give --set {name}=… or set it in the environment")
        return str(variables[name])

    return _VARIABLE.sub(replaced, value)


def _first(error: ValidationError) -> str:
    """Return the first mistake in one line, with the nearest known key where one is unknown."""
    mistake = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        *parents, name = mistake["loc"]
        model = _model_at(parents)
        return f"{place}: {_unknown(str(name), list(model.model_fields))}"
    if mistake["type"] == "missing":
        return f"{place}: missing"
    message = str(mistake["ctx"]["error"]) if mistake["type"] == "value_error" else mistake["msg"]
    if not place:
        return message
    return f"{place}={mistake['input']!r}: {message[:1].lower() + message[1:]}"


def _model_at(parents: Sequence[str | int]) -> type[BaseModel]:
    from vqa.adapter_model.training.recipe import Source, Stage

    first = parents[0] if parents else ""
    return Stage if first == "stages" else Source if first in ("sources", "validation") else Recipe


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"unknown key {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}")


def _absolute(recipe: Recipe, folder: Path, output: Path | None) -> Recipe:
    def placed(name: str) -> str:
        return name if not name or is_url(name) else str(folder / Path(name).expanduser())

    def located(sources: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: source.model_copy(update={key: placed(getattr(source, key)) for key in _PATHS})
            for name, source in sources.items()
        }

    init = recipe.init if not (folder / recipe.init).is_dir() else str(folder / recipe.init)
    return recipe.model_copy(
        update={
            "sources": located(recipe.sources),
            "validation": located(recipe.validation),
            "init": init if recipe.init else "",
            "output": str(output.absolute()) if output else placed(recipe.output),
            "features": placed(recipe.features),
        }
    )
