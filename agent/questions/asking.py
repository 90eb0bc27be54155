"""How questions ask for a thing to be named: which animal it is, what he holds, what is on the left.

Patterns of whole questions in lower case; `agent.naming` says which of the found things is the one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from vqa.agent.questions.korean import in_plain_english
from vqa.agent.questions.rephrasing import plainly
from vqa.agent.questions.taxonomy import CONTENTS, SORTS
from vqa.words import COLORS

_SORT_WORDS = {
    "animal": "animal animals creature creatures pet pets mammal mammals",
    "vehicle": "vehicle vehicles transportation",
    "fruit": "fruit fruits",
    "vegetable": "vegetable vegetables veggie veggies",
    "food": "food foods dish meal snack",
    "dessert": "dessert desserts pastry pastries",
    "utensil": "utensil utensils silverware cutlery",
    "device": "device devices appliance appliances",
    "sport": "sport sports game",
    "room": "room",
}
SORT_OF = {word: sort for sort, words in _SORT_WORDS.items() for word in words.split()}
_VERBS = {  # as people say it: what it is in USES
    r"riding(?: on)?|about to ride": "riding",
    r"holding(?: up| on to| onto)?|carrying": "holding",
    r"eating|about to eat|cooking|preparing|serving|biting(?: into)?|chewing(?: on)?": "eating",
    r"drinking": "drinking",
    r"cutting|slicing": "cutting",
    r"throwing|about to throw|(?:trying to |about to )?catch(?:ing)?|reaching for|chasing|jumping for": "catching",
    r"(?:trying to |about to )?hit(?:ting)?": "hitting",
    r"petting|feeding|milking|walking(?: with)?": "petting",
    r"playing with": "playing with",
    r"playing": "playing",
    r"(?:doing|performing) (?:a |her |his |their )?(?:trick|stunt)s? (?:on|with)": "trick",
    r"(?:talking|speaking|texting) on": "talking on",
    r"reading": "reading",
    r"watching": "watching",
    r"using|typing on": "using",
    r"pulling|rolling": "pulling",
    r"wearing (?:on|around) (?:his|her|their|the) neck": "around the neck",
    r"doing|participating in|practicing": "doing",
    r"(?:sitting|seated|standing|lying|laying|sleeping|resting|perched)(?: down| up)? (?:on(?: top of)?|in)|on": "on",
}
SOMEBODY = (
    r"(?:people|persons?|m[ae]n|wom[ae]n|boys?|girls?|child(?:ren)?|kids?|bab(?:y|ies)|guys?|lad(?:y|ies)|he|she|they|"
    r"players?|surfers?|skiers?|skaters?|riders?|snowboarders?|skateboarders?|athletes?|batter|catcher|chef|toddler|"
    r"someone|somebody)"
)
_SOME = r"(?:(?:the|this|that|these|those|a|an)\s+)"
_WHO = (
    rf"(?P<who>{_SOME}?(?:[\w'-]+ ){{0,3}}?(?P<somebody>{SOMEBODY})|{_SOME}(?P<other>[a-z][a-z ]*?))"
    r"(?: (?:in|on|with|wearing|at) (?:[\w'-]+ ?){1,5}?)?"
)
_END = r"(?: (?:right )?(?:here|there|now))*(?: (?:in|on|with|at|from|during|for) .*)?\W*$"
_LOOKED_FOR = r"what (?:(?:object|thing|item|activity) )?(?:is|are|was|were|(?:do|can) you see)"
DOES = [(re.compile(rf"{_LOOKED_FOR} {_WHO} (?P<asked>{said}){_END}"), done) for said, done in _VERBS.items()]
WHAT_IS_DONE = next(pattern for pattern, done in DOES if done == "doing")
IN_HAND = re.compile(
    rf"what (?:is|are) (?:in (?:.*?\b{SOMEBODY}(?:'s|s'|s)?|his|her|their)(?: (?:left|right))? hands?"
    rf"|(?:.*?\b{SOMEBODY}(?:'s|s'|s)?|his|her|their) (?:left |right )?(?:hand|hands) holding)\W*"
    rf"|what (?:does|do|did) {_WHO} (?:have in|hold|carry)\b.*"
)
OF_A_SORT = [
    re.compile(
        r"(?:what|which)(?: (?:kinds?|types?|sorts?|form|mode) of| sporting)?(?: (?!color|brand|is|are)[\w-]+)? "
        rf"(?P<sort>{'|'.join(SORT_OF)})\b(?P<rest>.*)"
    ),
    re.compile(
        r"what (?:is|are) (?:the(?: name of (?:the|this))? |this |that |these |those )(?:[a-z]+ )?"
        rf"(?P<sort>{'|'.join(SORT_OF)})\b(?P<rest>.*)"
    ),
]
MORE_TO_IT = re.compile(  # something else is asked then, or of no thing that a detector knows
    rf"\b(?:{'|'.join(COLORS)}|grey|colou?rs?|shirt|t-shirt|hat|sign|logo|screen|toy|statue|painting|poster|made|for|"
    r"besides|other|than|group|brand|names?|number|like|not|eating|doing|wearing|looking|thinking|saying|says?|feel|"
    r"from|many|much|age|old|breed|contained|course|holding|used)\b|\b(?:on|in|at|of|by|with)\W*$"
)
PART_OF_IT = re.compile(  # "What room is he in?", "What food are they eating?"
    rf" in\W*$|\b{SOMEBODY} eating\b"
)
WHO_IS_THERE = re.compile(
    r"who(?: all)? (?:is|are|can be seen|(?:can|do) you see)"
    r"(?: (?:there|here|shown|visible|pictured|in (?:it|(?:the|this) (?:image|picture|photo|photograph|scene))))+\W*"
)
IN_THE_SKY = re.compile(
    r"what (?:is|are|can be seen|(?:can|do) you see|objects? (?:is|are))(?: (?:that|the \w+|those))?"
    r"(?: flying| floating| hovering)?(?: up)?(?: high)? (?:in|through|across) (?:the )?(?:sky|air)\W*"
    r"|what (?:is|are) (?:flying|hovering)\b.*"
)
ANIMAL_DOES = re.compile(
    r"what (?:is|are) (?:sitting|seated|standing|lying|laying|sleeping|resting|hiding|peeking|leaning|walking|"
    r"running|swimming|grazing|crossing|eating|drinking|looking|staring|watching|trying|pulling|chasing|jumping)\b"
    r"(?P<rest>.*)"
)
INSIDE = re.compile(
    rf"what (?:is|are) (?P<asked>(?:in|inside|on|on top of) {_SOME}(?:\w+ )?(?P<holder>{'|'.join(CONTENTS)})s?)\b\W*"
)
HERE = (
    r"(?:here|there|shown|pictured|depicted|displayed|visible|called|you see|"
    r"in (?:it|(?:the|this) (?:image|picture|photo)))"
)
_DESCRIPTION = re.compile(
    r"\b(?:describe|description|caption|what(?: is|'s) (?:happening|going on)(?! to ))\b|설명|묘사"
)
THIS = re.compile(  # and not "What is in the picture?", which asks for all there is
    r"(?:what (?:is|are) (?:it|this|that|these|those|they)|"
    r"what (?:is|are) (?:the name of )?(?:this|that|these|those|the) "
    r"(?:object|thing|item)s?|what is (?:shown|pictured|depicted|displayed)|what am i looking at|"
    rf"(?:identify|classify) (?:it|this|that|these))(?: {HERE})*\W*"
)
_PICTURE = r"(?:image|picture|photo|photograph|scene)"
_OF_WHAT = re.compile(rf"what is (?:this|that|it|the)(?: an?)? {_PICTURE}(?: (?:of|about|showing))?\W*")
WHERE_TAKEN = re.compile(
    rf"where (?:is|was|were) (?:this|that|it|these|those|they|(?:this|the) {_PICTURE})(?: (?:taken|shot|made))?\W*"
    rf"|where are (?:we|they|you|(?:these|those) (?:{SOMEBODY}|students))\W*"
    rf"|what (?:is|was) the (?:location|setting)(?: of (?:this|the) {_PICTURE})?\W*"
    r"|what is (?:this|that) (?:place|location)\W*"
    r"|what (?:(?:kind|type|sort) of )?(?:place|location) is (?:this|that|it)\W*"
)
OF_A_COLOR = [
    re.compile(rf"what (?:is|are) the (?P<asked>(?P<color>{'|'.join(COLORS)}) (?:object|thing|item)s?)\b.*"),
    re.compile(
        rf"(?:what|which)(?: (?:object|thing|item)s?)? (?:is|are) (?P<asked>(?P<color>{'|'.join(COLORS)}))"
        rf"(?: (?:here|(?:in|on) (?:it|(?:the|this) {_PICTURE})))*\W*"
    ),
]
MOST_OFTEN = re.compile(
    r"(?:what|which) (?:object|thing|item)s? (?:appears?|occurs?|(?:is|are) (?:there|seen|shown|found)) (?:the )?"
    rf"(?P<asked>(?P<how>most)(?: often| frequently)?)(?: in (?:it|(?:the|this) {_PICTURE}))*\W*"
)
MOST = re.compile(
    r"(?:what|which)(?: (?:object|thing|item))? (?:is|are) (?:the )?"
    r"(?P<asked>(?P<how>biggest|largest|smallest|most common|most frequent|most numerous)"
    r"(?: (?:objects?|things?|items?))?)"
    r"(?: (?:there|here|you see|(?:in|on) (?:it|(?:the|this) (?:image|picture|photo))))*\W*"
)
IS_ROOM = re.compile(
    r"(?:is|was) (?:this|that|it|(?:the|this) (?:image|picture|photo|scene|room))(?: (?:taken|shot))?"
    r"(?: (?:of|in|inside))? (?:a|an|the|somebody's|someone's)(?: \w+)? "
    rf"(?:{'|'.join(sorted(set(SORTS['room'].values())))})\W*"
)
AT_SIDE = re.compile(
    r"(?:what|which) (?:is|are|(?:can|do) you see|(?:object|thing)s? (?:is|are))(?: (?:there|shown|located|visible))? "
    r"(?P<asked>(?:on|at|to|in) the (?:far |very )?(?P<side>left|right|top|bottom|middle|center|centre))"
    r"(?:[ -]hand)?(?: (?:side|half|part|edge))?"
    r"(?: (?:of|in) (?:it|(?:the |this )(?:image|picture|photo|photograph|scene)))?\W*"
)
WHERE = re.compile(
    rf"where (?:is|are) {_SOME}?(?:(?P<somebody>{SOMEBODY})|(?P<other>[a-z][a-z ]*?))"
    r"(?: (?:sitting|seated|standing|lying|laying|sleeping|resting|perched|placed|located|at))?(?: now)?\W*"
)
_SEEN = r"(?:can be seen|(?:can|do) you see|you (?:can )?see)"
_ALL_HERE = rf"(?:there|here|visible|present|found|in (?:it|(?:the|this|that) {_PICTURE}))"
EVERYTHING = re.compile(
    r"(?:what|which) (?:all )?(?:(?:different |main )?(?:kinds? of |types? of )?(?:objects|things|items) )?"
    rf"(?:{_SEEN}(?: (?:all|{_ALL_HERE}))*|(?:is|are)(?: all| shown| seen)?(?: {_ALL_HERE})+)\W*"
    rf"|what does (?:it|(?:the|this|that) {_PICTURE}) (?:show|contain|have|depict)(?: in it)?\W*"
    r"|(?:please )?(?:(?:can|could) you )?"
    r"(?:list|name|identify|enumerate|detect|find|tell me|show me|give me a list of)(?: me)?"
    r"(?: (?:all|every|each)(?: of)?(?: the)? (?:objects?|things?|items?)|(?: the)? (?:objects|things|items)"
    rf"| everything)(?: (?:that )?(?:(?:is|are) )?(?:{_SEEN}|{_ALL_HERE}))*\W*"
)
ALL_THERE_IS = re.compile(r"\b(?:see|there|visible)\b")
SIDE = re.compile(r"\b(left|right|top|bottom|middle|center)\b")
FROM_THERE = re.compile(
    rf"where (?:is|are) {_SOME}?(?P<thing>[a-z][a-z ]*?) (?:relative to|in relation to|with respect to|"
    rf"compared (?:to|with)|seen from|from) {_SOME}?(?P<other>[a-z][a-z ]*?)\W*"
)
BESIDES = re.compile(
    r"what else (?:is|are|can be seen|(?:can|do) you see)"
    r"(?: (?:there|here|visible|shown|in (?:the|this) (?:image|picture|photo)))* "
    rf"(?:besides|apart from|except|other than|aside from|but) {_SOME}?(?P<thing>[a-z][a-z ]*?)\W*"
)


def asks_who_is_there(question: str) -> bool:
    """Return whether a question asks who is in the picture."""
    return WHO_IS_THERE.fullmatch(lowered(question)) is not None


def asks_what_is_done(question: str) -> bool:
    """Return whether a question asks what somebody does."""
    return WHAT_IS_DONE.fullmatch(lowered(question)) is not None


def asks_what_this_is(question: str) -> bool:
    """Return whether a question asks for what the picture shows, in a word: "What is this?"."""
    return THIS.fullmatch(lowered(question)) is not None


def where_it_is(question: str) -> str:
    """Return a question for where something is, put plainly, as the patterns have it; "" for any other.

    To find it, or to point at it, is no such question: that asks for the side of the picture.
    """
    asked = lowered(question)
    return lowered(plainly(asked)) if "where" in asked else ""


def asks_for_everything(question: str) -> bool:
    """Return whether a question asks for all there is: "What is in the picture?"."""
    return EVERYTHING.fullmatch(lowered(question)) is not None


def asks_for_description(question: str) -> bool:
    """Return whether a question asks for what the picture shows, in a sentence or a word."""
    said = plainly(question).lower()
    whole = asks_what_this_is(question) or _OF_WHAT.fullmatch(lowered(question)) is not None
    return whole or _DESCRIPTION.search(said) is not None


@lru_cache(maxsize=4096)  # routing, folding and trust read the same question, each of them several times
def lowered(question: str) -> str:
    """Return a question as the patterns have it: English, in lower case, "what is" for "what's", each blank one."""
    asked = re.sub(r"\bpic(s?)\b", r"picture\1", (in_plain_english(question) or question).lower())
    return " ".join(re.sub(r"\b(?:(what|where)['\u2019]?|(that|it)['\u2019])s\b", r"\1\2 is", asked).split())
