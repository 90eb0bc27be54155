"""Many questions at once are answered as one by one, in their order, and a failing one fails alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, Settings, VQAAgent
from vqa.adapter_model.cores.echo import EchoCore
from vqa.agent.agent import LOOKED_AT_ONCE
from vqa.agent.batching import answer_windows
from vqa.agent.windows import BATCH_ROWS, Asked, Failed, share_of
from vqa.images import load_image
from vqa.lanes import cores
from vqa.registry import routers
from vqa.values import Answer, Finding, FindingKind, GenerationOptions, LoadedImage, Question, Region, Score, Token


class Widths:
    """An expert that sees as many people as the picture has pixels in a row, and remembers every look."""

    name: ClassVar[str] = "widths"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "counts pixels"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = ("person",)

    def __init__(self) -> None:
        self.looks: list[int] = []

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        width = image.pil.width
        self.looks.append(width)
        if width == 13:
            raise RuntimeError("thirteen")
        regions = tuple(Region((i, 0, i + 1, 1), "person", 0.9) for i in range(width))
        return Finding(self.name, self.kind, f"{width}", regions, vocabulary=("person",), size=image.pil.size)


class Batching(EchoCore):
    """An echo that remembers how many rows came together, and stumbles over one word."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        self.batches.append(len(batch))
        return super().generate(batch, options)

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        if "stumble" in prompt:
            raise InputError("stumbled")
        yield from super().stream(image, prompt, options)


def agent(expert: Widths, **flags: object) -> VQAAgent:
    settings = Settings.load({"core": "echo", "router": "all", "cache": False, **flags})
    return VQAAgent([expert], routers.get("all").from_settings(settings), core=Batching(), settings=settings)


def pictures(folder: Path, number: int) -> list[str]:
    for width in range(1, number + 1):
        Image.new("RGB", (width, 4)).save(folder / f"{width}.png")
    return [str(folder / f"{width}.png") for width in range(1, number + 1)]


def untimed(answer: Answer) -> Answer:
    findings = tuple(replace(finding, seconds=0.0) for finding in answer.findings)
    return replace(answer, seconds={}, findings=findings)


def test_many_are_answered_as_one_by_one(tmp_path: Path) -> None:
    names = pictures(tmp_path, 16)
    rows = [(names[i * 7 % 16], Question(f"How many people, {i}?", choices=("a", "b") * (i % 3))) for i in range(90)]
    expert = Widths()
    together = list(agent(expert).answer_many(rows))
    assert sorted(expert.looks) == [
        *range(1, 13),
        *[13] * expert.looks.count(13),
        14,
        15,
        16,
    ]  # each once, but failures
    alone = agent(Widths())
    assert [untimed(answer) for answer in together] == [untimed(alone(*row)) for row in rows]
    assert all({"load_image", "route", "widths", "compose", "core", "total"} <= set(a.seconds) for a in together)


def test_the_core_gets_rows_of_like_length_together_and_equal_ones_once(tmp_path: Path) -> None:
    (name,) = pictures(tmp_path, 1)
    asked = agent(Widths())
    rows = [(name, "Who?")] * 7 + [(name, f"Who is number {i}?") for i in range(8)] + [(name, "word " * 300)]
    answers = list(asked.answer_many(rows))
    assert sum(asked.core.batches) == 1 + 8 + 1  # type: ignore[attr-defined]
    assert asked.core.batches[-1] == 1  # type: ignore[attr-defined]  # the long one keeps the others waiting for nobody
    assert len({answer.text for answer in answers[:7]}) == 1
    assert answers[11].text.endswith("Who is number 4?")


def test_a_row_that_fails_fails_alone(tmp_path: Path) -> None:
    names = pictures(tmp_path, 2)
    rows: list[tuple[str, str] | Failed] = [
        (names[0], "One?"),
        (str(tmp_path / "none.png"), "Two?"),
        (names[1], "   "),
        Failed("row", InputError("not a row")),
        (names[1], "I stumble?"),
        (names[1], "Six?"),
    ]
    (window,) = answer_windows(agent(Widths()), rows)
    assert [one.stage if isinstance(one, Failed) else "answered" for one in window] == [
        "answered",
        "picture",
        "question",
        "row",
        "core",
        "answered",
    ]
    with pytest.raises(InputError, match="no such file"):
        list(agent(Widths()).answer_many([row for row in rows if not isinstance(row, Failed)]))


def test_a_strict_agent_fails_the_row_whose_expert_fails(tmp_path: Path) -> None:
    names = pictures(tmp_path, 13)
    (window,) = answer_windows(agent(Widths(), strict=True), [(names[12], "One?"), (names[0], "Two?")])
    assert isinstance(window[0], Failed)
    assert window[0].stage == "expert"
    assert "thirteen" in str(window[0].error)
    assert isinstance(window[1], Answer)


def test_windows_depend_on_their_rows_alone(tmp_path: Path) -> None:
    names = pictures(tmp_path, 8)
    rows = [(names[i % 8], f"Number {i}?") for i in range(100)]
    windows = list(answer_windows(agent(Widths()), rows, batch_rows=16))
    assert [len(window) for window in windows] == [16] * 6 + [4]
    again = list(answer_windows(agent(Widths()), rows[32:], batch_rows=16))
    assert [len(window) for window in again] == [16] * 4 + [4]


def test_the_last_windows_have_half_of_what_is_left_but_not_for_one_lane(tmp_path: Path) -> None:
    names = pictures(tmp_path, 8)
    rows = [(names[i % 8], f"Number {i}?") for i in range(300)]
    windows = [len(window) for window in answer_windows(agent(Widths()), rows)]
    assert windows == [64, 64, 64, 54, 27, 16, 11]
    assert [len(window) for window in answer_windows(agent(Widths()), rows[128:])] == windows[2:]
    assert [len(window) for window in answer_windows(agent(Widths()), rows, lanes=1)] == [64] * 4 + [44]


def test_a_window_counts_for_its_rows_or_its_pixels() -> None:
    small, large = (load_image(Image.new("RGB", size)) for size in ((10, 10), (4000, 3000)))
    assert share_of([Asked(Question(f"{i}?"), small) for i in range(16)], 64) == 0.25
    assert share_of([Asked(Question(f"{i}?"), large) for i in range(16)], 64) == 0.5  # one picture of 12 megapixels
    assert share_of([Asked(Question("?"), None)], 64) == 1 / 64


def test_choices_are_weighed_together_and_one_by_one_where_that_fails(tmp_path: Path) -> None:
    class Weighing(EchoCore):
        rows: ClassVar[list[int]] = []

        def score(
            self, batch: Sequence[tuple[LoadedImage, str]], choices: Sequence[Sequence[str]]
        ) -> list[list[Score]]:
            self.rows.append(len(batch))
            if any("stumble" in prompt for _, prompt in batch):
                raise RuntimeError("stumbled")
            return [[Score(-float(len(choice)), 0.0) for choice in row] for row in choices]

    names, choices = pictures(tmp_path, 3), ("a long one", "short")
    core = Weighing()
    settings = Settings.load({"core": "echo", "cache": False})
    asked = VQAAgent([], routers.get("none").from_settings(settings), core=core, settings=settings)
    rows = [(name, Question("Which?", choices=choices)) for name in names]
    (window,) = answer_windows(asked, [*rows, (names[0], "Free?")])
    assert [answer.text for answer in window if isinstance(answer, Answer)] == ["short"] * 3 + ["Free?"]
    assert core.rows == [3]
    (window,) = answer_windows(asked, [*rows, (names[0], Question("Do you stumble?", choices=choices))])
    assert [isinstance(outcome, Answer) for outcome in window] == [True] * 3 + [False]
    assert core.rows == [3, 4, 1, 1, 1, 1]


def test_what_a_window_left_in_the_heap_is_given_back_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[None] = []
    monkeypatch.setattr("vqa.agent.batching.trim_heap", lambda: given_back.append(None))
    rows = [(name, "One?") for name in pictures(tmp_path, 3)]
    done = [len(given_back) for _ in answer_windows(agent(Widths()), rows, batch_rows=1)]
    assert done == [0, 1, 2]


def test_rows_are_read_only_a_little_ahead_and_leaving_off_early_ends_the_threads(tmp_path: Path) -> None:
    names = pictures(tmp_path, 8)
    read = 0

    def rows() -> Iterator[tuple[str, str]]:
        nonlocal read
        for i in range(10_000):
            read += 1
            yield names[i % 8], f"Number {i}?"

    answers = agent(Widths()).answer_many(rows())
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert read < BATCH_ROWS * (min(cores(), 4) + 4)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vqa-lo")]


def test_stopping_finishes_what_is_in_hand(tmp_path: Path) -> None:
    names = pictures(tmp_path, 8)
    stopped = threading.Event()
    windows = answer_windows(
        agent(Widths()), ((names[i % 8], f"{i}?") for i in range(1000)), batch_rows=8, stop=stopped.is_set
    )
    assert len(next(windows)) == 8
    stopped.set()
    assert sum(len(window) for window in windows) <= 8 * min(cores(), 4)


class Meeting(Widths):
    """An expert that only comes to an end if somebody looks at another picture meanwhile."""

    side_by_side: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.met = threading.Barrier(2)

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.met.wait(10)
        return super().look(image, question)


class Alone(Widths):
    """An expert that does not say that it bears two at once."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = threading.Lock()

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        assert self.busy.acquire(blocking=False)
        time.sleep(0.01)
        self.busy.release()
        return super().look(image, question)


@pytest.fixture
def two_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.agent.batching.side_by_side", lambda most: nullcontext(2))


@pytest.mark.usefixtures("two_lanes")
def test_windows_are_worked_on_side_by_side_where_expert_and_core_bear_it(tmp_path: Path) -> None:
    rows = [(name, "One?") for name in pictures(tmp_path, 4)]
    done = [answer for window in answer_windows(agent(Meeting()), rows, batch_rows=1) for answer in window]
    assert [one.degraded for one in done if isinstance(one, Answer)] == [False] * 4
    done = [answer for window in answer_windows(agent(Alone()), rows, batch_rows=1) for answer in window]
    assert [one.degraded for one in done if isinstance(one, Answer)] == [False] * 4


class Wide(Widths):
    """The same, which looks at several pictures at once; at one of them it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[int]] = []

    def look_at_many(self, images: Sequence[LoadedImage]) -> list[Finding]:
        self.groups.append([image.pil.width for image in images])
        return [self.look(image) for image in images]


def test_an_expert_that_can_looks_at_the_pictures_of_a_window_at_once(tmp_path: Path) -> None:
    names = pictures(tmp_path, 12)
    rows = [(name, f"How many, {i}?") for name in names for i in range(2)]
    expert, alone = Wide(), agent(Widths())
    (window,) = answer_windows(agent(expert), rows, lanes=1)
    assert expert.groups == [list(range(1, 13))]
    assert [untimed(answer) for answer in window if isinstance(answer, Answer)] == [
        untimed(alone(*row)) for row in rows
    ]


class Captions(Wide):
    """A captioner, who is called in where somebody of whom it is asked what they do is found."""

    name: ClassVar[str] = "caption"
    kind: ClassVar[FindingKind] = "caption"

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        said = Region((0.0, 0.0, 1.0, 1.0), "A man runs.", 0.5)
        return Finding(self.name, self.kind, said.label, (said,), size=image.pil.size)


def test_so_does_who_will_be_called_in(tmp_path: Path) -> None:
    settings, captions = Settings.load({"core": "echo", "cache": False}), Captions()
    experts = [Widths(), captions]
    asked = VQAAgent(experts, routers.get("rules").from_settings(settings), core=Batching(), settings=settings)
    names = pictures(tmp_path, 4)
    list(answer_windows(asked, [(name, "Is there a man?") for name in names], lanes=1))
    assert captions.groups == []
    (window,) = answer_windows(asked, [(name, "What is the man doing?") for name in names], lanes=1)
    assert captions.groups == [[1, 2, 3, 4]]
    assert {one.route.experts for one in window if isinstance(one, Answer)} == {("widths", "caption")}


def test_where_one_picture_of_many_fails_the_others_are_looked_at_all_the_same(tmp_path: Path) -> None:
    names = pictures(tmp_path, 14)
    expert, alone = Wide(), agent(Widths())
    (window,) = answer_windows(agent(expert), [(name, "How many?") for name in names], lanes=1)
    assert [len(group) for group in expert.groups] == [LOOKED_AT_ONCE, 14 - LOOKED_AT_ONCE]
    assert [untimed(a) for a in window if isinstance(a, Answer)] == [
        untimed(alone(name, "How many?")) for name in names
    ]


def test_what_is_known_is_not_looked_at_again(tmp_path: Path) -> None:
    names = pictures(tmp_path, 3)
    expert = Wide()
    asked = agent(expert)
    asked(names[1], "How many?")
    list(answer_windows(asked, [(name, "How many?") for name in names], lanes=1))
    assert expert.groups == [[1, 3]]
    assert sorted(expert.looks) == [1, 2, 3]


@pytest.mark.usefixtures("two_lanes")
def test_an_expert_looks_once_at_a_picture_whose_rows_are_in_several_windows(tmp_path: Path) -> None:
    class Slow(Widths):
        side_by_side: ClassVar[bool] = True

        def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
            time.sleep(0.05)
            return super().look(image, question)

    (name,) = pictures(tmp_path, 1)
    expert = Slow()
    windows = list(answer_windows(agent(expert), [(name, f"Number {i}?") for i in range(8)], batch_rows=2))
    assert [len(window) for window in windows] == [2] * 4
    assert expert.looks == [1]


@pytest.mark.weights
@pytest.mark.slow
def test_the_built_in_core_answers_a_batch_as_it_answers_alone() -> None:
    settings = Settings.load({"cache": False, "detector": "efficientdet", "no_experts": "ocr"})
    asked = VQAAgent.from_pretrained(settings=settings)
    questions = ("How many people are there?", "Is there a giraffe?", "Where is the bus?", "What is in the picture?")
    rows = [(f"example:{name}", question) for question in questions for name in ("bus", "astronaut")]
    for (picture, question), answer in zip(rows, asked.answer_many(rows), strict=True):
        alone = asked(picture, question)
        assert (answer.text, answer.prompt) == (alone.text, alone.prompt)
        assert [f.regions for f in answer.findings] == [f.regions for f in alone.findings]
        assert answer.confidence == pytest.approx(alone.confidence, abs=0.05)  # bfloat16, rows side by side
