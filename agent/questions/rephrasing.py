"""Questions put plainly: "There is a dog, right?" and "I wonder if there is a dog" ask "Is there a dog?"."""

from __future__ import annotations

import re
from functools import lru_cache

_WONDERING = (
    r"(?:(?:so|well|hey|please|and|but),? )?"
    r"(?:(?:would|could) you say|do you (?:think|know|believe|agree)|i (?:wonder|guess|think|suppose|want to know)|"
    r"(?:(?:can|could|will|would) you )?(?:please )?(?:tell me|tell|say|see|check|confirm)|"
    r"is it (?:true|so|correct|right|the case)|am i right)(?:,? (?:if|whether|that))? "
)
_RIGHT = r"(?:, ?(?:right|correct|yes|no|true|is(?:n't| that right)|isn't (?:there|it|that so)|aren't there|or not))?"
_THERE_IS = re.compile(rf"(?:{_WONDERING})?there(?P<be>'s| is| are| was| were) (?P<what>.+?){_RIGHT}\W*", re.I)
_THE_THING_IS = re.compile(
    rf"{_WONDERING}(?P<who>(?:the|this|that|these|those|his|her|their) [\w' -]+?|it) (?P<be>is|are|was|were) "
    rf"(?P<what>.+?){_RIGHT}\W*",
    re.I,
)
_IS_NOT = re.compile(r"(?P<be>is|are|was|were)(?:n't| not) there (?P<what>.+)", re.I)
_NOBODY = re.compile(r"\b(?:nobody|no[ -]one)\b", re.I)
_ANY = re.compile(r"any (?P<what>[\w' -]+\?)", re.I)
_NUMBER = re.compile(r"(?:is there|(?:do|can) you see) (?:a|the) number (?P<number>\d[\d.,-]*\d|\d)\b.*", re.I)
_NONE = re.compile(r"(?:is|are|was|were) there (?:no|not any|zero|exactly zero) (?P<what>.+)", re.I)
_IT = r"(?:it|this|that|(?:the|this|that) (?:image|picture|photo|photograph|scene))"
_COUNT_ALL = re.compile(
    r"(?:please )?count (?:everything|(?:all )?(?:of )?(?:the )?(?:objects|things|items))"
    rf"(?: (?:here|there|visible|you see|in {_IT}))*\W*",
    re.I,
)
_TITLE = re.compile(
    r"(?:please )?(?:(?:give|write|suggest|make up|think of|come up with|find)(?: me| us)? (?:a|an|one)|"
    rf"what (?:is|would be|could be) (?:a|the))(?: \w+)? (?:title|headline|caption) (?:for|of|to) {_IT}\W*",
    re.I,
)
_FIND = re.compile(
    r"(?:please )?(?:find|locate|spot|point (?:to|at|out))(?: me)? "
    r"(?!.*\b(?:text|words?|total|date|price|number|name|address|title|phone|amount|tax|error|mistake|difference)s?\b)"
    r"(?:(?P<all>all(?: of)?(?: the)?|every)|the|an?) (?P<what>[\w' -]+?)"
    rf"(?: (?:here|in {_IT}))*\W*",
    re.I,
)
_WHOSE = r"(?:the|this|that|these|those|my|your|our)"
_WHERE_IT_IS = re.compile(
    rf"(?:(?:can|could|will|would) you )?(?:please )?tell me where (?P<told>{_WHOSE} [\w' -]+?) (?P<be>is|are)\W*"
    rf"|where can (?P<found>{_WHOSE} [\w' -]+?) be (?:seen|found)\W*"
    rf"|where (?:can|do) (?:i|we|you) (?:see|find) (?P<seen>{_WHOSE} [\w' -]+?)\W*",
    re.I,
)
_PICTURE_OF = re.compile(
    r"(?:is|was) (?:it|this|that) an? (?:picture|image|photo|photograph|shot|snapshot|close[ -]?up|view) "
    r"(?:of|showing|with) (?:(?P<one>(?:an?|the) [\w'-]+(?: (?!with|in|on|at|by|of|or|[a-z]+ing\b)[\w'-]+)?"
    r"(?: or an? [\w'-]+)*)|(?P<some>.+?))\W*",
    re.I,
)
_SEVERAL = re.compile(r"(?:some|many|two|three|four|several|people|men|women|children|(?!a )[a-z]+[^s]s)\b", re.I)
_CROWDED = re.compile(
    r"(?:is|was) (?:it|(?:the|this|that) [a-z]+)(?: (?:very|too|really|so))? crowded"
    rf"(?: (?:here|there|in {_IT}))*\W*",
    re.I,
)


@lru_cache(maxsize=4096)  # routing, folding and trust put the same question plainly, many times
def plainly(question: str) -> str:
    """Return a question about what there is as "Is there …?", whether it is so as "Is the …?", any other as it is.

    Who is to find the dog, or to tell where it can be seen, is asked where it is; where it is crowded, there are many
    people.
    "Is there a number 22?" asks whether it says 22; who wants a title for the picture wants to know what it shows. A
    picture of a beach is a beach, and of people who dance, there are such.

    "Are there no dogs?" becomes "Are there exactly zero dogs?": told so, or not so, a small core answers rightly, where
    it takes the other for "Are there dogs?".
    """
    asked = " ".join(question.replace("\u2019", "'").split())
    if spelled := re.search(r"\b(what|where|who|how)s\b", asked, re.I):
        asked = question = asked.replace(spelled[0], f"{spelled[1]}'s")
    if match := _THERE_IS.fullmatch(asked) or _IS_NOT.fullmatch(asked):
        be = match["be"].strip().replace("'s", "is").capitalize()
        asked = question = f"{be} there {match['what'].rstrip(' ?.!')}?"
    if match := _ANY.fullmatch(asked):
        return f"Are there any {match['what']}"
    if _COUNT_ALL.fullmatch(asked):
        return "How many objects are there?"
    if match := _FIND.fullmatch(asked):
        return f"Where {'are' if (match['all'] or '').lower().startswith('all') else 'is'} the {match['what']}?"
    if match := _WHERE_IT_IS.fullmatch(asked):
        what = match["told"] or match["found"] or match["seen"]
        several = _SEVERAL.match(what.partition(" ")[2])
        return f"Where {match['be'] or ('are' if several else 'is')} {what}?"
    if _CROWDED.fullmatch(asked):
        return "Are there many people?"
    if match := _PICTURE_OF.fullmatch(asked):
        be = "Are" if match["some"] and _SEVERAL.match(match["some"]) else "Is"
        return f"Is this {match['one']}?" if match["one"] else f"{be} there {match['some']}?"
    if _TITLE.fullmatch(asked):
        return "Describe the image."
    if match := _NUMBER.fullmatch(asked):
        return f"Does it say {match['number']}?"
    if match := _THE_THING_IS.fullmatch(asked):
        return f"{match['be'].capitalize()} {match['who']} {match['what']}?"
    if match := _NONE.fullmatch(_NOBODY.sub("no people", asked)):
        return f"Are there exactly zero {match['what']}"
    return question
