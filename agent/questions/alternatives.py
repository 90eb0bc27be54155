"""Which answers a question names itself: "Is he sitting or standing?", "Is it a boy, a girl or a dog?".

A small core that writes freely blends them ("lunchplate" for breakfast or lunch), so it only says which is likelier.
"""

from __future__ import annotations

import re
from functools import lru_cache

from vqa.agent.questions.rephrasing import plainly

_ASKS = re.compile(
    r"(?:(?:is|are|was|were|do|does|did|has|have|can|could|will|would)\b|(?P<which>what|which|who)\b.*[,?])",
    re.I,
)
_WHETHER_ANY = re.compile(
    r"(?:(?:is|are|was|were) there(?! (?:more|fewer)\b(?!.*\bthan\b))|(?:do|can) you see)\b.* or (?!not\b|no\b)", re.I
)
YES_OR_NO = ("Yes", "No")
_OR = re.compile(r"(?P<before>.+?),? or (?P<last>(?!not\b|no\b|some|any|it\b|one\b|two\b|three\b).+)", re.I)
_BEHIND = re.compile(  # what does not belong to the last one any more
    r"\b(?:in|on|at|of|for|to|with|from|near|by|during|here|there|standing|sitting|wearing|holding|that|who|which|"
    r"behind|next|when|than)\b.+|[?.!,].*",
    re.I,
)
_BEFORE = re.compile(  # what does not belong to the first one yet
    r"^(?:(?:it|this|that|these|those|he|she|they|either|more|likely|probably|is|are|was|were|be|being|in|on|at|the|an?|"
    r"his|her|their|taken|during|like) )+",
    re.I,
)
_THAN = re.compile(r"\bthan\b", re.I)  # "more dogs than cats or birds": yes or no
_ARTICLE = re.compile(r"(?:the|an?) ", re.I)
_MOST_WORDS = 3


@lru_cache(maxsize=4096)
def named_alternatives(question: str) -> tuple[str, ...]:
    """Return the answers that a question leaves the choice between, in its own words; none if it names none.

    Whether there is one thing or another is yes or no.

    What they have in common is left out: "breakfast" and "lunch" of "a breakfast or lunch plate", "left" and "right" of
    "left handed or right handed".
    """
    asked = plainly(" ".join(question.split())).rstrip(" ?.!")
    if _WHETHER_ANY.match(asked):  # "Is there a cat or a dog?", whatever there is
        return YES_OR_NO
    asks, match = _ASKS.match(asked), _OR.fullmatch(asked)
    if asks is None or match is None or " or " in match["last"] or _THAN.search(match["before"]):
        return ()
    last = _BEFORE.sub("", _BEHIND.sub("", match["last"]).strip()).split()
    if not 1 <= len(last) <= _MOST_WORDS:
        return ()
    parts = [part for part in re.split(r"[,?] ?", match["before"]) if part]
    first = [_ending(part.split(), last) for part in (parts[-1:] if asks["which"] else parts)]
    by_itself = last[0].endswith("ing") or _ARTICLE.match(match["last"])
    whole = last if by_itself else last[: min(len(last), *map(len, first))]
    while all(len(words) > 1 and words[-1].lower() == whole[-1].lower() for words in (*first, whole)):
        first, whole = [words[:-1] for words in first], whole[:-1]
    found = (*(" ".join(words) for words in first), " ".join(whole))
    return found if all(found) and len({one.lower() for one in found}) == len(found) else ()


def _ending(words: list[str], last: list[str]) -> list[str]:
    """Return the words at the end of a part that stand beside the last alternative."""
    ending, before = words[-len(last) :], words[-len(last) - 1 : -len(last)]
    alike = ending[-1].lower() == last[-1].lower() or before in (["a"], ["an"])
    alike |= ending[0].endswith("ing") and last[0].endswith("ing")
    kept = _BEFORE.sub("", " ".join(ending)).split()
    return kept if len(last) > 1 and alike else kept[-1:]
