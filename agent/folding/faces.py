"""What faces say, where a question asks for it: whether somebody smiles, how old they look, how many faces there are.

The `people` expert (experts/people.py) tells it of each of the people that it looks at, after what sort they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vqa.agent.folding.chosen import Chosen, likely_numbers
from vqa.agent.questions.alternatives import YES_OR_NO
from vqa.agent.questions.faces import HAD, AskedFaces, is_glad
from vqa.agent.questions.taxonomy import PEOPLE
from vqa.boxes import apart, area
from vqa.values import CLASS_SCORE, Finding, Region
from vqa.words import counted, listed

SURELY = 0.6
"""How likely somebody must smile, or not, where more is asked than that: who smiles is not sad, who does not may be."""
LEAST_WIDTH = 28.0
"""Width in pixels from which a face answers for itself (docs/measurements.md, "Faces")."""
WELL_SEEN = 50.0
"""Width in pixels from which a face also counts where it is not asked for it: for who is there, and what is worn."""
SURELY_NOT = 0.2
"""Share under which somebody surely has no hat or no glasses."""
SERIOUS = 0.6
"""How likely somebody who does not smile is called serious, or sad where it is asked which of both; supposed."""
SPREAD = 5.0
"""Years: the scale of the logistic distribution of somebody's age about what is told."""
OLD = 45.0
"""Age from which somebody is rather old than young."""
A_CHILD, GROWN_UP = 12.0, 18.0
"""The most and the least age of who surely is a child, or surely none: a face alone tells it worse."""
MISSED = 0.1
"""How likely one more face is there than are found; supposed."""
MIGHT_BE = 0.05
"""Share from which somebody may be "the woman" where nobody rather is (docs/measurements.md, "Where somebody is")."""
NO_FACE = 0.7
"""How likely no face is to be seen, or towards the camera, of somebody large of whom none is found; supposed."""
LARGE = 150.0
"""Height in pixels from which they are large enough for that."""
MOST_AGES = 2
"""Of so many different ages each is told; of more the least and the most."""
_SURELY_CHILD = 0.6
CHILDREN = frozenset({"boy", "girl"})
_FACE, _FACING, _SMILING, _AGED = "face", "facing", "smiling", "aged "
_BEHIND = 4.0
"""How many times as large somebody without a face must be for the question to be about them."""
_SAME = 0.3
_AS_TOLD = ("smiling", "glad", "facing", "has")
_SIDES = {"left": 0.0, "right": 1.0, "middle": 0.5, "center": 0.5, "centre": 0.5}


@dataclass
class Somebody:
    """One of the people that were looked at.

    Attributes:
        where: The part of the picture.
        sorts: How likely they are a man, a woman, a boy, a girl.
        faces: That are seen there, theirs first.
        smiling: How likely they smile, at their face; None where nothing is told of that.
        facing: How likely they look towards the camera.
        has: How likely they have glasses, a hat, a beard, blond hair.
        aged: How old they look.
    """

    where: Region
    sorts: dict[str, float] = field(default_factory=dict)
    faces: list[Region] = field(default_factory=list)
    smiling: Region | None = None
    facing: Region | None = None
    has: dict[str, Region] = field(default_factory=dict)
    aged: Region | None = None

    @property
    def is_seen_well(self) -> bool:
        return bool(self.faces) and _width(self) >= WELL_SEEN

    def years(self, named: Sequence[str] = ()) -> float:
        """Return their age, by their face, as far as they surely are a child or not; 0 if nothing is told.

        Args:
            named: Sorts of people that the question calls them; it sees whether they are children.
        """
        age = float(self.aged.label.removeprefix(_AGED)) if self.aged else 0.0
        child = sum(self.sorts.get(sort, 0.0) for sort in CHILDREN)
        if named and len(CHILDREN.intersection(named)) in (0, len(named)):
            child = float(named[0] in CHILDREN)
        if child >= _SURELY_CHILD:
            return min(age, A_CHILD)
        return max(age, GROWN_UP) if age and child < 1 - _SURELY_CHILD else age


def told_of_faces(asked: AskedFaces, finding: Finding, sorts: Sequence[str]) -> Chosen | None:
    """Return what faces say of a question; None where they say nothing.

    Args:
        asked: What is asked of them.
        finding: Of who looks at people.
        sorts: Of people whom the question names; none: anybody.
    """
    picture, *each = somebodies(finding)
    people = each or [picture]
    if asked.what == "face":
        return _of_faces_themselves(asked, picture, each, sorts)
    read = [one for one in people if one.smiling and one.aged and _width(one) >= LEAST_WIDTH]
    those = _meant(asked, read, people, asked.sorts or sorts, finding.size)
    if not those and asked.sorts:  # whether "he" is a man, a face tells less surely than that he is meant
        those = _meant(asked, read, people, (), finding.size)
    if not those:
        yes_or_no = asked.what == "facing" and asked.whose not in ("how many", "who")
        hidden = yes_or_no and _large([one for one in people if not one.faces])
        return Chosen(asked.words, _yes(1 - NO_FACE), ()) if hidden else None
    if asked.what == "age":
        return _of_age(asked, those, asked.sorts or sorts)
    if asked.what == "years":
        return _of_years(asked, those)
    return _of_looks(asked, those)


def has_not(findings: Collection[Finding]) -> frozenset[str]:
    """Return what of "hat", "glasses" and the like nobody has whose face is seen well; nothing if nobody's is."""
    looked = [finding for finding in findings if finding.kind == "people" and finding.error is None]
    faces = [one.has for finding in looked for one in somebodies(finding)[1:] if one.has and one.is_seen_well]
    told = [{name for name, region in face.items() if region.score < SURELY_NOT} for face in faces]
    return frozenset(set.intersection(*told)) if told else frozenset()


def somebodies(finding: Finding) -> list[Somebody]:
    """Return what is told of the whole picture, and of each of those that were looked at, as the expert tells it."""
    width, height = finding.size
    people = [Somebody(Region((0.0, 0.0, float(width), float(height)), "", 0.0))]
    fresh = True
    for region in finding.regions:
        if region.label in PEOPLE:
            if not fresh and (people[-1].faces or len(people[-1].sorts) == len(PEOPLE)):
                people.append(Somebody(region))
            if fresh:
                people[-1].where = region
            people[-1].sorts[region.label] = region.score
            fresh = False
        elif region.label == _FACE:
            people[-1].faces.append(region)
        elif region.label == _SMILING:
            people[-1].smiling = region
        elif region.label == _FACING:
            people[-1].facing = region
        elif region.label.startswith(_AGED):
            people[-1].aged = region
        elif region.label in HAD:
            people[-1].has[region.label] = region
    return people


def _meant(
    asked: AskedFaces, read: Sequence[Somebody], people: Sequence[Somebody], sorts: Sequence[str], size: tuple[int, int]
) -> list[Somebody]:
    """Return whose faces a question is about, the one or all of them; none where theirs is not to be seen."""
    if not read:
        return []
    if asked.whose != "one":
        return [one for one in read if _is(sorts, one) >= CLASS_SCORE]
    if side := next((side for side in _SIDES if side in asked.who.split()), ""):
        return [min(read, key=lambda one: abs(_middle(one) - _SIDES[side] * size[0]))]
    best = max(read, key=lambda one: _is(sorts, one) * _width(one))
    largest = max(people, key=lambda one: _is(sorts, one) * area(one.where.xyxy))
    hidden = not largest.faces and area(largest.where.xyxy) > _BEHIND * area(best.where.xyxy)
    return [] if hidden or _is(sorts, best) < MIGHT_BE else [best]


def _of_faces_themselves(
    asked: AskedFaces, picture: Somebody, each: Sequence[Somebody], sorts: Sequence[str]
) -> Chosen | None:
    found = apart((face for one in (picture, *each) for face in one.faces), _SAME)
    if asked.whose == "how many":
        return Chosen(asked.words, _numbered([*(face.score for face in found), MISSED]), tuple(found))
    theirs = [one for one in each if _is(asked.sorts or sorts, one) >= CLASS_SCORE] if asked.who != "any" else []
    seen = [face for one in theirs for face in one.faces[:1]] if theirs else found
    if seen:
        return Chosen(asked.words, _yes(max(face.score for face in seen)), (max(seen, key=lambda face: face.score),))
    return Chosen(asked.words, _yes(1 - NO_FACE), ()) if not each or _large(theirs or each) else None


def _large(people: Sequence[Somebody]) -> bool:
    """Return whether anybody is so large that a face would be found."""
    return any(one.where.xyxy[3] - one.where.xyxy[1] >= LARGE for one in people)


def _of_looks(asked: AskedFaces, those: Sequence[Somebody]) -> Chosen | None:
    seen = [(one, region) for one in those if (region := _seen(asked, one))]
    if not seen:
        return None
    if asked.whose == "who":
        return _who(asked, seen)
    told = [region for _, region in seen]
    each = [region.score for region in told]
    if asked.whose == "how many":
        likely = tuple(region for region in told if region.score >= CLASS_SCORE)
        return Chosen(asked.words, _numbered(each), likely) if asked.what in _AS_TOLD and asked.any_of_it else None
    share = 1 - math.prod(1 - p for p in each) if asked.whose == "any" else sum(each) / len(each)
    shares = _shares(asked, share)
    best = sorted(told, key=lambda region: -region.score)
    return Chosen(asked.words, shares, tuple(best[:1] if asked.whose == "any" else best)) if shares else None


def _who(asked: AskedFaces, each: Sequence[tuple[Somebody, Region]]) -> Chosen | None:
    """Return who does or has something, "the woman", "2 men" or "nobody", as sure as of the least sure of all."""
    those = [(one, region) for one, region in each if region.score >= CLASS_SCORE]
    if not asked.any_of_it:
        return None
    sure = min(max(region.score, 1 - region.score) for _, region in each)
    if not those:
        return Chosen(asked.words, {"nobody": sure}, tuple(region for _, region in each))
    number = Counter(max(one.sorts, key=lambda sort: one.sorts[sort]) for one, _ in those)
    called = listed([f"the {sort}" if n == 1 else counted(sort, n) for sort, n in number.items()])
    return Chosen(asked.words, {called: sure}, tuple(region for _, region in those))


def _seen(asked: AskedFaces, one: Somebody) -> Region | None:
    """Return what tells of somebody's looks."""
    if asked.thing:
        return one.has.get(asked.thing)
    return one.facing if asked.what == "facing" else one.smiling


def _shares(asked: AskedFaces, likely: float) -> Mapping[str, float]:
    """Return how likely each answer is, by how likely somebody smiles, faces us or has such; none if it tells not."""
    if not asked.any_of_it:  # who wears no hat wears no helmet
        return _yes(likely / 2) if likely <= 1 - SURELY else {}
    if asked.what in _AS_TOLD:
        return _yes(likely)
    if asked.what == "hair":
        return {"blonde": likely} if likely >= SURELY else {}
    if asked.what == "serious":
        return _yes(1 - likely)
    if asked.what == "feeling":
        return {"smiling" if asked.words == "expression" else "happy": likely, "serious": SERIOUS * (1 - likely)}
    if asked.what == "laughing":
        return _yes(likely / 2) if likely <= 1 - SURELY else {}
    if asked.what == "not glad":
        return _yes(1 - likely) if likely >= SURELY else {}
    glad, other = (asked.words, asked.other) if is_glad(asked.words) else (asked.other, asked.words)
    return {glad: likely, other: SERIOUS * (1 - likely)}


def _of_age(asked: AskedFaces, those: Sequence[Somebody], named: Sequence[str]) -> Chosen:
    told = [one.aged for one in those if one.aged]
    ages = sorted({_rounded(one.years(named)) for one in those})
    answer = f"{ages[0]} to {ages[-1]}" if len(ages) > MOST_AGES else listed([str(age) for age in ages])
    return Chosen(asked.words, {f"about {answer}": min(region.score for region in told)}, tuple(told))


def _of_years(asked: AskedFaces, those: Sequence[Somebody]) -> Chosen | None:
    if asked.whose == "how many":
        return None
    told = tuple(one.aged for one in those if one.aged)
    if asked.other:
        young = sum(_younger_than(OLD, one.years()) for one in those) / len(those)
        words = (asked.words, asked.other) if asked.years[0] == 0 else (asked.other, asked.words)
        return Chosen(asked.words, dict(zip(words, (young, 1 - young), strict=True)), told)
    least, most = asked.years
    each = [_younger_than(most, one.years()) - _younger_than(least, one.years()) for one in those]
    likely = 1 - math.prod(1 - p for p in each) if asked.whose == "any" else sum(each) / len(each)
    return Chosen(asked.words, _yes(likely), told)


def _younger_than(years: float, age: float) -> float:
    return 1 / (1 + math.exp((age - years) / SPREAD)) if years else 0.0


def _rounded(age: float) -> int:
    """Return an age as people say it, in years of a child's and in fives."""
    return max(round(age), 1) if age < GROWN_UP else 5 * round(age / 5)


def _is(sorts: Collection[str], one: Somebody) -> float:
    return sum(one.sorts.get(sort, 0.0) for sort in sorts) if sorts else 1.0


def _width(one: Somebody) -> float:
    x0, _, x1, _ = one.faces[0].xyxy
    return x1 - x0


def _middle(one: Somebody) -> float:
    x0, _, x1, _ = one.faces[0].xyxy
    return (x0 + x1) / 2


def _yes(share: float) -> Mapping[str, float]:
    return dict(zip(YES_OR_NO, (share, 1 - share), strict=True))


def _numbered(likely: Sequence[float]) -> Mapping[str, float]:
    return {str(number): share for number, share in enumerate(likely_numbers(likely, none=1.0))}
