"""Instructions about real pictures: what the experts really see there, questions about that, and annotated questions.

Whom a question is put to is the agent's own choice, and its experts' mistakes stay in the evidence. What the answer is:

- Questions about findings (count, presence, place, …): what the findings say, even where they are wrong. A core that
  overrules a detector's count without being able to count is wrong more often than the detector.
- Annotated questions that a finding settles by itself ("How many dogs are there?") become such questions too.
- Other annotated questions: the annotators' short answer, unless it says more than the evidence can be right about: a
  count larger than the detector's is left out, words that the reader did not read become "I cannot tell" where it read
  nothing and are left out where it read something else.
- What the detector says it does not know ("helmets unknown") and annotators do: the task `guess`, for who wants it.
- What annotated captions say and no expert does: the task `seen`; the captions are then not in the evidence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

from vqa.agent.agent import VQAAgent
from vqa.agent.instructions.annotations import Annotated, Triple
from vqa.agent.instructions.captions import CaptionQuestions
from vqa.agent.instructions.likely import LikelyQuestions
from vqa.agent.instructions.objects import KINDS, ObjectQuestions
from vqa.agent.instructions.row import TASKS, UNKNOWN, Asked, Row, folded, named_otherwise
from vqa.agent.instructions.seen import SeenQuestions
from vqa.agent.instructions.synthetic import HELD_OUT_LABELS
from vqa.agent.instructions.texts import TextQuestions
from vqa.agent.instructions.wordings import WORDS, Wordings
from vqa.agent.questions.intent import read_intent
from vqa.values import COUNT_SCORE, Finding, LoadedImage, Question, Region
from vqa.words import plural

SURE_TRIPLE = 0.4
"""Share of annotators that must agree on an answer for it to be taught."""
POPULAR = ("person", "chair", "car", "dining table", "cup", "bottle", "bowl", "handbag", "truck", "book", "backpack")
"""COCO's most frequent classes: absent, they are the tempting ones to see."""

_PLAIN = frozenset(
    "how many are is there in the this picture image photo can you see do be visible shown total of any a an on here "
    "pictured seen present number what scene it".split()
)
_READS = re.compile(
    r"\b(?:say|says|written|read|reads|spell|number|numbers|word|words|brand|name|letter|letters|text)\b"
)
_Maker = tuple[Callable[[], Asked | None], tuple[Finding, ...]]
_YES_NO = ("yes", "no")
_CAPTIONED = ("attribute", "contradiction")
_TOLD_BY_OTHERS = ("attribute", "seen")  # than the detector, which may name another colour
_ONCE = ("count", "presence", "place", "sort", "describe")  # the same evidence has nothing new to say
_ANYBODY = ("persons", "humans", "human", "anyone", "anybody", "someone")


class Grounded:
    """Makes rows about one picture after another.

    Args:
        agent: Its experts look, its router chooses them, its core's budget bounds the evidence.
        seed: Same seed, same rows, whatever the order of the pictures.
        per_picture: How many questions about findings each picture gets.
        held_out: Use the wordings and labels that training never sees, instead of the others.
        every_label: Use the labels that training never sees, too.
    """

    def __init__(
        self, agent: VQAAgent, *, seed: int, per_picture: int, held_out: bool = False, every_label: bool = False
    ) -> None:
        self._agent = agent
        self._seed = seed
        self._per_picture = per_picture
        self._held_out = held_out
        self._kept = frozenset[str]() if held_out or every_label else HELD_OUT_LABELS
        self._captions = agent.experts["caption"].available() is None

    def rows(self, annotated: Annotated, image: LoadedImage) -> Iterator[Row]:
        """Yield the rows about one picture. Raises ModelUnavailable if an expert's weights cannot be had."""
        rng = random.Random(f"{self._seed} {annotated.image}")  # not of the order in which pictures come
        words = Wordings(rng, held_out=self._held_out)
        caption = self._caption(image, annotated, rng)
        reads = any("ocr" in self._agent.route(triple.question).experts for triple in annotated.triples)
        text = self._agent.look("ocr", image) if reads else None
        made = [
            *self._about_triples(image, caption, annotated),
            *self._about_findings(image, caption, text, words),
            *self._about_sight(image, caption, annotated, words),
        ]
        before: set[tuple[str, tuple[str, ...]]] = set()
        for asked, findings in made:
            row = folded(asked, findings, self._agent.core, image=annotated.image)
            if _unsaid(row, caption) or (asked.task in _TOLD_BY_OTHERS and named_otherwise(asked, findings)):
                continue
            same = (row.task, row.evidence) if row.task in _ONCE else (row.question, ())
            if same not in before:
                before.add(same)
                yield row

    # --- questions about what experts found

    def _about_findings(
        self, image: LoadedImage, caption: Finding | None, text: Finding | None, words: Wordings
    ) -> Iterator[tuple[Asked, tuple[Finding, ...]]]:
        objects = self._agent.look("detect", image)
        makers = self._makers(objects, caption, text, words)
        weights = [TASKS[name] for name in makers]
        left = self._per_picture
        for _ in range(4 * self._per_picture):  # a task may have nothing to ask about this picture
            ask, about = makers[words.rng.choices(list(makers), weights=weights)[0]]
            if (asked := ask()) is None:
                continue
            yield asked, self._findings(image, asked.question, caption, also=about)
            left -= 1
            if left == 0:
                return

    def _makers(
        self, objects: Finding, caption: Finding | None, text: Finding | None, words: Wordings
    ) -> dict[str, _Maker]:
        """Return what can be asked about these findings, by task, with the findings that must be in the evidence."""
        rng, about = words.rng, ObjectQuestions(objects, words)
        there = self._allowed(list(dict.fromkeys(r.label for r in objects.regions)))
        sure = self._allowed(about.sure())
        absent = [label for label in self._allowed(objects.vocabulary) if label not in there]
        tempting = [label for label in POPULAR if label in absent] or absent

        def some(present: float) -> str:
            pool = there if there and rng.random() < present else tempting if rng.random() < 0.5 else absent
            return rng.choice(pool)

        asks: dict[str, Callable[[], Asked | None]] = {
            "count": lambda: about.count(some(0.85)),
            "presence": lambda: about.presence(some(0.45)),
            "describe": about.listing,
            "korean": lambda: about.korean(some(0.7)),
            "sort": lambda: about.sort(rng.choice(list(KINDS))),
            "likely": LikelyQuestions(objects, words).likely,
            "named": about.named,
            "compare": lambda: about.compare(*rng.sample([*sure, *tempting[:2]], 2)),
        }
        if sure:
            asks["place"] = lambda: about.place(rng.choice(sure) if rng.random() < 0.85 else rng.choice(tempting))
        if len(sure) > 1:
            asks["relation"] = lambda: self._relation(about, sure, tempting, rng)
        makers: dict[str, _Maker] = {task: (ask, (objects,)) for task, ask in asks.items()}
        makers["unknown"] = lambda: self._unknown(about, caption, words), (objects, *([caption] if caption else []))
        if text is not None:
            written = TextQuestions((objects, text), words)
            makers |= {"reading": (written.reading, (objects, text)), "line": (written.line, (objects, text))}
        if caption is not None:
            told = CaptionQuestions(caption, words)
            makers["describe"] = told.describe, (caption,)
            makers["attribute"] = told.attribute, (objects, caption)
            makers["contradiction"] = lambda: told.contradiction(objects), (objects, caption)
        return makers

    def _relation(
        self, about: ObjectQuestions, sure: Sequence[str], absent: Sequence[str], rng: random.Random
    ) -> Asked | None:
        """Return None where the boxes leave it open: the picture itself may tell, and nobody has said what."""
        anchor = rng.choice(sure)
        others = [label for label in sure if label != anchor] if rng.random() < 0.85 else absent
        asked = about.relation(anchor, others=others)
        return None if asked.answer == UNKNOWN else asked

    def _unknown(self, about: ObjectQuestions, caption: Finding | None, words: Wordings) -> Asked:
        if caption is not None and (asked := CaptionQuestions(caption, words).supported(WORDS["unheard"])):
            return asked
        told = caption.text.lower() if caption is not None else ""
        return about.unknown(words.rng.choice([thing for thing in WORDS["unheard"] if thing not in told]))

    def _allowed(self, labels: Sequence[str]) -> list[str]:
        """Return the labels that may be asked about: to learn from, none that is kept for testing."""
        return [label for label in labels if label not in self._kept]

    def _about_sight(
        self, image: LoadedImage, caption: Finding | None, annotated: Annotated, words: Wordings
    ) -> Iterator[tuple[Asked, tuple[Finding, ...]]]:
        told = caption if self._captions else None  # an annotated sentence would give the answer away
        questions = SeenQuestions(annotated.captions, words)
        for _ in range(self._per_picture):
            if asked := questions.seen():
                yield asked, self._findings(image, asked.question, told)

    # --- annotated questions

    def _about_triples(
        self, image: LoadedImage, caption: Finding | None, annotated: Annotated
    ) -> Iterator[tuple[Asked, tuple[Finding, ...]]]:
        for triple in annotated.triples:
            if triple.agreement < SURE_TRIPLE:
                continue
            question = " ".join(re.sub(r"\bimage\d+\b", "image", triple.question).split())
            findings = self._findings(image, question, caption)
            if asked := self._settled(question, findings) or self._answered(question, triple, findings):
                yield asked, findings

    def _settled(self, question: str, findings: Sequence[Finding]) -> Asked | None:
        """Return the finding's own answer to a plain "how many" or "is there" about things the detector knows."""
        objects = next((f for f in findings if f.kind == "objects"), None)
        if objects is None:
            return None
        intent = read_intent(question, objects.vocabulary)
        rest = set(re.findall(r"[a-z]+", question.lower().replace(intent.thing, " "))) - _PLAIN
        if intent.aim not in ("count", "presence") or len(intent.asked) != 1 or rest:
            return None
        label, thing = intent.asked[0], intent.thing
        narrower = label == "person" or len(thing.split()) > 1  # women, black dogs: not all that the detector counts
        if thing not in (label, plural(label, 2), *_ANYBODY) and narrower:
            return None
        about = ObjectQuestions(objects, Wordings(random.Random(0)))
        seen = about.seen(label)
        answer = str(len(seen)) if intent.aim == "count" else "Yes" if seen else "No"
        return Asked(intent.aim, question, answer)

    def _answered(self, question: str, triple: Triple, findings: Sequence[Finding]) -> Asked | None:
        """Return the annotators' answer, if a good reader of the evidence could give it."""
        answer = triple.answer.strip()
        yes_no, number = answer.lower() in _YES_NO, answer.isdigit()
        task = "yesno" if yes_no else "number" if number else "phrase"
        objects = next((f for f in findings if f.kind == "objects"), None)
        intent = read_intent(question, objects.vocabulary if objects else ())
        if objects and intent.aim in ("count", "presence") and intent.thing and not intent.asked:
            task = "guess"
        elif objects and number and intent.aim == "count":
            most = sum(r.label in intent.asked and r.score >= COUNT_SCORE for r in objects.regions)
            if int(answer) > most:
                return None
        elif objects and intent.aim == "presence" and answer.lower() == "yes":
            if not any(r.label in intent.asked for r in objects.regions):
                return None
        text = next((f for f in findings if f.kind == "text"), None)
        figure = intent.aim != "count" and any(c.isdigit() for c in answer)  # a time, a year, a number on a bus
        if figure or (text and not yes_no and _READS.search(question.lower())):
            lines = text.regions if text else ()
            if not _stands_in(answer, lines):
                return None if lines or not text else Asked("cannot", question, UNKNOWN)
        return Asked(task, question, answer.capitalize() if yes_no else answer)

    # --- findings

    def _findings(
        self, image: LoadedImage, question: str, caption: Finding | None, *, also: Sequence[Finding] = ()
    ) -> tuple[Finding, ...]:
        """Return what the experts that the agent routes this question to found, in its order, and `also` those."""
        found = {finding.expert: finding for finding in also}
        for name in self._agent.route(question).experts:
            if name in found:
                continue
            if name != "caption":
                found[name] = self._agent.look(name, image, Question(question))
            elif caption is not None:
                found[name] = caption
        return tuple(found[name] for name in self._agent.experts if name in found)

    def _caption(self, image: LoadedImage, annotated: Annotated, rng: random.Random) -> Finding | None:
        """Return the captioner's finding; where there is no captioner, an annotated sentence stands for it."""
        if self._captions:
            return self._agent.look("caption", image)
        if not annotated.captions:
            return None
        sentence = " ".join(rng.choice(annotated.captions).split())
        region = Region((0.0, 0.0, float(image.pil.width), float(image.pil.height)), sentence, 1.0)
        return Finding("caption", "caption", sentence, (region,), model="annotation", size=image.pil.size)


def _unsaid(row: Row, caption: Finding | None) -> bool:
    """Return whether a row's answer is a caption's that the folding has kept from the evidence."""
    told = any(line.startswith("Caption: ") for line in row.evidence)
    rests_on_it = row.task in _CAPTIONED or (row.task == "presence" and any("unknown" in line for line in row.evidence))
    described = row.task == "describe" and caption is not None and row.answer.rstrip(".") in caption.text
    return not told and (rests_on_it or described)


def _stands_in(answer: str, lines: Sequence[Region]) -> bool:
    wanted = re.sub(r"\W", "", answer.lower())
    return wanted in re.sub(r"\W", "", "".join(line.label for line in lines).lower())
