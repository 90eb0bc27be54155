"""Questions about what people say of a picture, put to somebody who sees it: their sentences are not in the evidence.

What somebody does, rides or wears, which colour a thing has, where it is, which animal or sport it is. The answers are
short, as in VQA v2. What the sentences contradict one another about is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vqa.agent.instructions.row import Asked
from vqa.agent.instructions.wordings import WORDS, Wordings

_MANY = frozenset("people men women children boys girls kids dogs".split())
_WHO = "|".join(
    ["man|woman|boy|girl|child|kid|baby|person|guy|lady|player|dog|cat|horse|bird|skier|surfer", *sorted(_MANY)]
)
_COLORS = "|".join(WORDS["color"])
_DOES = re.compile(rf"\b(?P<who>{_WHO})(?: (?:in|with) [a-z ]*?)?(?: is| are)? (?P<verb>[a-z]+ing)\b(?P<rest>[^.;]*)")
_COLORED = re.compile(rf"\b(?P<color>(?:(?:{_COLORS}) and )?(?:{_COLORS})) (?P<thing>[a-z]{{3,}})\b")
_WEARS = re.compile(
    rf"\b(?P<who>{_WHO})(?: is| are)? (?:in|wearing) (?:a|an) (?:[a-z]+ )?(?P<color>{_COLORS}) "
    r"(?P<thing>shirt|jacket|dress|hat|coat|suit|helmet|sweater|cap|t-shirt|uniform|vest|jersey|swimsuit|hoodie)\b"
)
_NO_ACTION = frozenset(
    "wearing being building something during clothing trying doing getting attempting swing railing evening morning "
    "setting overlooking anything nothing string spring king ring using making taking having leaning going "
    "beginning preparing starting opposing everything".split()
)
_TAKES_A_THING = frozenset(
    "riding holding carrying throwing catching chasing kicking eating drinking reading pulling pushing climbing "
    "hitting chewing fetching wearing".split()
)
_PLACED = re.compile(r"\s*(?P<how>in|on|through|across|over|into|along|down|up) (?:a|an|the|some) (?P<thing>[a-z' -]+)")
_THING = re.compile(r"\s*(?:a|an|the|his|her|its|their|some) (?P<thing>[a-z' -]+)")
_ENDS = frozenset(
    "in on at of with and or as while that which who to from by near for through over across into along down up out "
    "off is are next behind beside under around above against outside inside during after before it its his her their "
    "the a an being toward towards between upon onto has wearing like".split()
)
_PLAYED = re.compile(
    r"\s*(?P<game>soccer|football|basketball|baseball|tennis|hockey|volleyball|guitar|frisbee|rugby|golf)\b"
)
_GAMES = {
    "soccer": "soccer", "basketball": "basketball", "tennis": "tennis", "baseball": "baseball", "football": "football",
    "hockey": "hockey", "volleyball": "volleyball", "skateboard": "skateboarding", "skateboarder": "skateboarding",
    "skateboarding": "skateboarding", "surfer": "surfing", "surfing": "surfing", "surfboard": "surfing",
    "snowboarder": "snowboarding", "snowboarding": "snowboarding", "snowboard": "snowboarding", "skier": "skiing",
    "skiing": "skiing", "skis": "skiing", "frisbee": "frisbee", "golf": "golf", "rugby": "rugby",
}  # fmt: skip
_ANIMALS = "dog cat horse bird cow sheep elephant bear giraffe zebra duck goat".split()
_PLACES = "beach street park field forest pool lake river ocean mountain woods road sidewalk kitchen restaurant".split()
_GROUNDS = "snow grass sand".split()
_WARM = "beach pool swimming surfing surfer swimsuit bikini sprinkler".split()
_MALE, _FEMALE = frozenset("man boy guy".split()), frozenset("woman girl lady".split())


@dataclass(frozen=True)
class _Fact:
    """What sentences tell: the kind of question, its answer, and whom or what it is about, doing what."""

    kind: str
    answer: str
    about: str = ""
    doing: str = ""


class SeenQuestions:
    """Asks about what people say of one picture.

    Args:
        captions: Their sentences.
        words: How to put it.
    """

    def __init__(self, captions: Sequence[str], words: Wordings) -> None:
        self._said = [" ".join(caption.lower().split()) for caption in captions]
        self._words = words
        self._rng = words.rng
        self._before: set[tuple[str, ...]] = set()

    def seen(self) -> Asked | None:
        """Ask one of the questions that the sentences answer, none of them twice; None if there is none left."""
        kinds: list[Callable[[], Iterator[_Fact]]] = [
            self._actions, self._things, self._colors, self._worn, self._animal, self._sport, self._scene, self._ground,
            self._gender,
        ]  # fmt: skip
        self._rng.shuffle(kinds)
        for kind in kinds:
            if facts := [fact for fact in kind() if (fact.kind, fact.about, fact.doing) not in self._before]:
                fact = self._rng.choice(facts)
                self._before.add((fact.kind, fact.about, fact.doing))
                be = "are" if fact.about in _MANY else "is"
                asked = self._words.ask(f"seen.{fact.kind}", be=be, one=fact.about, doing=fact.doing)
                return Asked("seen", asked, fact.answer)
        return None

    def _actions(self) -> Iterator[_Fact]:
        for does in self._doing():
            verb, rest = does["verb"], does["rest"]
            if verb == "playing" and (game := _PLAYED.match(rest)):
                yield _Fact("doing", f"playing {game['game']}", does["who"])
            elif verb in _TAKES_A_THING:
                if verb != "wearing" and (thing := _head(_THING.match(rest))):
                    yield _Fact("doing", f"{verb} {thing}", does["who"])
            elif verb not in _NO_ACTION:
                yield _Fact("doing", verb, does["who"])

    def _things(self) -> Iterator[_Fact]:
        for does in self._doing():
            verb, rest = does["verb"], does["rest"]
            if verb in _TAKES_A_THING and (thing := _head(_THING.match(rest))):
                yield _Fact("what", thing, does["who"], verb)
            elif verb not in _NO_ACTION and (place := _PLACED.match(rest)) and (thing := _head(place)):
                yield _Fact("what", thing, does["who"], f"{verb} {place['how']}")

    def _doing(self) -> list[re.Match[str]]:
        return [found for said in self._said if (found := _DOES.search(said))]

    def _colors(self) -> Iterator[_Fact]:
        for thing, colors in self._by_thing((m["thing"], m["color"]) for s in self._said for m in _COLORED.finditer(s)):
            if thing not in _ENDS and thing not in WORDS["color"] and not thing.endswith(("ed", "ing")):
                yield _Fact("color", colors.pop(), thing)

    def _worn(self) -> Iterator[_Fact]:
        worn = ((f"{m['who']}'s {m['thing']}", m["color"]) for s in self._said for m in _WEARS.finditer(s))
        for thing, colors in self._by_thing(worn):
            if thing.split("'")[0] not in _MANY:
                yield _Fact("color", colors.pop(), thing)

    def _by_thing(self, pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, set[str]]]:
        """Yield the things that have one colour in all sentences."""
        colors: dict[str, set[str]] = {}
        for thing, color in pairs:
            colors.setdefault(thing, set()).add(color)
        yield from ((thing, told) for thing, told in colors.items() if len(told) == 1)

    def _animal(self) -> Iterator[_Fact]:
        if len(told := self._agreed({kind: kind for kind in _ANIMALS} | {f"{kind}s": kind for kind in _ANIMALS})) == 1:
            yield _Fact("animal", told[0])

    def _sport(self) -> Iterator[_Fact]:
        if len(told := self._agreed(_GAMES)) == 1:
            yield _Fact("sport", told[0])

    def _scene(self) -> Iterator[_Fact]:
        if len(told := self._agreed({place: place for place in _PLACES})) == 1:
            yield _Fact("scene", told[0])

    def _ground(self) -> Iterator[_Fact]:
        if len(told := self._agreed({ground: ground for ground in _GROUNDS})) == 1:
            yield _Fact("ground", told[0])
            if told == ["snow"]:
                yield _Fact("season", "winter")
        elif self._agreed(dict.fromkeys(_WARM, "warm")):  # else every season were winter
            yield _Fact("season", "summer")

    def _gender(self) -> Iterator[_Fact]:
        said = [set(re.findall(r"[a-z]+", s)) for s in self._said]
        male, female = (sum(bool(words & who) for words in said) for who in (_MALE, _FEMALE))
        if any(words & (_MANY - {"dogs"}) for words in said) or (male and female) or max(male, female) < 3:
            return
        sex, somebody = ("male", "man") if male else ("female", "woman")
        yield _Fact("gender", sex)
        yield _Fact("man_or_woman", somebody)

    def _agreed(self, meaning: dict[str, str]) -> list[str]:
        """Return what more than one sentence says, of words that mean something."""
        told = [{meaning[word] for word in re.findall(r"[a-z]+", said) if word in meaning} for said in self._said]
        everything = {what for said in told for what in said}
        return sorted(everything) if all(sum(what in said for said in told) > 1 for what in everything) else []


def _head(found: re.Match[str] | None) -> str:
    """Return the noun of a `thing` like "large red ball in its mouth"; empty if there is none to be sure of."""
    words: list[str] = []
    for word in found["thing"].split() if found else ():
        if word in _ENDS or word.endswith("ing"):
            break
        words.append(word)
    return words[-1] if 0 < len(words) <= 4 and words[-1].isalpha() and words[-1] not in WORDS["color"] else ""
