"""What a question asks to be named (which animal, what he rides, what the cat is on) and the found thing that it is.

Told "1 dog, 1 bear" and asked "Which animal is this?" a small core often names the wrong one; told "animal: bear" it
repeats the word. Which it is, the boxes tell: the largest of that sort, the thing at somebody's hands.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from vqa.agent.folding.colors import asked_color
from vqa.agent.questions import asking
from vqa.agent.questions.alternatives import named_alternatives
from vqa.agent.questions.taxonomy import (
    ALIVE,
    ANYBODY,
    CONTENTS,
    FIXED,
    NO_PLACE_FOR_PEOPLE,
    OUTRANKED,
    PATTERNED,
    PLACES,
    SKY,
    SORTS,
    USES,
    Use,
    as_said,
)
from vqa.agent.questions.vocabulary import label_of, mentioned
from vqa.boxes import area, inside, overlap, shared
from vqa.values import COUNT_SCORE, Finding, Region
from vqa.words import counted, listed, place, plural, relation

_IS_THIS = re.compile(r"(?:is|are|was|were) (?:it|this|that|these|those|they) ")
_ONE = ("room", "sport")
"""Of which a picture shows one."""
_CENTER = {"middle": "center", "centre": "center"}
NAMED_SCORE = 0.35
"""From this score of its surest box on a class may be what a question asks to be named: most others are not there."""
THIS_SCORE = 0.5
"""From this score on a thing may be what "this" is: of what is less sure, most is not there."""
LISTED_SCORE = 0.45
"""From this score of its surest box on a class is told among all there is: nobody asked for it."""
_MOST_OF_IT = 0.6
"""Share of the room of all things that are sure from which on things of one kind are "this"."""
_SHARE = 0.25
"""Asked for several, those are named that show this share of what the first of them does."""
_SAME = 0.7
"""From what share of two boxes that they have in common they show one thing, under two names."""
_REACH = 0.1
"""How far from a person, as a share of their size, a thing may be that they do something with."""


@dataclass(frozen=True)
class Named:
    """What a detector's boxes name.

    Attributes:
        asked: What is asked for, in the question's words: "animal", "riding", "in the sky".
        names: As people answer it: ("bear",); several if the question asks for several.
        regions: What shows it, the surest first.
    """

    asked: str
    names: tuple[str, ...]
    regions: tuple[Region, ...]

    @property
    def answer(self) -> str:
        return listed(self.names)

    def __str__(self) -> str:
        return f"{self.asked}: {self.answer}"


def named(question: str, finding: Finding) -> Named | None:
    """Return what a question asks to be named, as a detector's sure boxes have it; None if either does not."""
    lowered = asking.lowered(question)
    there = {region.label for region in finding.regions if region.score >= NAMED_SCORE}
    sure = [region for region in finding.regions if region.label in there and region.score >= COUNT_SCORE]
    for rule in _RULES:
        if (found := rule(lowered, sure, finding)) is not None:
            return found if found.names else None
    return None


def _either(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the one of "Is this a dog or a cat?" that was found, where the other was not."""
    alternatives = named_alternatives(asked) if _IS_THIS.match(asked) else ()
    labels = [label_of(alternative, finding.vocabulary) for alternative in alternatives]
    found = [(name, label) for name, label in zip(alternatives, labels, strict=True) if _those(label, sure)]
    if len(found) != 1 or None in labels or ANYBODY.intersection(labels):  # "a man or a child"
        return None
    ((name, label),) = found
    return Named(" or ".join(alternatives), (name,), _those(label, sure))


def _those(label: str | None, regions: Sequence[Region]) -> tuple[Region, ...]:
    return tuple(region for region in regions if region.label == label)


def _who_is_there(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the people and the animals, and how many they are."""
    named = ALIVE - {"teddy bear"} | ANYBODY if asking.WHO_IS_THERE.fullmatch(asked) else frozenset()
    alive = [r for r in sure if r.label in named]
    return _all_of("who is there", alive) if alive else None


def _in_the_sky(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    if not asking.IN_THE_SKY.fullmatch(asked):
        return None
    return _most("in the sky", sure, SKY, _size, several=True)


def _of_a_sort(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    match = next((match for pattern in asking.OF_A_SORT if (match := pattern.fullmatch(asked))), None)
    if match is None:
        return None
    sort = asking.SORT_OF[match["sort"]]
    besides_it = asking.PART_OF_IT.sub("", asked) if sort in (*_ONE, "food") else asked
    if asking.MORE_TO_IT.search(besides_it):
        return None
    besides = mentioned(match["rest"], finding.vocabulary)  # "What animal is beside the horse?"
    things = [region for region in sure if region.label not in besides]
    heading = match["sort"]
    if side := asking.SIDE.search(match["rest"]):
        there = _CENTER.get(side[1], side[1])
        if sided := [region for region in things if there in place(region, finding.size).split()]:
            things, heading = sided, f"{heading} on the {there}"
    all_of_it = match["sort"].endswith("s")
    several = sort not in _ONE and (all_of_it or asking.ALL_THERE_IS.search(match["rest"]) is not None)
    weight = _sureness if sort == "room" else _extent
    return _most(heading, things, SORTS[sort], weight, several=several, plurals=all_of_it)


def _in_color(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the colour that most of a thing, or of clothes, has; the claimed one, if any has it."""
    of = asked_color(asked, finding.vocabulary)
    if of is None:
        return None
    shown: dict[str, list[Region]] = {}
    for region in sure:
        if region.label == of.label and region.color:
            shown.setdefault(region.color, []).append(region)
    if of.label in PATTERNED and (patterned := [region for region in sure if region.label == of.label]):
        shown = {PATTERNED[of.label]: patterned}
    claimed = [color for color in shown if set(of.claimed) <= set(color.split(" and "))] if of.claimed else []
    color = max(claimed or shown, key=lambda color: sum(map(_size, shown[color])), default=None)
    return Named(f"color of {of.thing}", (color,), tuple(shown[color])) if color else None


def _colored(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the thing of a colour: "What is the red object?"."""
    match = next((match for pattern in asking.OF_A_COLOR if (match := pattern.fullmatch(asked))), None)
    if match is None:
        return None
    things = [
        region for region in sure if region.label not in ANYBODY and match["color"] in region.color.split(" and ")
    ]
    return _most(match["asked"], things, as_said(region.label for region in things), _size)


def _this(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name what there surely is and takes most of the room; of people that says too little."""
    if not asking.THIS.fullmatch(asked):
        return None
    surest = [region for region in sure if region.score >= THIS_SCORE]
    room = {label: sum(_size(r) for r in surest if r.label == label) for label in {r.label for r in surest}}
    label = max(room, key=lambda label: room[label], default="person")
    if label in ANYBODY or room[label] < _MOST_OF_IT * sum(room.values()):
        return None
    return _most("this", surest, {label: label}, _size)


def _in_hand(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    return _with_people("holding", "holding", sure) if asking.IN_HAND.fullmatch(asked) else None


def _does(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    for pattern, done in asking.DOES:
        if match := pattern.fullmatch(asked):
            if done == "on":
                return _carried(match, sure, finding.vocabulary)
            return _with_people(match["asked"], done, sure) if match["somebody"] else None
    return None


def _is_room(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the room that it is, if what belongs to one is there: "Is this a kitchen?"."""
    return _most("room", sure, SORTS["room"], _sureness) if asking.IS_ROOM.fullmatch(asked) else None


def _the_most(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the largest or smallest thing, or the one that there is most of."""
    match = asking.MOST.fullmatch(asked) or asking.MOST_OFTEN.fullmatch(asked)
    if match is None:
        return None
    use = as_said(region.label for region in sure)
    if match["how"].startswith("most"):
        return _most(match["asked"], sure, use, lambda region: 1.0)
    if match["how"] == "smallest":
        return _most(match["asked"], sure, use, lambda region: 1 / max(area(region.xyxy), 1.0), summed=False)
    return _most(match["asked"], sure, use, lambda region: area(region.xyxy), summed=False)


def _animal_does(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name the animals that are there, where something does what people and animals do: "What is grazing there?"."""
    match = asking.ANIMAL_DOES.fullmatch(asked)
    if match is None:
        return None
    besides = mentioned(match["rest"], finding.vocabulary)
    animals = [region for region in sure if region.label not in besides]
    several = asked.startswith("what are")
    told = asked.rstrip(" ?.!")  # "what is trying to open the door: dog"; to "trying: dog" a core answers "door"
    found = _most(told, animals, SORTS["animal"] | {"teddy bear": "teddy bear"}, _extent, several=several)
    return found if found.names else None


def _inside(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name what a vase, a glass or a plate holds, told from what is mostly found with it."""
    match = asking.INSIDE.fullmatch(asked)
    if match is None:
        return None
    found = _most(match["asked"], sure, CONTENTS[match["holder"]], _size)
    return found if found.names else None


def _at_side(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name what has its middle at a side of the picture: "What is on the left?"."""
    match = asking.AT_SIDE.fullmatch(asked)
    if match is None:
        return None
    side = _CENTER.get(match["side"], match["side"])
    there = [region for region in sure if side in place(region, finding.size).split()]
    return _most(match["asked"], there, {region.label: region.label for region in there}, _size, several=True)


def _where(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name what a thing is on or in; nothing if several things of its kind are not all there."""
    match = asking.WHERE.fullmatch(asking.where_it_is(asked))
    if match is None:
        return None
    label = label_of(match["somebody"] or match["other"], finding.vocabulary)
    label = label or ("person" if match["somebody"] else None)
    if label in FIXED:
        return None
    places = {thing: said for thing, said in PLACES.items() if label not in ANYBODY or thing not in NO_PLACE_FOR_PEOPLE}
    found = [_under(one, sure, places) for one in sure if one.label == label]
    return found[0] if len({one and one.answer for one in found}) == 1 else None


def _from_there(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name where one thing is, seen from another: "Where is the cup relative to the laptop?"."""
    match = asking.FROM_THERE.fullmatch(asked)
    if match is None:
        return None
    labels = [label_of(match[name], finding.vocabulary) for name in ("thing", "other")]
    surest = {region.label: region for region in sorted(sure, key=_sureness)}
    one, other = (surest.get(label or "") for label in labels)
    how = relation(one, other) if one and other and one is not other else None
    if one is None or other is None or how is None:
        return None
    plain = {"on or in front of": "in front of", "behind or under": "behind"}.get(how, how)
    on = PLACES.get(other.label) if how == "on or in front of" else None
    return Named(f"place of {one.label}", (on or f"{plain} the {other.label}",), (one, other))


def _everything(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name all there is, and how much of each."""
    return _all_of("all there is", sure) if asking.EVERYTHING.fullmatch(asked) else None


def _besides(asked: str, sure: Sequence[Region], finding: Finding) -> Named | None:
    """Name all that there is besides a thing: "What else is there besides the dog?"."""
    match = asking.BESIDES.fullmatch(asked)
    label = match and label_of(match["thing"], finding.vocabulary)
    if match is None or label is None:
        return None
    return _all_of(f"besides the {label}", [region for region in sure if region.label != label])


def _all_of(asked: str, things: Sequence[Region]) -> Named | None:
    """Name things and their numbers; those of classes that are surely there, if any is, else those likely there."""
    surely = {region.label for region in things if region.score >= LISTED_SCORE}
    told = [region for region in things if region.label in surely or (not surely and region.score >= NAMED_SCORE)]
    said = as_said(region.label for region in told)
    number = Counter(said[region.label] for region in told)
    return Named(asked, tuple(counted(name, n) for name, n in number.items()), tuple(told)) if told else None


def _under(one: Region, sure: Sequence[Region], places: Use) -> Named | None:
    # What reaches further down than a thing in whose box it is stands before it.
    below = [t for t in sure if t.label != one.label and _carries(t, one) and one.xyxy[3] <= t.xyxy[3]]
    found = _most(f"place of {one.label}", below, places, _size)
    return found if found.names else None


_RULES: tuple[Callable[[str, Sequence[Region], Finding], Named | None], ...] = (
    _either,
    _who_is_there,
    _in_the_sky,
    _of_a_sort,
    _is_room,
    _the_most,
    _in_color,
    _colored,
    _this,
    _in_hand,
    _does,
    _animal_does,
    _inside,
    _at_side,
    _where,
    _from_there,
    _everything,
    _besides,
)


def _with_people(asked: str, done: str, sure: Sequence[Region]) -> Named | None:
    """Name the thing that is most with a person; any where no person was found."""
    people = [region for region in sure if region.label == "person"]

    def closeness(thing: Region) -> float:
        return thing.score * (0.2 + max((inside(thing.xyxy, person.xyxy) for person in people), default=0.0))

    near = [thing for thing in sure if not people or any(_reaches(person, thing) for person in people)]
    return _most(asked, near, USES[done], closeness, summed=False)


def _carried(match: re.Match[str], sure: Sequence[Region], labels: Collection[str]) -> Named | None:
    """Name what somebody, or a thing that the question names, sits, lies or stands on."""
    label = "person" if match["somebody"] else label_of(match["other"], labels)
    carried = [region for region in sure if region.label == label]

    below = [thing for thing in sure if thing.label != label and any(_carries(thing, one) for one in carried)]
    return _most(f"{label} {match['asked']}", below, USES["on"], _size)


def _carries(thing: Region, one: Region) -> bool:
    return shared(one.xyxy, thing.xyxy) > 0 and relation(one, thing) in ("on or in front of", "above")


def _most(
    asked: str,
    things: Sequence[Region],
    use: Use,
    weight: Callable[[Region], float],
    *,
    summed: bool = True,
    several: bool = False,
    plurals: bool = True,
) -> Named:
    """Name the answer that most speaks for, or, of several, all that are not far behind it; `plurals` if there are."""
    shown: dict[str, list[Region]] = {}
    for thing in sorted(things, key=lambda thing: -thing.score):
        name = use.get(thing.label)
        others = [region for known, regions in shown.items() if known != name for region in regions]
        if name is not None and not any(overlap(thing.xyxy, other.xyxy) > _SAME for other in others):
            shown.setdefault(name, []).append(thing)
    for name, stronger in OUTRANKED.items():
        if any(other in shown for other in stronger):
            shown.pop(name, None)
    total = {name: (sum if summed else max)(map(weight, regions)) for name, regions in shown.items()}
    ordered = sorted(total, key=lambda name: -total[name])
    chosen = [name for name in ordered if total[name] >= _SHARE * total[ordered[0]]] if several else ordered[:1]
    regions = sorted((region for name in chosen for region in shown[name]), key=lambda region: -region.score)
    names = tuple(plural(name, len(shown[name])) if several and plurals else name for name in chosen)
    return Named(asked, names, tuple(regions))


def _size(region: Region) -> float:
    return region.score * area(region.xyxy)


def _extent(region: Region) -> float:
    return region.score * math.sqrt(area(region.xyxy))  # by area, one thing in front outweighs a whole herd


def _sureness(region: Region) -> float:
    return region.score


def _reaches(person: Region, thing: Region) -> bool:
    x0, y0, x1, y1 = person.xyxy
    across, down = _REACH * (x1 - x0), _REACH * (y1 - y0)
    return shared((x0 - across, y0 - down, x1 + across, y1 + down), thing.xyxy) > 0
