"""Makes instructions from their sources: annotated pictures, at which the agent's experts look, and drawn findings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vqa.agent.agent import VQAAgent
from vqa.agent.batch.pictures import Pictures
from vqa.agent.instructions.annotations import Annotated, chosen, pictures_beside, read_annotations
from vqa.agent.instructions.grounded import Grounded
from vqa.agent.instructions.row import Asked, Row, folded
from vqa.agent.instructions.synthetic import Generator
from vqa.errors import InputError

_SYNTHETIC = re.compile(r"synthetic:(\d+)")


@dataclass(frozen=True)
class Recipe:
    """What to make.

    Attributes:
        sources: Annotation files (.jsonl, or COCO's .json), and `synthetic:N` for N drawn examples.
        pictures: Archive or folder of the pictures; by default what lies beside each annotation file.
        split: Only rows of that split; None: all.
        limit: At most so many pictures of each file, drawn at random.
        per_picture: Questions about findings for each picture, besides the annotated ones.
        seed: Same seed, same rows.
        held_out: Use the wordings and labels that are kept for testing, instead of all others.
        every_label: Use the labels that are kept for testing as well, in the other wordings.

    Raises:
        InputError: Both of the last two are wanted.
    """

    sources: Sequence[str]
    pictures: Path | None = None
    split: str | None = None
    limit: int | None = None
    per_picture: int = 4
    seed: int = 0
    held_out: bool = False
    every_label: bool = False

    def __post_init__(self) -> None:
        if self.held_out and self.every_label:
            raise InputError("give --held-out or --every-label: what is kept for testing, or what is learnt at last")


@dataclass(frozen=True)
class Progress:
    """Where the making stands: the rows about one picture, or why there are none."""

    source: str
    done: int
    total: int
    rows: tuple[Row, ...] = ()
    skipped: str | None = None


def make(recipe: Recipe, agent: VQAAgent) -> Iterator[Progress]:
    """Yield rows source by source, picture by picture; what experts saw before comes from the cache.

    A picture that cannot be read is skipped and named.

    Raises:
        InputError: A source cannot be used; all of them are checked before anything looks.
        ModelUnavailable: An expert's weights cannot be had.
    """
    files = [Path(source) for source in recipe.sources if not _SYNTHETIC.fullmatch(source)]
    for file in files:
        if not file.is_file():
            raise InputError(f"{str(file)!r}: no such file; give annotations (.jsonl, .json) or synthetic:N")
    places = {file: recipe.pictures or pictures_beside(file) for file in files}
    annotated = {file: chosen(read_annotations(file), split=recipe.split, limit=recipe.limit, seed=recipe.seed)
                 for file in files}  # fmt: skip
    if empty := [str(file) for file, rows in annotated.items() if not rows]:
        raise InputError(f"{', '.join(empty)}: no picture" + (f" of split {recipe.split!r}" if recipe.split else ""))
    for source in recipe.sources:
        if drawn := _SYNTHETIC.fullmatch(source):
            yield from _synthetic(source, int(drawn[1]), recipe, agent)
        else:
            yield from _grounded(source, annotated[Path(source)], places[Path(source)], recipe, agent)


def _grounded(
    source: str, annotated: Sequence[Annotated], place: Path, recipe: Recipe, agent: VQAAgent
) -> Iterator[Progress]:
    grounded = Grounded(
        agent,
        seed=recipe.seed,
        per_picture=recipe.per_picture,
        held_out=recipe.held_out,
        every_label=recipe.every_label,
    )
    with Pictures(place, offline=agent.settings.offline) as pictures:
        for done, about in enumerate(annotated, 1):
            try:
                made = tuple(grounded.rows(about, pictures.load(about.image)))
            except InputError as error:
                yield Progress(source, done, len(annotated), skipped=f"{about.image}: {error}")
            else:
                yield Progress(source, done, len(annotated), made)


def _synthetic(source: str, count: int, recipe: Recipe, agent: VQAAgent) -> Iterator[Progress]:
    labels = tuple(agent.experts["detect"].vocabulary)
    generator = Generator(recipe.seed, labels, held_out=recipe.held_out, every_label=recipe.every_label)
    for done in range(1, count + 1):
        example = generator.draw()
        asked = Asked(example.task, example.question, example.answer)
        yield Progress(source, done, count, (folded(asked, example.findings, agent.core),))
