"""Which pictures are curated: folders, patterns and archives, or those that a file of annotations names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vqa.agent.batch.pictures import ask_about
from vqa.agent.batch.rows import Row
from vqa.agent.instructions.annotations import chosen, pictures_beside, read_annotations
from vqa.errors import InputError

_ANNOTATIONS = (".jsonl", ".json")


def captioned(places: Sequence[str], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what people said about each of these pictures.

    Args:
        places: One file of annotations.
        names: Pictures of it.

    Raises:
        InputError: It is something else, or holds no caption of a picture.
    """
    if len(places) != 1 or Path(places[0]).suffix.lower() not in _ANNOTATIONS:
        raise InputError("--captions belongs to one file of annotations (.jsonl, .json)")
    told = {name: list[str]() for name in names}
    for row in read_annotations(Path(places[0]).expanduser()):
        if row.image in told:
            told[row.image] += row.captions
    if silent := [name for name, captions in told.items() if not captions]:
        raise InputError(f"{places[0]!r}: --captions, but there are none of {silent[0]!r}")
    return {name: tuple(captions) for name, captions in told.items()}


def named(places: Sequence[str], *, root: str | None = None, split: str | None = None) -> tuple[list[str], str | None]:
    """Return the names of pictures, and the folder or archive that they are in; None: they stand for themselves.

    Args:
        places: Folders, patterns, pictures, one .tar or .zip, or one file of annotations.
        root: Where the pictures of the annotations are; by default what lies beside them.
        split: Only annotated pictures of that split.

    Raises:
        InputError: There are no pictures, or an option has nothing to do with these places.
    """
    annotated = len(places) == 1 and Path(places[0]).suffix.lower() in _ANNOTATIONS
    if not annotated and (root or split):
        raise InputError("--image-root and --split belong to one file of annotations (.jsonl, .json)")
    if annotated:
        file = Path(places[0]).expanduser()
        rows = chosen(read_annotations(file), split=split, limit=None, seed=0)
        if not rows:
            raise InputError(f"{places[0]!r}: no picture" + (f" of split {split!r}" if split else ""))
        return list(dict.fromkeys(row.image for row in rows)), root or str(pictures_beside(file))
    asked, root = ask_about(places, ["?"])
    names = [row.image for row in asked if isinstance(row, Row)]
    folder = Path(places[0]).expanduser()
    if len(places) == 1 and folder.is_dir():  # names below it stay right wherever the dataset is read from
        return [Path(name).relative_to(folder).as_posix() for name in names], str(folder)
    return names, root
