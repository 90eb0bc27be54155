"""Judged answers through every door: streams, conversations, batches, choices, drawings."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
from PIL import Image

from vqa import Settings, VQAAgent
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.events import Answered
from vqa.agent.trust.judging import CANNOT_TELL
from vqa.drawing import draw_regions
from vqa.images import load_image
from vqa.registry import routers
from vqa.values import Evidence, Finding, FindingKind, GenerationOptions, LoadedImage, Question, Region, Token

PICTURE = Image.new("RGB", (300, 300), "red")
DOG = Region((50, 140, 70, 160), "dog", 0.9)


class Dogs:
    """Sees one dog in every picture."""

    name: ClassVar[str] = "dogs"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "sees a dog"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = ("dog", "cat")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        return Finding(self.name, self.kind, "1 dog", (DOG,), vocabulary=self.vocabulary, size=(300, 300))


class Saying(EchoCore):
    """Says the same to everything, in two pieces."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> list[Token]:  # type: ignore[override]
        return [Token(piece, math.log(0.9)) for piece in self.pieces]


def agent(core: EchoCore, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "all", **flags})
    return VQAAgent([Dogs()], routers.get("all").from_settings(settings), core=core, settings=settings)


def test_what_is_withheld_is_never_streamed() -> None:
    asked = agent(Saying("N", "o"), min_confidence=0.9)
    events = list(asked.events(PICTURE, "Is there a dog?"))
    assert [event.text for event in events if isinstance(event, Token)] == [CANNOT_TELL]
    assert isinstance(events[-1], Answered)
    assert events[-1].answer.withheld == "No"
    assert [token.text for token in events[-1].tokens] == ["N", "o"]
    assert "".join(asked.stream(PICTURE, "Is there a dog?")) == CANNOT_TELL
    assert asked.chat(PICTURE).ask("Is there a dog?").text == CANNOT_TELL


def test_with_a_threshold_of_zero_every_answer_is_given_as_it_is_written() -> None:
    asked = agent(Saying("N", "o"), min_confidence=0)
    events = list(asked.events(PICTURE, "Is there a dog?"))
    assert [event.text for event in events if isinstance(event, Token)] == ["N", "o"]
    answered = asked(PICTURE, Question("Is there a dog?", choices=("Yes", "No")))
    assert (answered.text, answered.withheld) == ("No", None)


def test_batches_withhold_what_single_answers_do() -> None:
    for least in (0.0, 0.9):
        asked = agent(Saying("No"), min_confidence=least)
        alone = asked(PICTURE, "Is there a dog?")
        (batched,) = asked.answer_many([(PICTURE, "Is there a dog?")])
        for name in ("text", "withheld", "abstention", "evidence", "confidence", "core_confidence"):
            assert getattr(batched, name) == getattr(alone, name)


def test_supporting_boxes_stand_out_in_the_drawing() -> None:
    cat = Region((190, 140, 210, 160), "cat", 0.9)
    found = Finding("detect", "objects", "1 dog, 1 cat", (DOG, cat), size=(300, 300))
    picture = load_image(Image.new("RGB", (300, 300), "white"))
    plain, _ = draw_regions(picture, [found])
    shown, _ = draw_regions(picture, [found], evidence=[Evidence("detect", "supports", "finds 1 dog", (DOG,))])
    scale = plain.width / 300

    def ink(image: Image.Image, region: Region) -> int:
        x0, y0, x1, y1 = (round(v * scale) for v in region.xyxy)
        inside = np.asarray(image.crop((x0 - 2, y0, x1 + 3, y1 + 3)))
        return int((inside < 250).any(axis=2).sum())

    assert ink(shown, DOG) > ink(plain, DOG)
    assert ink(shown, cat) < ink(plain, cat)
