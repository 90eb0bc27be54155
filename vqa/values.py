"""The values that travel from a question to its answer: frozen, picklable, with `to_dict` and `from_dict`.

Boxes are `xyxy`: float pixels of the EXIF-corrected picture, origin top left. Scores are in [0, 1].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

FindingKind = Literal["objects", "text", "caption", "classes", "people", "scene", "words", "other"]
Stance = Literal["supports", "contradicts"]

# Chosen on 80 COCO photos (docs/measurements.md): a lower bar finds more of what is there, but counts worse.
COUNT_SCORE = 0.24
"""From this score on an object is counted and told."""
PRESENCE_SCORE = 0.2
"""From this score on an object of the class that a question asks for is taken to be there; findings start here."""
CLASS_SCORE = 0.5
"""From this score on a class is taken to be what the whole picture shows."""


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """One decoded picture.

    Attributes:
        pil: RGB, EXIF orientation applied.
        source: Where it came from, as the caller wrote it.
        sha256: Hash of size and pixels: the picture's identity in every cache.
        notes: What loading changed that a user may want to know ("first of 12 frames").
    """

    pil: Image
    source: str
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One question about one picture; `choices` are the allowed answers, if there is such a list."""

    text: str
    image: str = ""
    id: str | None = None
    choices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Question:
        return cls(**{**data, "choices": tuple(data.get("choices", ()))})


@dataclass(frozen=True)
class Region:
    """A box in the picture, what is in it, and how sure the expert is.

    Attributes:
        color: What colour it mostly has ("red", "black and white"; of a person, what covers the chest); empty where
            nobody looked.
        kinds: What else it is, from the narrowest on ("dog", "animal" of a beagle); empty where the expert has no say.
        parts: The pieces that a read line is made of, left to right, as the cells of a table's row; empty of one piece.
    """

    xyxy: tuple[float, float, float, float]
    label: str
    score: float
    color: str = ""
    kinds: tuple[str, ...] = ()
    parts: tuple[Region, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        parts = [part.to_dict() for part in self.parts]
        more = {"color": self.color, "kinds": list(self.kinds), "parts": parts}
        return {
            "label": self.label,
            "score": round(float(self.score), 4),
            "xyxy": [round(float(v), 1) for v in self.xyxy],
            **{name: value for name, value in more.items() if value},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Region:
        x0, y0, x1, y1 = data["xyxy"]
        kinds, parts = tuple(data.get("kinds", ())), tuple(map(cls.from_dict, data.get("parts", ())))
        return cls((x0, y0, x1, y1), data["label"], data["score"], data.get("color", ""), kinds, parts)


@dataclass(frozen=True)
class SecondLook:
    """That an expert looked again, at a part of the picture.

    Attributes:
        why: What the first look left open.
        xyxy: The part, in pixels of the picture.
        outcome: What came of it, in words.
    """

    why: str
    xyxy: tuple[float, float, float, float]
    outcome: str

    @property
    def text(self) -> str:
        """It in words, with the expert as the subject."""
        where = "{:.0f}, {:.0f} to {:.0f}, {:.0f}".format(*self.xyxy)
        return f"looked again at {where}, {self.why}: {self.outcome}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SecondLook:
        x0, y0, x1, y1 = data["xyxy"]
        return cls(data["why"], (x0, y0, x1, y1), data["outcome"])


@dataclass(frozen=True)
class Finding:
    """What one expert saw.

    Attributes:
        expert: The expert's registered name.
        kind: How the folding reads `regions`: detected objects, lines of text, captions, or what the
            whole picture may show.
        text: The finding in words, readable without the picture.
        regions: Boxes with labels and scores, in the expert's order (reading order for text).
        model: The weights that saw it, e.g. "efficientdet-lite2".
        seconds: How long looking took, without loading weights.
        error: Why the expert failed; then the other fields are empty and the answer goes on without it.
        notes: What the reader should know: a fallback taken, junk dropped.
        vocabulary: Every label the expert could have reported; empty means open-ended. What is not in it is
            unknown to the expert, never absent from the picture.
        size: Width and height of the picture in pixels, so that places can be told from boxes alone.
        second_looks: Where it looked again for the question; `regions` and `text` hold what came of it.
        instead: Captions that might stand instead of the one in `regions`, the likeliest first.
    """

    expert: str
    kind: FindingKind
    text: str
    regions: tuple[Region, ...] = ()
    model: str = ""
    seconds: float = 0.0
    error: str | None = None
    notes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)
    second_looks: tuple[SecondLook, ...] = ()
    instead: tuple[Region, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        regions = {name: [r.to_dict() for r in getattr(self, name)] for name in ("regions", "instead")}
        return {**asdict(self), **regions, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        return cls(
            **{
                **data,
                "regions": tuple(Region.from_dict(r) for r in data.get("regions", ())),
                "notes": tuple(data.get("notes", ())),
                "vocabulary": tuple(data.get("vocabulary", ())),
                "size": tuple(data.get("size", (0, 0))),
                "second_looks": tuple(SecondLook.from_dict(look) for look in data.get("second_looks", ())),
                "instead": tuple(Region.from_dict(r) for r in data.get("instead", ())),
            }
        )


@dataclass(frozen=True)
class Route:
    """Which experts are asked, and why.

    Attributes:
        experts: Names in the order they run.
        reason: The whole choice in one line.
        router: Who chose.
        reasons: One reason for each known expert, chosen or not.
    """

    experts: tuple[str, ...]
    reason: str
    router: str
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "reasons": dict(self.reasons)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Route:
        return cls(tuple(data["experts"]), data["reason"], data["router"], dict(data.get("reasons", {})))


@dataclass(frozen=True)
class Prompt:
    """The exact text the core reads, and what the token budget let in.

    Attributes:
        text: The rendered prompt, chat template included.
        used: Evidence lines that made it in, in prompt order.
        dropped: Evidence left out, each with its reason.
        tokens: Length of `text` in the core's tokens.
        budget: The most tokens the core accepts for a prompt.
    """

    text: str
    used: tuple[str, ...]
    dropped: tuple[str, ...]
    tokens: int
    budget: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Prompt:
        return cls(**{**data, "used": tuple(data["used"]), "dropped": tuple(data["dropped"])})


@dataclass(frozen=True)
class GenerationOptions:
    """How the core decodes; temperature 0 is greedy, and then the seed does not matter.

    Attributes:
        top_p: Nucleus of probability that sampling draws from, after `top_k`.
        top_k: Number of likeliest tokens that sampling draws from; 0: all.
        num_beams: Texts followed at once, the likeliest of which is the answer; from 2 on nothing is sampled.
        stop: Strings that end the answer where they first appear; they are not part of it.
    """

    max_new_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_k: int = 0
    num_beams: int = 1
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Token:
    """A piece of generated text and its natural-log probability (None when the core does not know it)."""

    text: str
    logprob: float | None = None


@dataclass(frozen=True)
class Score:
    """Natural-log probability of a given answer: of all its tokens together, and a token's mean."""

    total: float
    mean: float


@dataclass(frozen=True)
class Evidence:
    """What one expert has to say for or against an answer.

    Attributes:
        expert: Who says it.
        stance: Whether it speaks for the answer or against it.
        text: It in words, with the expert as the subject: "finds 2 dogs", "knows giraffes and finds none".
        regions: The boxes it stands on, each with label and score, the surest first; none where nothing was found.
    """

    expert: str
    stance: Stance
    text: str
    regions: tuple[Region, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "regions": [region.to_dict() for region in self.regions]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evidence:
        regions = tuple(Region.from_dict(region) for region in data.get("regions", ()))
        return cls(data["expert"], data["stance"], data["text"], regions)


@dataclass(frozen=True)
class Answer:
    """An answer with everything that explains it.

    Attributes:
        text: The answer.
        confidence: How likely the answer is right, in [0, 1], judged from the core's own probability and from the
            evidence (docs/trust.md); 0 where the core gave no answer; None when there is nothing to go by.
        seconds: Wall-clock seconds of each stage, plus "total".
        notes: What the answer's reader should know: experts that failed, fallbacks, evidence left out, conflicts.
        image: The picture, for drawing; it is not part of `to_dict`.
        core_confidence: The core's own probability, None when it gives none. Of a written answer, the geometric mean
            of its tokens' probabilities; of a choice, its probability among the choices.
        evidence: What supports the answer and what contradicts it; of an answer that is withheld, of that.
        abstention: Why `text` is no answer, in words; empty if it is one.
        withheld: The core's answer, where it was not sure enough to be given; `text` is then "I cannot tell".
    """

    text: str
    confidence: float | None
    question: Question
    route: Route
    findings: tuple[Finding, ...]
    prompt: Prompt
    core: str
    seconds: Mapping[str, float]
    notes: tuple[str, ...] = ()
    image: LoadedImage | None = field(default=None, repr=False, compare=False)
    core_confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    abstention: str = ""
    withheld: str | None = None

    @property
    def degraded(self) -> bool:
        """Whether an expert that was asked failed, so that the answer had to do without what it would have seen."""
        return any(finding.error is not None for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "answer": self.text,
            "degraded": self.degraded,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "core_confidence": None if self.core_confidence is None else round(self.core_confidence, 6),
            "abstention": self.abstention,
            "withheld": self.withheld,
            "evidence": [evidence.to_dict() for evidence in self.evidence],
            "question": self.question.to_dict(),
            "route": self.route.to_dict(),
            "findings": [f.to_dict() for f in self.findings],
            "prompt": self.prompt.to_dict(),
            "core": self.core,
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Answer:
        return cls(
            text=data["answer"],
            confidence=data["confidence"],
            question=Question.from_dict(data["question"]),
            route=Route.from_dict(data["route"]),
            findings=tuple(Finding.from_dict(f) for f in data["findings"]),
            prompt=Prompt.from_dict(data["prompt"]),
            core=data["core"],
            seconds=dict(data["seconds"]),
            notes=tuple(data.get("notes", ())),
            # Answers of earlier versions have none of these; their confidence was the core's own.
            core_confidence=data.get("core_confidence", data["confidence"]),
            evidence=tuple(Evidence.from_dict(evidence) for evidence in data.get("evidence", ())),
            abstention=data.get("abstention", ""),
            withheld=data.get("withheld"),
        )

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the whole answer, its evidence and its timings as one JSON object."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def plot(self) -> Image:
        """Return the picture with every finding's boxes and read text drawn on it."""
        from vqa.drawing import draw

        return draw(self)

    def save(self, path: str | Path) -> None:
        """Write `plot()` (.png, .jpg, .webp), the JSON (.json) or an evidence page (.html)."""
        from vqa.saving import save

        save(self, path)

    def _repr_html_(self) -> str:
        from vqa.report import html

        return html(self)
