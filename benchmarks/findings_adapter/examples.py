"""Synthetic (findings, question, answer) examples for the first adapter, folded by the agent's own code.

No picture is involved: boxes, lines of text and captions are drawn at random, made into `Finding`s and folded by
`vqa.agent.prompting`, so that the adapter is trained on exactly the prompts it will read. Labels and wordings marked as
held out are never trained on.
"""

from __future__ import annotations

import dataclasses
import random
import tomllib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from vqa.agent.prompting import SURE_READING, evidence
from vqa.agent.vocabulary import korean_words, mentioned
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import counted, one, place, plural

UNKNOWN = "I cannot tell"
TASKS = {  # task: how often it is drawn
    "count": 5, "presence": 5, "unknown": 2, "place": 3, "compare": 1,
    "relation": 3, "reading": 6, "field": 3, "describe": 2, "attribute": 3, "cannot": 2, "korean": 2, "sort": 1,
}  # fmt: skip
HELD_OUT_LABELS = frozenset(["giraffe", "bus", "laptop", "banana", "umbrella", "horse", "clock", "pizza"])
_WORDINGS = tomllib.loads(Path(__file__).with_name("wordings.toml").read_text(encoding="utf-8"))
_QUESTIONS = _WORDINGS["questions"]
_KEYS: dict[str, list[str]] = _WORDINGS["keys"]
_WORDS = {name: words.split() for name, words in _WORDINGS["words"].items()}


_KINDS = {
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    "fruit": ("banana", "apple", "orange"),
}
_RELATIONS = {  # as the folding tells it: as people ask for it
    "left of": "left of", "right of": "right of", "above": "above", "below": "below",
    "on or in front of": "on", "behind or under": "behind",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """What the core is asked to learn: these findings and this question give this answer."""

    task: str
    question: str
    findings: tuple[Finding, ...]
    answer: str


@dataclass
class Generator:
    """Draws examples.

    Args:
        seed: Same seed, same examples.
        labels: The detector's vocabulary.
        words: Real words that drawn signs and receipts are made of.
        held_out: Draw from the held-out labels and wordings only, instead of from the others only.
    """

    seed: int
    labels: Sequence[str]
    words: Sequence[str]
    held_out: bool = False
    rng: random.Random = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.vocabulary = tuple(self.labels)
        self.labels = [label for label in self.labels if (label in HELD_OUT_LABELS) == self.held_out]

    def draw(self, task: str | None = None) -> Example:
        """Return one example of `task`, or of a random one."""
        name = task or self.rng.choices(list(TASKS), weights=list(TASKS.values()))[0]
        drawn: Example = getattr(self, name)()
        return drawn

    # --- the tasks

    def sort(self) -> Example:
        """Which animal, which vehicle: a word for many labels, of which one or none is there."""
        word = self.rng.choice(list(_KINDS))
        members = [label for label in _KINDS[word] if label in self.labels]
        label = self.rng.choice(members)
        others = [other for other in self.labels if other not in _KINDS[word]]
        finding = self._objects({label: self.rng.choice([0, 1, 1, 2, 3])}, others=3, among=others)
        there = [r for r in finding.regions if r.label == label]
        asked = self._word(_QUESTIONS["sort"]).format(word=word)
        answer = (one(label) if len(there) == 1 else plural(label, 2)) if there else UNKNOWN
        return Example("sort", asked, (finding,), answer)

    def korean(self) -> Example:
        """Korean questions, glossed in English by the folding; the answer is the same."""
        drawn = getattr(self, self.rng.choice(["count", "presence", "place"]))()
        label = next(iter(mentioned(drawn.question, self.vocabulary)))
        word = self.rng.choice(korean_words(label) or [label])
        asked = self._word(_QUESTIONS["korean"][drawn.task]).format(one=word)
        return Example("korean", asked, drawn.findings, drawn.answer)

    def count(self) -> Example:
        label, n = self._label(), self.rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        finding = self._objects({label: n}, others=3)
        return Example(
            "count", self._word(_QUESTIONS["count"]).format(many=plural(label, 2)), self._with_noise(finding), str(n)
        )

    def presence(self) -> Example:
        label = self._label()
        weak = self.rng.random() < 0.15
        n = self.rng.choice([0, 0, 0, 1, 1, 2, 4])
        finding = self._objects({label: max(n, weak)}, others=4, weak={label} if weak else set())
        asked = self._word(_QUESTIONS["presence"]).format(a=one(label), many=plural(label, 2))
        return Example("presence", asked, self._with_noise(finding), "Yes" if n or weak else "No")

    def unknown(self) -> Example:
        thing = self.rng.choice(_WORDS["unheard"])
        many = thing + "s"
        asked = self._word(_QUESTIONS["presence"] + _QUESTIONS["count"]).format(a=one(thing), many=many)
        return Example("unknown", asked, self._with_noise(self._objects({}, others=4)), UNKNOWN)

    def place(self) -> Example:
        label = self._label()
        n = self.rng.choice([0, 1, 1, 1, 1, 2])
        finding = self._objects({label: n}, others=3)
        found = [r for r in finding.regions if r.label == label]
        places = list(dict.fromkeys(place(r, finding.size) for r in found))
        answer = " and ".join(places) if places else f"There is no {label}"
        return Example("place", self._word(_QUESTIONS["place"]).format(one=label), self._with_noise(finding), answer)

    def relation(self) -> Example:
        """What is on, left of, … a thing; and whether one thing is so placed against another."""
        anchor = self._label()
        finding = self._objects({anchor: 1}, others=4)
        told = [line.text.removeprefix("Detector: ") for line in evidence(f"Where is the {anchor}?", [finding])]
        there = [how for how in _RELATIONS if any(line.endswith(f" {how} {anchor}") for line in told)]
        how = self.rng.choice(there if there and self.rng.random() < 0.7 else list(_RELATIONS))
        ending = f" {how} {anchor}"
        others = [line.removesuffix(ending) for line in told if line.endswith(ending)]
        if self.rng.random() < 0.5:
            answer = _join([one(label) for label in others]) if others else UNKNOWN
            return Example("relation", f"What is {_RELATIONS[how]} the {anchor}?", (finding,), answer)
        present = [r.label for r in finding.regions if r.label != anchor]
        other = self.rng.choice(others if others and self.rng.random() < 0.6 else present or [self._label()])
        asked = f"Is the {other} {_RELATIONS[how]} the {anchor}?"
        return Example("relation", asked, (finding,), "Yes" if other in others else "No")

    def compare(self) -> Example:
        one, other = self.rng.sample(self.labels, 2)
        n, m = self.rng.sample(range(1, 8), 2)
        asked = f"Are there more {plural(one, 2)} than {plural(other, 2)}?"
        return Example("compare", asked, (self._objects({one: n, other: m}, others=2),), "Yes" if n > m else "No")

    def reading(self) -> Example:
        sure = [self._phrase() for _ in range(self.rng.choice([0, 1, 1, 2, 2, 3, 4]))]
        unsure = [self._garbled() for _ in range(self.rng.choice([0, 0, 0, 1, 2]))]
        label = self._label() if self.rng.random() < 0.5 else None
        objects = self._objects({label: self.rng.choice([1, 1, 2])} if label else {}, others=3)
        holder = next((r for r in objects.regions if r.label == label), None)
        text = self._text(sure, unsure=unsure, inside=holder, size=objects.size)
        asked = self._word(_QUESTIONS["read_on"]).format(one=label) if label else self._word(_QUESTIONS["read"])
        findings = (objects, text) if label or self.rng.random() < 0.3 else (text,)
        answer = " ".join(sure or [r.label for r in text.regions]) or "No text found"
        return Example("reading", asked, findings, answer)

    def field(self) -> Example:
        kind = self.rng.choice(list(_KEYS))
        keys = {name: self.rng.choice(_KEYS[name]) for name in _KEYS}
        values = {name: self._value(name) for name in _KEYS}
        items = [f"{self._phrase()} {self._price()}" for _ in range(self.rng.randint(0, 4))]
        tail = [*items, *(f"{keys[name]} {values[name]}" for name in _KEYS)]
        self.rng.shuffle(tail)
        return Example(
            "field", self._word(_QUESTIONS["field"][kind]), (self._text([self._phrase(), *tail]),), values[kind]
        )

    def describe(self) -> Example:
        if self.rng.random() < 0.5:
            caption = self._caption()[0]
            findings: tuple[Finding, ...] = (self._caption_finding(caption),)
            if self.rng.random() < 0.5:
                findings = (self._objects({}, others=3), *findings)
            return Example(
                "describe", self._word(_QUESTIONS["describe"]), findings, caption[0].upper() + caption[1:] + "."
            )
        finding = self._objects({}, others=4)
        sure = [r.label for r in finding.regions if r.score >= COUNT_SCORE]
        counts = [counted(label, sure.count(label)) for label in dict.fromkeys(sure)]
        answer = _join(counts) if counts else UNKNOWN
        return Example("describe", self._word(_QUESTIONS["objects"] + _QUESTIONS["describe"]), (finding,), answer)

    def attribute(self) -> Example:
        caption, label, color, action, scene = self._caption()
        other_color = self.rng.choice([c for c in _WORDS["color"] if c != color])
        asked, answer = self.rng.choice(
            [
                (f"What color is the {label}?", color),
                (f"Is the {label} {color}?", "Yes"),
                (f"Is the {label} {other_color}?", "No"),
                (f"What is the {label} doing?", action),
                (f"Where is the {label} {action}?", f"in {scene}"),
                (f"Is the {label} {action}?", "Yes"),
            ]
        )
        objects = self._objects({label: 1}, others=2)
        findings = (
            (objects, self._caption_finding(caption)) if self.rng.random() < 0.7 else (self._caption_finding(caption),)
        )
        return Example("attribute", asked, findings, answer)

    def cannot(self) -> Example:
        """Questions that the findings leave open: the right answer is to say so."""
        label, color, action = self._label(), self.rng.choice(_WORDS["color"]), self.rng.choice(_WORDS["action"])
        about_it = [
            f"What color is the {label}?",
            f"What is the {label} doing?",
            f"Is the {label} {color}?",
            f"Is the {label} {action}?",
            f"Who owns the {label}?",
        ]
        asked = self.rng.choice([*about_it, self._word(_QUESTIONS["open"])])
        return Example("cannot", asked, self._with_noise(self._objects({label: 1}, others=2)), UNKNOWN)

    # --- the pieces

    def _word(self, wordings: Sequence[str]) -> str:
        return wordings[-1] if self.held_out else self.rng.choice(wordings[:-1])

    def _label(self) -> str:
        if not self.held_out and self.rng.random() < 0.15:
            return "person"
        return self.rng.choice(self.labels)

    def _box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        w, h = size
        bw, bh = w * self.rng.uniform(0.05, 0.5), h * self.rng.uniform(0.05, 0.5)
        x, y = self.rng.uniform(0, w - bw), self.rng.uniform(0, h - bh)
        return (x, y, x + bw, y + bh)

    def _objects(
        self, counts: dict[str, int], *, others: int, weak: Set[str] = frozenset(), among: Sequence[str] = ()
    ) -> Finding:
        size = (self.rng.randint(300, 1600), self.rng.randint(300, 1600))
        counts = dict(counts)
        for _ in range(self.rng.randint(0, others)):
            counts.setdefault(self.rng.choice(among) if among else self._label(), self.rng.randint(1, 4))
        regions = []
        for label, n in counts.items():
            low, high = (PRESENCE_SCORE, COUNT_SCORE - 0.01) if label in weak else (COUNT_SCORE, 0.98)
            regions += [Region(self._box(size), label, self.rng.uniform(low, high)) for _ in range(n)]
        regions.sort(key=lambda r: -r.score)
        return Finding("detect", "objects", "", tuple(regions), vocabulary=self.vocabulary, size=size)

    def _text(
        self,
        lines: Sequence[str],
        *,
        unsure: Sequence[str] = (),
        inside: Region | None = None,
        size: tuple[int, int] = (800, 800),
    ) -> Finding:
        """Return lines one under the other, unsure ones anywhere among them, inside a region or over the picture."""
        rows = [(line, self.rng.uniform(SURE_READING, 1.0)) for line in lines]
        for line in unsure:
            rows.insert(self.rng.randint(0, len(rows)), (line, self.rng.uniform(0.2, SURE_READING - 0.01)))
        x0, y0, x1, y1 = inside.xyxy if inside else (0.0, 0.0, float(size[0]), float(size[1]))
        step = (y1 - y0) / max(1, len(rows))
        regions = [
            Region((x0, y0 + i * step, x1, y0 + (i + 1) * step), line, score) for i, (line, score) in enumerate(rows)
        ]
        return Finding("ocr", "text", "", tuple(regions), size=size)

    def _caption(self) -> tuple[str, str, str, str, str]:
        label, color = self._label(), self.rng.choice(_WORDS["color"])
        action, scene = self.rng.choice(_WORDS["action"]), one(self.rng.choice(_WORDS["scene"]).replace("_", " "))
        return f"{one(color)} {label} is {action} in {scene}", label, color, action, scene

    def _caption_finding(self, caption: str) -> Finding:
        return Finding("caption", "caption", caption, (Region((0, 0, 1, 1), caption, self.rng.uniform(0.4, 0.9)),))

    def _with_noise(self, finding: Finding) -> tuple[Finding, ...]:
        """Add, now and then, text or a caption that has nothing to do with the question."""
        extra: list[Finding] = []
        if self.rng.random() < 0.15:
            extra.append(self._text([self._phrase() for _ in range(self.rng.randint(1, 3))]))
        return (finding, *extra)

    def _phrase(self) -> str:
        words = self.rng.choices(self.words, k=self.rng.randint(1, 4))
        style = self.rng.random()
        if style < 0.08:  # numbers and odd pieces stand among words
            return self.rng.choice(
                [f"{self.rng.randint(1, 999)}", f"{self.rng.randint(1, 99)}{self.rng.choice(')(:')}"]
            )
        if style < 0.2:  # names, and words of other languages
            words = ["".join(self.rng.sample(word, len(word))) for word in words]
        phrase = " ".join(words)
        phrase = phrase.upper() if style < 0.4 else phrase.title() if style < 0.7 else phrase
        if self.rng.random() < 0.2:
            phrase += f" {self.rng.randint(1, 9999)}"
        return self._phrase() if mentioned(phrase, self.vocabulary) else phrase

    def _garbled(self) -> str:
        """Return a phrase as a bad reading shows it: letters swapped for others and for signs."""
        letters = "abcdefghijklmnopqrstuvwxyz0123456789|)(,;:~"
        return "".join(self.rng.choice(letters) if self.rng.random() < 0.35 else c for c in self._phrase())

    def _price(self) -> str:
        return f"{self.rng.choice(['', '$', '', 'RM '])}{self.rng.randint(0, 199)}.{self.rng.randint(0, 99):02d}"

    def _value(self, kind: str) -> str:
        r = self.rng
        if kind == "total":
            return self._price()
        if kind == "phone":
            return f"{r.randint(10, 999):03d}-{r.randint(100, 9999)} {r.randint(1000, 9999)}"
        return r.choice(
            [
                f"{r.randint(1, 28):02d}/{r.randint(1, 12):02d}/20{r.randint(10, 26)}",
                f"20{r.randint(10, 26)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}",
            ]
        )


def _join(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
