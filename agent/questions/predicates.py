"""Whether there is one of whom more is said: "Is there a man riding a bike?", "Is anyone wearing a hat?".

That there is a man is only half of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from vqa.agent.questions.rephrasing import plainly

_SOME = "an?|any|some|the|one|two|three|four|five|several|many|more than one|at least one"
_SOMEONE = "anyone|anybody|someone|somebody"
_WORN = (
    "suits?|dress(?:es)?|hats?|caps?|helmets?|uniforms?|jackets?|coats?|shirts?|t-shirts?|skirts?|shorts|jeans|boots|"
    "vests?|costumes?|bikinis?|swimsuits?|wetsuits?|aprons?|robes?|sunglasses|glasses|masks?"
)
_NO_ACTION = (  # ends like one
    "being|something|anything|nothing|everything|thing|ring|string|king|wing|building|ceiling|clothing|painting|drawing|"
    "railing|awning|evening|morning|wedding|spring|including|dining|parking|swimming(?= pool)|crossing(?= sign)"
)
_SIGHT = "image|picture|photo|photograph|scene|shot|background|foreground|distance|middle|center|centre|corner"
_ACTION = rf"(?!(?:{_NO_ACTION})\b)[a-z]+ing\b"
_WITHIN = rf"in(?:side)?(?: of)? (?:an?|the|this|that) (?P<within>(?!(?:{_SIGHT})\b)[a-z]+(?: [a-z]+)?)"
_REST = (
    rf"(?:(?:who|that|which)(?: (?:is|are|was|were)|'s) (?P<such>.+)|(?:who|that|which) (?:has|have) (?P<has>.+)"
    rf"|with (?P<with>.+)|(?P<does>{_ACTION}.*)"
    rf"|in (?P<wears>(?:(?:an?|the|his|her|their) )?(?:[a-z]+ )?(?:{_WORN})\b.*)"
    rf"|{_WITHIN})"
)
_THERE_IS = re.compile(
    r"(?:(?P<be>is|are|was|were) there|(?:do|can|could) you see|"
    r"does (?:the|this) (?:image|picture|photo|photograph) (?:show|have|contain))"
    rf" (?:(?P<some>{_SOME}) )?(?P<who>(?!(?:no|more|another|{_SOME})\b)[a-z][a-z'-]*(?: [a-z'-]+){{0,2}}?)"
    rf"(?: here| (?:in|on) (?:it|(?:the|this) (?:{_SIGHT})))? {_REST}\W*"
)
_ONE_DOES = re.compile(
    rf"(?P<be>is|are|was|were) (?:(?P<some>an?|any|some) (?P<thing>[a-z]+(?: [a-z]+)?)|(?P<one>{_SOMEONE}|people)) "
    rf"(?:(?P<does>(?:{_ACTION}|at|by|near|aboard|outside) .+|{_ACTION})|{_WITHIN})\W*"
)
_OTHERWISE = re.compile(
    r"\b(?:not|no|or|without|but|more|less|than|same|only|both|each|else)\b|n't\b|\bsays?\b|\breads?\b"
)


@dataclass(frozen=True)
class Predicate:
    """Somebody or something that is to be there, and what is said of it.

    Attributes:
        who: In the question's words: "man", "anyone".
        there: Whether there is one: "Is there a man?".
        so: Whether it is so of the one that is there: "Is the man riding a bike?".
        beside: What else is to be there, if that is all that is said: "dog" of a man with a dog, "boat" of one in it.
        within: Whether it is said what they are in.
    """

    who: str
    there: str
    so: str
    beside: str = ""
    within: bool = False


@lru_cache(maxsize=4096)  # routing, folding and trust read the same question
def read_predicate(question: str) -> Predicate | None:
    """Return who is to be there and what is said of them; None if a question asks no more than whether they are."""
    asked = " ".join(plainly(question).lower().split()).rstrip(" ?.!")
    match = _THERE_IS.fullmatch(asked) or _ONE_DOES.fullmatch(asked)
    if match is None or _OTHERWISE.search(asked):
        return None
    said = match.groupdict()
    who = said["who"] if "who" in said else said["thing"] or said["one"]
    many = said["be"] in ("are", "were") or (said["some"] or "") not in ("", "a", "an", "one", "the") or who == "people"
    single = re.fullmatch(_SOMEONE, who) is not None
    named = who if single else f"the {who}"
    some = "" if single or who == "people" else "any " if many else "a "
    be, do = ("Are", "Do") if many and not single else ("Is", "Does")
    if has := said.get("has") or said.get("with"):
        so = f"{do} {named} have {has}?"
    elif wears := said.get("wears"):
        so = f"{be} {named} wearing {wears}?"
    elif within := said.get("within"):
        so = f"{be} {named} in the {within}?"
    else:
        so = f"{be} {named} {said.get('such') or said['does']}?"
    beside = re.sub(r"^(?:an?|the|his|her|their|some) ", "", said.get("with") or said.get("within") or "")
    return Predicate(who, f"{be} there {some}{who}?", so, beside, said.get("within") is not None)
