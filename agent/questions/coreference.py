"""What a pronoun stands for: "What colour is it?" after "Where is the bus?" is read as "What colour is the bus?".

The rule, whole: a question that names nothing itself and says "it", "they" or "she" means the thing that was last asked
about or answered; "he" and "she" mean people, "it" anything else. It knows English only, and it guesses: whoever uses
it says how a question was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from vqa.agent.questions.intent import read_intent
from vqa.agent.questions.vocabulary import mentioned
from vqa.words import plural

_PERSON = "person"
_PRONOUN = re.compile(r"\b(?:(?P<thing>it|its)|(?P<people>he|she|him|his|her|hers)|(?P<any>they|them|their))\b", re.I)
_POSSESSIVE = frozenset({"its", "his", "their"})
_PLURAL = frozenset({"they", "them", "their"})
# "Does the sign look as if it were new?"
_OWN_SUBJECT = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|can|could) (?:the|this|that|these|those|an?)\b", re.I
)
# "it" that stands for nothing.
_EMPTY_IT = re.compile(
    r"\bwhat (?:time|day|season|year) is it\b|\bis it (?:a |an )?(?:rain|snow|sunny|cloud|fog|wind|dark|day|night|"
    r"morning|evening|late|early|hot|cold|warm|summer|winter|spring|autumn|fall|possible|true|likely|safe)",
    re.I,
)


def resolved(question: str, turns: Sequence[tuple[str, str]], labels: Collection[str]) -> str:
    """Return the question with its pronouns replaced by what they stand for, or as it is if that is not clear.

    Args:
        question: What is asked now.
        turns: Earlier (question, answer) pairs, oldest first.
        labels: What the detectors know, singular.
    """
    pronoun = _PRONOUN.search(question)
    intent = read_intent(question, labels)
    own = intent.named or (intent.thing and not _PRONOUN.search(intent.thing)) or _OWN_SUBJECT.match(question)
    if pronoun is None or own or _EMPTY_IT.search(question):
        return question
    wanted = pronoun.lastgroup
    fitting = (s for s in _subjects(turns, labels) if wanted == "any" or (wanted == "people") == (s == _PERSON))
    subject = next(fitting, None)
    return _PRONOUN.sub(lambda match: _words(match[0], subject, labels), question) if subject else question


def _subjects(turns: Sequence[tuple[str, str]], labels: Collection[str]) -> Iterable[str]:
    """Yield what the turns were about, the latest first: labels, or the question's own word for what has none."""
    for question, answer in reversed(turns):
        intent = read_intent(question, labels)
        if intent.thing and not intent.asked:
            yield intent.thing
        about = intent.asked or intent.named
        # "Which animal is it?" names many labels; the answer has the one.
        yield from about if 0 < len(about) <= 2 else mentioned(answer.lower(), labels)[:1]


def _words(pronoun: str, subject: str, labels: Collection[str]) -> str:
    many = pronoun.lower() in _PLURAL and subject in labels
    said = f"the {plural(subject, 2) if many else subject}"
    if pronoun.lower() not in _POSSESSIVE:
        return said
    return f"{said}'" if many and said.endswith("s") else f"{said}'s"
