"""Example pictures that installed dependencies ship, each with a question; `example:bus` is one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vqa.errors import InputError, ModelUnavailable
from vqa.registry import unknown_name


@dataclass(frozen=True)
class Example:
    """A picture inside an installed package, and a question that suits it.

    Attributes:
        name: What follows `example:`.
        question: One natural question about the picture.
        package: The package, as imported, that ships the file.
        file: The file, relative to the package's folder.
        distribution: The name under which pip installs the package.
    """

    name: str
    question: str
    package: str
    file: str
    distribution: str

    @property
    def source(self) -> str:
        """What `load_image` and the command line take."""
        return f"example:{self.name}"

    def path(self) -> Path:
        """Return the file's path, without importing the package. Raises ModelUnavailable if it is not installed."""
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder, self.file)
            if path.is_file():
                return path
        raise ModelUnavailable(
            f"{self.source!r} is a picture of the package {self.distribution}, which is "
            f"{'installed without it' if spec else 'not installed'}: pip install --force-reinstall {self.distribution}"
        )


def _ultralytics(name: str, file: str, question: str) -> Example:
    return Example(name, question, "ultralytics", f"assets/{file}", "ultralytics")


def _skimage(name: str, file: str, question: str) -> Example:
    return Example(name, question, "skimage", f"data/{file}", "scikit-image")


_EXAMPLES = {
    example.name: example
    for example in (
        _ultralytics("bus", "bus.jpg", "Are there more than two people?"),
        _ultralytics("zidane", "zidane.jpg", "Is anyone wearing a tie?"),
        _skimage("cat", "chelsea.png", "Which animal is this?"),
        _skimage("coffee", "coffee.png", "Is there a spoon beside the cup?"),
        _skimage("astronaut", "astronaut.png", "How many people are in the picture?"),
        _skimage("motorcycle", "motorcycle_left.png", "Is there a motorcycle?"),
        _skimage("photographer", "camera.png", "Is there a person in the picture?"),
        _skimage("horse", "horse.png", "What animal is it?"),
        _skimage("page", "page.png", "What does the heading say?"),
    )
}


def examples() -> tuple[Example, ...]:
    """Return every example, installed or not."""
    return tuple(_EXAMPLES.values())


def get_example(name: str) -> Example:
    """Return the example called `name`, without the `example:`. Raises InputError that names the nearest one."""
    if name not in _EXAMPLES:
        raise InputError(unknown_name("example", name, list(_EXAMPLES)))
    return _EXAMPLES[name]
