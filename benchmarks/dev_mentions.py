"""What captions mention and no detector knows, for dev_questions.py: things, clothes, what somebody is on, where."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice

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
WORN = (
    "bikini boots cap coat costume dress glasses goggles hat helmet hoodie jacket jeans jersey mask pants scarf shirt "
    "shorts skirt suit sunglasses sweater sweatshirt swimsuit t-shirt uniform vest wetsuit"
).split()
SURFACES = (
    "beach bed bench boat bridge carpet chair couch court dirt fence field floor grass gravel ground hill horse ice "
    "ladder lake leaves ledge log mountain mud ocean path pavement platform pool puddle river road rock rocks roof "
    "sand sidewalk snow sofa stage stairs steps stream street swing table track trampoline tree wall water"
).split()
WHERE = (
    "air beach bridge dirt field forest grass hill ice lake mud ocean park path pavement pool puddle river road rock "
    "rocks sand sidewalk snow stage stairs steps stream street swing track trampoline water woods yard"
).split()
TAKEN = (
    "airport bathroom beach bridge city court desert farm field forest garden house kitchen lake market mountain ocean "
    "park playground pool restaurant river road room snow stadium stage store street town track woods yard"
).split()
MOST_TAKEN = 200  # pictures
_SOMEBODY = "man|woman|boy|girl"
_ANIMAL = "dog|cat|bird|horse|cow|sheep|elephant|giraffe|zebra|bear"
_SEVERAL = re.compile(r"\b(?:men|women|boys|girls|dogs|children|two|group|people)\b")
_ON_OR_IN = re.compile(
    rf"\b(?P<who>{_SOMEBODY}|child|person|dog) (?:is |who is )?(?P<does>(?:running|standing|walking|sitting|lying|"
    r"laying|jumping|sleeping|playing|climbing|splashing|swimming) (?:on|in|through|along|into|over|across|down|up)) "
    rf"(?:(?:a|an|the|his|her|its|some) )?(?:\w+ ){{0,2}}?(?:{'|'.join(SURFACES)})\b"
)


def mentions(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield whether something is there, twice: of a thing that a caption mentions, and of one as common elsewhere.

    A thing that no caption mentions may be there all the same, so some of the answers are wrong.
    """
    shown = [(row, [thing for thing in THINGS if _mentioned(thing, row)]) for row in _captioned(rows)]
    shown = [(row, there) for row, there in shown if there][:MOST_MENTIONED]
    common = [thing for _, there in shown for thing in there]
    for row, there in shown:
        elsewhere = [thing for thing in common if thing not in there]
        for things, answer in ((there, "yes"), (elsewhere, "no")):
            thing = rng.choice(things)
            be = "Are" if thing.endswith("s") and " " not in thing and thing != "grass" else "Is"
            yield ask(row, f"{be} there {thing}?", [answer], type=answer, metric="exact")


def worn(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield what the one person of a picture wears, where captions tell; people's words are right."""
    for row in _captioned(rows):
        said = " ".join(row["captions"]).lower()
        who = set(re.findall(rf"\b(?:{_SOMEBODY})\b", said))
        if len(who) == 1 and not _SEVERAL.search(said) and any(_mentioned(garment, row) for garment in WORN):
            yield ask(row, f"What is the {who.pop()} wearing?", row["captions"], type="worn", metric="supported")


def surfaces(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield what somebody stands on, runs through, jumps into, where captions tell; people's words are right."""
    for row in _captioned(rows):
        said = [caption.lower() for caption in row["captions"]]
        found = next((match for caption in said if (match := _ON_OR_IN.search(caption))), None)
        if found and not _SEVERAL.search(" ".join(said)):
            question = f"What is the {found['who']} {found['does']}?"
            yield ask(row, question, row["captions"], type="surface", metric="supported")


def whereabouts(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield where the one person or animal of a picture is, where captions tell; people's words are right."""
    for row in _captioned(rows):
        said = " ".join(row["captions"]).lower()
        who = set(re.findall(rf"\b(?:{_SOMEBODY}|{_ANIMAL})\b", said))
        if len(who) == 1 and not _SEVERAL.search(said) and any(_mentioned(place, row) for place in WHERE):
            yield ask(row, f"Where is the {who.pop()}?", row["captions"], type="where", metric="supported")


def taken(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield where pictures were taken whose captions tell; people's words are right."""
    told = (row for row in _captioned(rows) if any(_mentioned(place, row) for place in TAKEN))
    for row in islice(told, MOST_TAKEN):
        yield ask(row, "Where was this photo taken?", row["captions"], type="taken", metric="supported")


def _captioned(rows: Iterable[Row]) -> list[Row]:
    """Return the pictures with several captions; where some have annotated questions, those.

    Of the others benchmarks/phrases.py learns.
    """
    captioned = [row for row in rows if len(row.get("captions", ())) > 1]
    return [row for row in captioned if row.get("vqa")] or captioned


def _mentioned(thing: str, row: Row) -> bool:
    name = thing.split()[-1]
    forms = {name, singular(name), plural(name, 0)}
    return not forms.isdisjoint(re.findall(r"[a-z]+", " ".join(row["captions"]).lower()))
