"""Whether things are there that no detector knows, as captions mention them or not, for dev_questions.py."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator

from dev_rows import Row, ask

from vqa.words import plural, singular

THINGS = (
    "a beach, a bridge, a building, a bush, a church, a cliff, a fence, a field, a fountain, a garden, a hill, a "
    "house, a lake, a log, a mountain, a path, a playground, a pool, a puddle, a river, a sidewalk, a stadium, a "
    "statue, a tower, a tunnel, a waterfall, flowers, grass, leaves, mud, rocks, sand, snow, stairs, trees, "
    "water, a balloon, a bandanna, a basket, a blanket, a bucket, a camera, a cart, a costume, a fireplace, a "
    "flag, a goal, a guitar, a hat, a helmet, a ladder, a lamp, a leash, a mask, a microphone, a mirror, a net, a "
    "necklace, a newspaper, a parachute, a pillow, a pole, a raft, a ramp, a rope, a scarf, a shelf, a sign, a "
    "slide, a stage, a stick, a swing, a tent, a towel, a toy, a trampoline, a uniform, a wagon, a wheelchair, "
    "bread, cheese, fish, food, meat, rice, salad, sunglasses, vegetables"
).split(", ")
MOST_MENTIONED = 300  # pictures


def mentions(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield whether something is there, twice: of a thing that a caption mentions, and of one as common elsewhere.

    A thing that no caption mentions may be there all the same, so some of the answers are wrong. Where some pictures
    have annotated questions, only those are asked about: of the others benchmarks/phrases.py learns.
    """
    captioned = [row for row in rows if len(row.get("captions", ())) > 1]
    captioned = [row for row in captioned if row.get("vqa")] or captioned
    shown = [(row, [thing for thing in THINGS if _mentioned(thing, row)]) for row in captioned]
    shown = [(row, there) for row, there in shown if there][:MOST_MENTIONED]
    common = [thing for _, there in shown for thing in there]
    for row, there in shown:
        elsewhere = [thing for thing in common if thing not in there]
        for things, answer in ((there, "yes"), (elsewhere, "no")):
            thing = rng.choice(things)
            be = "Are" if thing.endswith("s") and " " not in thing and thing != "grass" else "Is"
            yield ask(row, f"{be} there {thing}?", [answer], type=answer, metric="exact")


def _mentioned(thing: str, row: Row) -> bool:
    name = thing.split()[-1]
    forms = {name, singular(name), plural(name, 0)}
    return not forms.isdisjoint(re.findall(r"[a-z]+", " ".join(row["captions"]).lower()))
