"""Draws what experts could have found, without a picture: boxes, signs, receipts, misreadings, captions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set

from vqa.agent.folding.lines import SURE_READING
from vqa.agent.instructions.wordings import KEYS, WORDS, Wordings
from vqa.agent.questions.vocabulary import mentioned
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.words import COLORS, one

Box = tuple[float, float, float, float]
_MISREAD = str.maketrans({"0": "O", "O": "0", "1": "l", "l": "1", "5": "S", "S": "5", "8": "B", "B": "8"})
_SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789|)(,;:~"


class Scenes:
    """Draws findings with one random number generator.

    Args:
        words: Where chance and words come from.
        vocabulary: The detector's labels.
        labels: Those of them that are drawn.
    """

    def __init__(self, words: Wordings, *, vocabulary: Sequence[str], labels: Sequence[str]) -> None:
        self._words = words
        self._rng: random.Random = words.rng
        self.vocabulary = tuple(vocabulary)
        self.labels = tuple(labels)

    def label(self) -> str:
        """Return a label; people are what pictures show most."""
        return "person" if "person" in self.labels and self._rng.random() < 0.15 else self._rng.choice(self.labels)

    def objects(
        self, counts: Mapping[str, int], *, others: int, weak: Set[str] = frozenset(), among: Sequence[str] = ()
    ) -> Finding:
        """Return so many boxes of each label, and up to `others` more labels; `weak` ones only suspected."""
        rng = self._rng
        size = (rng.randint(300, 1600), rng.randint(300, 1600))
        drawn = dict(counts)
        for _ in range(rng.randint(0, others)):
            drawn.setdefault(rng.choice(among) if among else self.label(), rng.randint(1, 4))
        regions = []
        for label, n in drawn.items():
            low, high = (PRESENCE_SCORE, COUNT_SCORE - 0.01) if label in weak else (COUNT_SCORE, 0.98)
            sure = label not in weak
            regions += [
                Region(self._box(size), label, rng.uniform(low, high), self._color() if sure else "") for _ in range(n)
            ]
        regions.sort(key=lambda r: -r.score)
        return Finding("detect", "objects", "", tuple(regions), vocabulary=self.vocabulary, size=size)

    def _color(self) -> str:
        """Return a colour, sometimes two or none, as the detector would name it."""
        if self._rng.random() < 0.3:
            return ""
        drawn = self._rng.sample(COLORS, 2 if self._rng.random() < 0.15 else 1)
        return " and ".join(sorted(drawn, key=COLORS.index))

    def text(self, lines: Sequence[str], *, unsure: Sequence[str] = (), inside: Region | None = None,
             around: Sequence[str] = (), size: tuple[int, int] = (800, 800)) -> Finding:  # fmt: skip
        """Return lines one under the other, unsure ones anywhere among them, on a thing or over the whole picture.

        `around` are lines that stand outside the thing, in the picture's corner.
        """
        rows = [(line, self._rng.uniform(SURE_READING, 1.0)) for line in lines]
        for line in unsure:
            rows.insert(self._rng.randint(0, len(rows)), (line, self._rng.uniform(0.2, SURE_READING - 0.01)))
        x0, y0, x1, y1 = inside.xyxy if inside else (0.0, 0.0, float(size[0]), float(size[1]))
        step = (y1 - y0) / max(1, len(rows))
        regions = [
            Region((x0, y0 + i * step, x1, y0 + (i + 1) * step), line, score) for i, (line, score) in enumerate(rows)
        ]
        outside = [Region((0.0, 0.0, 1.0, 1.0), line, self._rng.uniform(SURE_READING, 1.0)) for line in around]
        ordered = outside + regions if self._rng.random() < 0.5 else regions + outside
        return Finding("ocr", "text", "", tuple(ordered), size=size)

    def caption(self) -> tuple[Finding, str]:
        """Return a caption, and the label it is about."""
        label, color = self.label(), self._words.word("color")
        scene = one(self._words.word("scene"))
        sentence = f"{one(color)} {label} is {self._words.word('action')} in {scene}"
        return self.captioned(sentence), label

    def captioned(self, sentence: str) -> Finding:
        region = Region((0.0, 0.0, 1.0, 1.0), sentence, self._rng.uniform(0.4, 0.9))
        return Finding("caption", "caption", sentence, (region,))

    def phrase(self) -> str:
        """Return what could stand on a sign: words, names, capitals, numbers; never a label's own word."""
        rng, style = self._rng, self._rng.random()
        if style < 0.1:
            return rng.choice([str(rng.randint(1, 999)), f"{rng.randint(1, 99)}{rng.choice(')(:')}", self._date()])
        words = [self._name() if rng.random() < 0.3 else self._words.word("sign") for _ in range(rng.randint(1, 4))]
        plain = " ".join(words)
        phrase = plain.upper() if style < 0.4 else plain.title() if style < 0.7 else plain
        if rng.random() < 0.2:
            phrase += f" {rng.randint(1, 9999)}"
        return self.phrase() if mentioned(phrase, self.vocabulary) else phrase

    def garbled(self) -> str:
        """Return a phrase as a bad reading shows it: letters swapped for others and for signs."""
        rng = self._rng
        return "".join(rng.choice(_SIGNS) if rng.random() < 0.35 else c for c in self.phrase())

    def receipt(self) -> tuple[list[str], dict[str, str]]:
        """Return a receipt's lines and what stands in its fields, misreadings of one letter or digit included.

        A field stands on the line of its key or on the next one, as readers tell two columns apart or not.
        """
        rng = self._rng
        currency = rng.choice(["", "", "$", "RM ", "€"])
        name = " ".join([self._name() for _ in range(rng.randint(1, 2))] + [self._words.word("company")])
        values = {
            "company": name.upper() if rng.random() < 0.6 else name.title(),
            "date": self._misread(self._date()),
            "phone": f"{rng.randint(10, 999):03d}-{rng.randint(100, 9999)} {rng.randint(1000, 9999)}",
        }
        head = [self.phrase() for _ in range(rng.randint(0, 2))]
        time = rng.choice(["", "", f" {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"])
        for key, value in (("date", values["date"] + time), ("phone", values["phone"])):
            head += self._field(key, value)
        items = []
        for _ in range(rng.randint(0, 5)):
            items += [f"{self._words.word('item').upper()} {self._price(currency)}"]
        sums = {"subtotal": self._price(currency), "tax": self._price(currency), "total": self._price(currency)}
        sums |= {"cash": self._price(currency), "change": self._price(currency)}
        asked = {key: self._misread(value) for key, value in sums.items() if key == "total" or rng.random() < 0.5}
        tail = [line for key, value in asked.items() for line in self._field(key, value)]
        foot = [rng.choice(["THANK YOU", "Please come again", self.phrase()])] if rng.random() < 0.5 else []
        return [values["company"], *head, *items, *tail, *foot], values | asked

    def _field(self, key: str, value: str) -> list[str]:
        name = self._rng.choice(KEYS[key])
        return [f"{name} {value}"] if self._rng.random() < 0.7 else [name, value]

    def _misread(self, text: str) -> str:
        """Return the text, now and then with one letter or digit taken for another: it is what stands in the prompt."""
        places = [i for i, c in enumerate(text) if c != c.translate(_MISREAD)]
        if not places or self._rng.random() > 0.1:
            return text
        at = self._rng.choice(places)
        return text[:at] + text[at].translate(_MISREAD) + text[at + 1 :]

    def _name(self) -> str:
        """Return a word of no language, so that reading means copying."""
        return "".join(self._rng.choice(WORDS["syllable"]) for _ in range(self._rng.randint(2, 4)))

    def _date(self) -> str:
        r = self._rng
        day, month, year = r.randint(1, 28), r.randint(1, 12), r.randint(2010, 2026)
        return r.choice(
            [f"{day:02d}/{month:02d}/{year}", f"{year}-{month:02d}-{day:02d}", f"{day:02d}-{month:02d}-{year % 100}"]
        )

    def _price(self, currency: str) -> str:
        return f"{currency}{self._rng.randint(0, 199)}.{self._rng.randint(0, 99):02d}"

    def _box(self, size: tuple[int, int]) -> Box:
        w, h = size
        bw, bh = w * self._rng.uniform(0.05, 0.5), h * self._rng.uniform(0.05, 0.5)
        x, y = self._rng.uniform(0, w - bw), self._rng.uniform(0, h - bh)
        return (x, y, x + bw, y + bh)
