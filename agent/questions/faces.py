"""How questions ask for what faces say: "Is she smiling?", "How old is the man?", "How many faces are there?"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from vqa.agent.questions import asking
from vqa.agent.questions.predicates import read_predicate
from vqa.agent.questions.rephrasing import plainly

Whose = Literal["one", "all", "any", "how many", "who"]
What = Literal[
    "smiling",
    "glad",
    "not glad",
    "laughing",
    "serious",
    "glad or not",
    "feeling",
    "age",
    "years",
    "face",
    "facing",
    "has",
    "hair",
]

_GLAD = "happy|glad|cheerful|joyful|pleased|in a good mood|friendly"
_NOT_GLAD = "sad|unhappy|angry|mad|upset|crying|frowning|scared|afraid|in a bad mood|depressed|worried|annoyed"
_WORDS: Mapping[What, str] = {
    "smiling": "smiling|grinning",
    "laughing": "laughing",
    "glad": _GLAD,
    "not glad": _NOT_GLAD,
    "serious": "serious|stern",
}
_YEARS = {  # as people say it: between which ages somebody is
    "old": (50, 120),
    "elderly": (60, 120),
    "senior": (60, 120),
    "young": (0, 35),
    "middle aged": (38, 62),
    "middle-aged": (38, 62),
}
_SHOWN = (
    r"(?: (?:here|now|right now|at all|(?:in|for|at) (?:it|(?:the|this) (?:image|picture|photo|photograph|camera))))*"
)
_LOOKS = r"(?:looking|look|looks|seeming|seem|seems|appearing|appear|appears|feeling|feel)(?: to be)?(?: like)?"
_YOUNGER, _OLDEST = ("under", "below", "younger than", "less than"), 120.0
_BODY = rf"(?:{asking.SOMEBODY}|anyone|anybody|everyone|everybody|him|her|them)"
_WHO = (
    rf"(?P<who>(?!there )(?:(?:all|both|any|either|one|most)(?: of)? )?(?:(?:the|this|that|these|those|a|an|any) )?"
    rf"(?:(?!smiling|happy|sad)[a-z-]+ ){{0,2}}?{_BODY}"
    r"(?: (?:in|on|with|wearing|at|to) (?:the|a|an) (?:[\w'-]+ ?){1,3}?)?)"
)
_WHOSE = (
    rf"(?P<who>his|her|their|(?:(?:the|this|that|these|those|any) )?(?:[a-z-]+ ){{0,2}}?{_BODY}(?:'s|s'|')|anyone's"
    r"|anybody's|somebody's|someone's)"
)
_SO = "|".join(word for words in (*_WORDS.values(), *_YEARS) for word in words.split("|"))
_FEELING = r"(?:facial expressions?|expressions?(?: on (?:his|her|their|the) faces?)?|emotions?|moods?|feelings?)"
_IS = r"(?:is|are|was|were)"
_DOES = r"(?:does|do|did)"
_WHETHER = [
    re.compile(
        rf"{_IS} {_WHO} (?:{_LOOKS} )?(?:(?:very|really|an?|actually) )?(?P<so>{_SO})(?: or (?P<other>{_SO}|not))?"
        rf"(?: (?:man|woman|person|people|one|men|women))?{_SHOWN}\W*"
    ),
    re.compile(
        rf"{_DOES} {_WHO} {_LOOKS} (?:(?:very|really|an?) )?(?P<so>{_SO})(?: or (?P<other>{_SO}|not))?{_SHOWN}\W*"
    ),
    re.compile(
        rf"{_DOES} {_WHO} have (?:an? )?(?:[a-z]+ )?(?P<smile>smiles?)(?: on (?:his|her|their|the) faces?)?{_SHOWN}\W*"
    ),
    re.compile(rf"{_IS} there (?:a |any )?(?P<smile>smiles?) on {_WHOSE} faces?{_SHOWN}\W*"),
]
_TO_US = (
    r"(?:(?:look|star|gaz|glanc)(?:ing|e)?|fac(?:ing|e)|turned)(?: (?:straight|right|directly|at|in|into|to|towards?))*"
    r" (?P<words>(?:the |this )?(?:camera|viewer|photographer|lens)|us|me|forwards?)"
)
_FACING = [
    re.compile(rf"(?:{_IS}|{_DOES}) {_WHO} {_TO_US}\W*"),
    re.compile(rf"(?P<many>how many) (?P<who>(?:[a-z]+ )??{asking.SOMEBODY})(?: {_IS}| do| does)? {_TO_US}\W*"),
]
HAD = {  # as the expert calls it, and as people do
    "glasses": "glasses|eye ?glasses|spectacles|reading glasses|eyewear",
    "hat": "hats?|headgear|headwear",
    "beard": "beards?|facial hair|bearded",
    "blond hair": "blonde? hair|blondes?|blonde?",
}
_KINDS_OF = {
    "glasses": "sunglasses|shades|goggles",
    "hat": "caps?|baseball caps?|helmets?|beanies?|cowboy hats?|hoods?|hard hats?|bike helmets?|visors?",
    "beard": "moustaches?|mustaches?|goatees?",
    "blond hair": "strawberry blonde?(?: hair)?",
}
_THING = "|".join((*HAD.values(), *_KINDS_OF.values()))
_HAS = (
    rf"(?:an? |any |some |the |his |her |their )?(?:pair of )?(?P<thing>{_THING})(?: on)?"
    r"(?: (?:his|her|their) (?:face|head|eyes)s?)?"
)
_HAVE = [
    re.compile(rf"{_IS} {_WHO} wearing {_HAS}{_SHOWN}\W*"),
    re.compile(rf"{_DOES} {_WHO} (?:have|wear|have on) {_HAS}{_SHOWN}\W*"),
    re.compile(rf"{_IS} {_WHO} (?:an? )?(?P<thing>bearded|blonde?)\W*"),
    re.compile(rf"{_IS} {_WHOSE} hair (?P<thing>blonde?)\W*"),
]
_COLORS = "colou?rs?"
_HAIR = [
    re.compile(rf"what {_COLORS} {_IS} {_WHOSE} hair{_SHOWN}\W*"),
    re.compile(rf"what (?:{_COLORS} hair|hair {_COLORS}) {_DOES} {_WHO} have{_SHOWN}\W*"),
    re.compile(
        rf"what {_IS} (?:{_WHOSE} hair {_COLORS}|the {_COLORS} of {_WHOSE.replace('<who>', '<whose>')} hair){_SHOWN}\W*"
    ),
]
_HOW_MANY_HAVE = re.compile(
    rf"how many (?:of (?:the|these|them) )?(?P<who>(?:[a-z]+ )??(?:{asking.SOMEBODY}|them))(?: {_IS}| do| does)? "
    rf"(?:wearing|wear|have|with|have on) {_HAS}{_SHOWN}\W*"
)
_WHO_DOES = re.compile(r"who(?: all)? (?:(?:is|are) (?P<so>.+)|(?:has|have) (?P<thing>.+))")
_OVER = re.compile(
    rf"{_IS} {_WHO} (?P<how>over|above|older than|more than|under|below|younger than|less than|at least) "
    rf"(?:the age of )?(?P<years>\d{{1,2}})(?: years?(?: old)?)?{_SHOWN}\W*"
)
_COUNTED = re.compile(
    rf"how many (?:of (?:the|these|them) )?(?P<who>(?:[a-z]+ )??(?:{asking.SOMEBODY}|them))(?: {_IS})?(?: {_LOOKS})? "
    rf"(?P<so>{_WORDS['smiling']}|{_WORDS['laughing']}|{_GLAD}){_SHOWN}\W*"
)
_FEELS = [
    re.compile(rf"how (?:{_DOES}|{_IS}) {_WHO} (?:feel|feeling)(?: (?:about|in|on|at|right now|now)\b.*)?\W*"),
    re.compile(rf"what {_IS} {_WHOSE} {_FEELING}{_SHOWN}\W*"),
    re.compile(
        rf"what {_IS} the {_FEELING} (?:of|on) (?:{_WHO}|{_WHOSE.replace('<who>', '<whose>')} faces?){_SHOWN}\W*"
    ),
    re.compile(
        rf"(?:what|which) (?:(?:kind|type|sort) of )?{_FEELING} (?:{_IS}|{_DOES}) {_WHO}"
        rf"(?: (?:showing|show|expressing|express|displaying|making|having|have|in|feeling))*{_SHOWN}\W*"
    ),
]
_AGE = [
    re.compile(rf"(?:(?:about|approximately|roughly) )?how old (?:{_IS}|{_DOES}) {_WHO}(?: {_LOOKS})?{_SHOWN}\W*"),
    re.compile(rf"(?:what|which) {_IS} {_WHOSE} (?:[a-z]+ )?ages?{_SHOWN}\W*"),
    re.compile(rf"what {_IS} the (?:[a-z]+ )?ages? (?:range )?of {_WHO}{_SHOWN}\W*"),
    re.compile(
        rf"(?:about )?what age (?:range )?(?:{_IS}|{_DOES}|would|might|could) {_WHO}(?: (?:be|{_LOOKS}))?{_SHOWN}\W*"
    ),
]
_TOLD_OF_EACH = ("smiling", "glad", "facing", "has")
_FACE = (
    r"(?:human |person's |people's |visible )?(?P<face>faces?)(?: (?:is|are|visible|shown|seen|there|can|be|you|see))*"
)
_FACES = [
    re.compile(rf"(?P<many>how many) {_FACE}{_SHOWN}\W*"),
    re.compile(
        rf"(?:{_IS} there|(?:can|do) (?:you|we|i) see|does (?:it|the (?:image|picture|photo)) (?:show|have)) "
        rf"(?:a|an|any|some) {_FACE}{_SHOWN}\W*"
    ),
    re.compile(rf"(?:(?:can|do|could) (?:you|we|i) see|{_IS}) {_WHOSE} {_FACE}{_SHOWN}\W*"),
]
_PLURAL = re.compile(
    r"\b(?:they|them|their|people|men|women|boys|girls|children|kids|babies|guys|ladies|players|"
    r"(?:surf|ski|skat|rid|snowboard|skateboard)(?:i?e)?rs|athletes|persons|everyone|everybody|all|both)\b"
)
_ANY = re.compile(r"(?:any(?:one|body)?|some(?:one|body)|a|an|either|one|anyone's|anybody's|someone's|somebody's)\b")
_SORTS = {
    "he": ("man", "boy"),
    "his": ("man", "boy"),
    "him": ("man", "boy"),
    "she": ("woman", "girl"),
    "her": ("woman", "girl"),
}


@dataclass(frozen=True)
class AskedFaces:
    """What is asked of faces.

    Attributes:
        what: Whether they smile, how somebody feels, how old they are, what they have on, whether there is a face.
        words: In the question's words: "happy", "old", "how old".
        whose: One's, all of them, anybody's, how many have such, or who.
        who: In the question's words: "the man"; "" if nobody is named.
        sorts: Of people whom a pronoun means; none: see `who`.
        years: Between which somebody's age is, where that is asked.
        other: What else it may be: "sad" of "happy or sad".
        thing: Of what somebody may have on their face or head: "glasses", "hat", "beard", "blond hair".
        any_of_it: Whether any such is asked for, or one of a kind, as a helmet is a kind of hat.
    """

    what: What
    words: str
    whose: Whose = "one"
    who: str = ""
    sorts: tuple[str, ...] = ()
    years: tuple[float, float] = (0.0, 0.0)
    other: str = ""
    thing: str = ""
    any_of_it: bool = True

    @property
    def of_its_looks(self) -> bool:
        """Whether only who sees the face can tell, and nobody by what else there is."""
        return self.what not in ("age", "years", "face", "has", "hair")


@lru_cache(maxsize=4096)  # routing, folding and trust read the same question
def read_faces(question: str) -> AskedFaces | None:
    """Return what a question asks of faces, and of nothing besides; None if nothing."""
    asked = asking.lowered(plainly(question)).replace("\u2019", "'")
    if match := _first(_FACES, asked):
        named = match.groupdict()
        return _of(named.get("who") or "any", "face", match["face"], many=bool(named.get("many")))
    if match := _WHO_DOES.fullmatch(asked):
        does = read_faces(f"is anyone {match['so']}" if match["so"] else f"does anyone have {match['thing']}")
        return replace(does, whose="who", who="") if does and does.what in _TOLD_OF_EACH else None
    if match := _HOW_MANY_HAVE.fullmatch(asked) or _first(_HAVE, asked):
        thing = next(name for name in HAD if re.fullmatch(f"{HAD[name]}|{_KINDS_OF[name]}", match["thing"]))
        asked_of = _of(match["who"], "has", match["thing"], many=asked.startswith("how many"))
        return replace(asked_of, thing=thing, any_of_it=re.fullmatch(HAD[thing], match["thing"]) is not None)
    if match := _first(_HAIR, asked):
        who = match["who"] or match.groupdict().get("whose") or ""
        return replace(_of(who, "hair", "color of hair"), thing="blond hair")
    if match := _first(_FACING, asked):
        many = bool(match.groupdict().get("many"))
        return _of(match["who"], "facing", f"facing {match['words']}", many=many)
    if match := _COUNTED.fullmatch(asked):
        return _of(match["who"], _what(match["so"]), match["so"], many=True)
    if match := _OVER.fullmatch(asked):
        years = float(match["years"])
        span = (0.0, years) if match["how"] in _YOUNGER else (years, _OLDEST)
        return replace(_of(match["who"], "years", f"{match['how']} {match['years']}"), years=span)
    if match := _first(_WHETHER, asked):
        named = match.groupdict()
        return _whether(named.get("so") or "smiling", (named.get("other") or "").removeprefix("not"), match["who"])
    if match := _first(_FEELS, asked):
        who = match["who"] or match.groupdict().get("whose") or ""
        return _of(who, "feeling", "expression" if "expression" in asked else "feeling")
    return _of(match["who"], "age", "age") if (match := _first(_AGE, asked)) else None


def faces_spoken_of(question: str) -> AskedFaces | None:
    """Return what a question asks of faces, or would if the one is there of whom it asks whether there is one.

    "Is there a man with a beard?" comes to whether the man has a beard.
    """
    predicate = read_predicate(question)
    return read_faces(question) or (read_faces(predicate.so) if predicate else None)


def _of(who: str, what: What, words: str, *, many: bool = False) -> AskedFaces:
    whose: Whose = "how many" if many else "any" if _ANY.match(who) else "all" if _PLURAL.search(who) else "one"
    return AskedFaces(what, words, whose, who, _SORTS.get(who, ()))


def _whether(so: str, other: str, who: str) -> AskedFaces | None:
    """Return what is asked by one word, or by two; None if these do not go together."""
    if so in _YEARS:
        return replace(_of(who, "years", so), years=_YEARS[so], other=other) if other in ("", *_YEARS) else None
    if not other:
        return _of(who, _what(so), so)
    known = so not in _YEARS and other not in _YEARS
    return replace(_of(who, "glad or not", so), other=other) if known and is_glad(so) is not is_glad(other) else None


def is_glad(word: str) -> bool:
    """Return whether a word is said of who smiles: "happy", and not "sad"."""
    return _what(word) in ("smiling", "glad", "laughing")


def _what(word: str) -> What:
    return next(what for what, words in _WORDS.items() if word in words.split("|"))


def _first(patterns: Sequence[re.Pattern[str]], asked: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.fullmatch(asked))), None)
