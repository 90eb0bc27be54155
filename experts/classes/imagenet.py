"""ImageNet's 1,000 classes (Russakovsky et al., arXiv 1409.0575): their names, and what kind of thing each is.

`imagenet.tsv` has a line for each class, in the order of the networks' outputs: the name as people say it (open_clip's
list, MIT, some made plainer), then the kinds that WordNet 3.0 (© 2006 Princeton University) has it under, as people say
them, from the narrowest on, and before those what people call it, where the name is another: a hen is a chicken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("imagenet.tsv")


@dataclass(frozen=True)
class ImageClass:
    """One class: "beagle", a "hound", "dog", "mammal" and "animal"."""

    name: str
    kinds: tuple[str, ...]


@cache
def classes() -> tuple[ImageClass, ...]:
    """Return all, in order; a few have the same name (two kinds of missiles)."""
    rows = (line.partition("\t") for line in FILE.read_text(encoding="utf-8").splitlines())
    return tuple(ImageClass(name, tuple(kinds.split(", ")) if kinds else ()) for name, _, kinds in rows)
