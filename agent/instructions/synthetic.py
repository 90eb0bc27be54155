"""Synthetic instructions: drawn findings, so that every task, long texts and rare numbers come as often as wanted.

Labels and wordings marked as held out are never drawn for training, so that what is learnt can be told from what is
remembered.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from vqa.agent.instructions.captions import CaptionQuestions
from vqa.agent.instructions.likely import ASKED, LikelyQuestions
from vqa.agent.instructions.objects import KINDS, ObjectQuestions
from vqa.agent.instructions.row import TASKS, UNKNOWN, Asked, named_otherwise
from vqa.agent.instructions.scenes import Scenes
from vqa.agent.instructions.texts import TextQuestions
from vqa.agent.instructions.wordings import Wordings
from vqa.values import Finding
from vqa.words import one, plural

HELD_OUT_LABELS = frozenset(["giraffe", "bus", "laptop", "banana", "umbrella", "horse", "clock", "pizza"])
_COUNTS = (0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12)


@dataclass(frozen=True)
class Example:
    """What the core is asked to learn: these findings and this question give this answer."""

    task: str
    question: str
    findings: tuple[Finding, ...]
    answer: str


class Generator:
    """Draws examples.

    Args:
        seed: Same seed, same examples.
        labels: The detector's vocabulary.
        held_out: Draw from the held-out labels and wordings only, instead of from the others only.
        every_label: Draw from all labels, in the wordings that are not held out.
    """

    def __init__(self, seed: int, labels: Sequence[str], *, held_out: bool = False, every_label: bool = False) -> None:
        self._rng = random.Random(seed)
        self._words = Wordings(self._rng, held_out=held_out)
        drawn = [label for label in labels if every_label or (label in HELD_OUT_LABELS) == held_out]
        self._scenes = Scenes(self._words, vocabulary=labels, labels=drawn)
        self._tasks = {
            "count": self._count, "presence": self._presence, "unknown": self._unknown, "place": self._place,
            "compare": self._compare, "relation": self._relation, "reading": self._reading, "line": self._line,
            "field": self._field, "describe": self._describe, "attribute": self._attribute, "cannot": self._cannot,
            "contradiction": self._contradiction, "korean": self._korean, "sort": self._sort,
            "likely": self._likely, "named": self._named,
        }  # fmt: skip

    def draw(self, task: str | None = None) -> Example:
        """Return one example of `task`, or of a random one."""
        name = task or self._rng.choices(list(TASKS), weights=list(TASKS.values()))[0]
        while True:
            asked, findings = self._tasks[name]()
            if asked is not None:
                return Example(asked.task, asked.question, findings, asked.answer)

    def _count(self) -> tuple[Asked, tuple[Finding, ...]]:
        label = self._scenes.label()
        finding = self._scenes.objects({label: self._rng.choice(_COUNTS)}, others=3, weak=self._weak(label, 0.08))
        return self._about(finding).count(label), self._with_noise(finding)

    def _presence(self) -> tuple[Asked, tuple[Finding, ...]]:
        label = self._scenes.label()
        n, weak = self._rng.choice([0, 0, 0, 0, 0, 1, 1, 2, 4]), self._weak(label, 0.15)
        finding = self._scenes.objects({label: max(n, len(weak))}, others=4, weak=weak)
        return self._about(finding).presence(label), self._with_noise(finding)

    def _unknown(self) -> tuple[Asked, tuple[Finding, ...]]:
        finding = self._scenes.objects({}, others=4)
        if self._rng.random() < 0.2:  # the sentence knows what the detector does not
            thing = self._words.word("unheard")
            sentence = self._scenes.captioned(f"{one(thing)} in {one(self._words.word('scene'))}")
            return self._of(sentence).supported([thing]) or self._unheard(finding), (finding, sentence)
        return self._unheard(finding), self._with_noise(finding)

    def _unheard(self, finding: Finding) -> Asked:
        return self._about(finding).unknown(self._words.word("unheard"))

    def _place(self) -> tuple[Asked, tuple[Finding, ...]]:
        label = self._scenes.label()
        finding = self._scenes.objects({label: self._rng.choice([0, 1, 1, 1, 1, 2])}, others=3)
        return self._about(finding).place(label), self._with_noise(finding)

    def _korean(self) -> tuple[Asked, tuple[Finding, ...]]:
        label = self._scenes.label()
        finding = self._scenes.objects({label: self._rng.choice([0, 0, 0, 1, 2, 3, 4, 5])}, others=3)
        return self._about(finding).korean(label), (finding,)

    def _compare(self) -> tuple[Asked, tuple[Finding, ...]]:
        label, other = self._rng.sample(self._scenes.labels, 2)
        counts = {label: self._rng.randint(0, 9), other: self._rng.randint(0, 9)}
        finding = self._scenes.objects(counts, others=2)
        return self._about(finding).compare(label, other), (finding,)

    def _relation(self) -> tuple[Asked, tuple[Finding, ...]]:
        anchor = self._scenes.label()
        finding = self._scenes.objects({anchor: 1}, others=4)
        about = self._about(finding)
        others = [label for label in about.sure() if label != anchor]
        absent = [label for label in self._scenes.labels if label != anchor and label not in others]
        chosen = others if others and self._rng.random() < 0.85 else absent
        return about.relation(anchor, others=chosen), (finding,)

    def _sort(self) -> tuple[Asked, tuple[Finding, ...]]:
        kinds = [kind for kind in KINDS if any(label in self._scenes.labels for label in KINDS[kind])]
        kind = self._rng.choice(kinds)
        members = [label for label in KINDS[kind] if label in self._scenes.labels]
        others = [label for label in self._scenes.labels if label not in KINDS[kind]]
        chosen = self._rng.sample(members, min(len(members), self._rng.choice([0, 1, 1, 1, 1, 2])))
        weak = self._weak(chosen[0], 0.1) if chosen else frozenset()
        counts = {label: self._rng.choice([1, 1, 2, 3]) for label in chosen}
        finding = self._scenes.objects(counts, others=3, among=others, weak=weak)
        return self._about(finding).sort(kind), (finding,)

    def _likely(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        labels = [label for uses in ASKED.values() for label in uses if label in self._scenes.labels]
        people = {"person": self._rng.choice([1, 1, 2, 3])} if self._rng.random() < 0.8 else {}
        finding = self._scenes.objects({**people, self._rng.choice(labels): self._rng.choice([1, 1, 2])}, others=3)
        return LikelyQuestions(finding, self._words, touching=False).likely(), self._with_noise(finding)

    def _named(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        chosen = [self._scenes.label() for _ in range(self._rng.choice([1, 1, 2]))]
        finding = self._scenes.objects({label: self._rng.choice([1, 1, 1, 2]) for label in chosen}, others=3)
        return self._about(finding).named(), self._with_noise(finding)

    def _reading(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        sure = [self._scenes.phrase() for _ in range(self._rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10]))]
        unsure = [self._scenes.garbled() for _ in range(self._rng.choice([0, 0, 0, 1, 2]))]
        label = self._scenes.label() if self._rng.random() < 0.5 else None
        objects = self._scenes.objects({label: self._rng.choice([1, 1, 2])} if label else {}, others=3)
        holder = next((r for r in objects.regions if r.label == label), None)
        around = [self._scenes.phrase() for _ in range(self._rng.choice([0, 0, 1, 2]))] if holder and sure else []
        text = self._scenes.text(sure, unsure=unsure, inside=holder, around=around, size=objects.size)
        findings = (objects, text) if label or self._rng.random() < 0.3 else (text,)
        return TextQuestions(findings, self._words).reading(label), findings

    def _line(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        text = self._scenes.text([self._scenes.phrase() for _ in range(self._rng.randint(0, 8))])
        findings = (self._scenes.objects({}, others=3), text) if self._rng.random() < 0.3 else (text,)
        return TextQuestions(findings, self._words).line(), findings

    def _field(self) -> tuple[Asked, tuple[Finding, ...]]:
        lines, values = self._scenes.receipt()
        asked = self._rng.choice([kind for kind in values if kind not in ("subtotal", "cash")])
        if self._rng.random() < 0.3:
            asked = "total"
        return Asked("field", self._words.ask(f"field.{asked}"), values[asked]), (self._scenes.text(lines),)

    def _describe(self) -> tuple[Asked, tuple[Finding, ...]]:
        objects = self._scenes.objects({}, others=4)
        if self._rng.random() < 0.5:
            return self._about(objects).listing(), (objects,)
        caption, _ = self._scenes.caption()
        return self._of(caption).describe(), (objects, caption) if self._rng.random() < 0.5 else (caption,)

    def _attribute(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        caption, label = self._scenes.caption()
        objects = self._scenes.objects({label: 1}, others=2)
        findings = (objects, caption) if self._rng.random() < 0.7 else (caption,)
        asked = self._of(caption).attribute()
        return None if asked is None or named_otherwise(asked, findings) else asked, findings

    def _contradiction(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        caption, label = self._scenes.caption()
        objects = self._scenes.objects({label: 0}, others=3, among=[o for o in self._scenes.labels if o != label])
        return self._of(caption).contradiction(objects), (objects, caption)

    def _cannot(self) -> tuple[Asked | None, tuple[Finding, ...]]:
        """Ask what the findings leave open: the right answer is to say so."""
        label, words = self._scenes.label(), self._words
        about_it = [
            words.ask("color", one=label),
            words.ask("doing", one=label),
            words.ask("is_color", one=label, color=words.word("color")),
            words.ask("is_doing", one=label, action=words.word("action")),
            f"Who owns the {label}?",
            f"What are the {plural(label, 2)} for?",
        ]
        asked = self._rng.choice([*about_it, *(words.ask("open") for _ in range(4))])
        left_open = Asked("cannot", asked, UNKNOWN)
        findings = self._with_noise(self._scenes.objects({label: 1}, others=2))
        return None if named_otherwise(left_open, findings) else left_open, findings

    def _about(self, finding: Finding) -> ObjectQuestions:
        return ObjectQuestions(finding, self._words)

    def _of(self, caption: Finding) -> CaptionQuestions:
        return CaptionQuestions(caption, self._words)

    def _weak(self, label: str, chance: float) -> frozenset[str]:
        return frozenset([label] if self._rng.random() < chance else ())

    def _with_noise(self, finding: Finding) -> tuple[Finding, ...]:
        """Add, now and then, text that has nothing to do with the question."""
        if self._rng.random() > 0.15:
            return (finding,)
        return finding, self._scenes.text([self._scenes.phrase() for _ in range(self._rng.randint(1, 3))])
