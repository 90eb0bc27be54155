"""What a drawn answer shows, measured in its pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from vqa.drawing import _marks, draw, draw_findings, draw_regions, numbered_lines
from vqa.errors import InputError
from vqa.images import load_image
from vqa.values import COUNT_SCORE, Answer, Evidence, Finding, Prompt, Question, Region, Route

GREY = (128, 128, 128)
BUS = Finding("detect", "objects", "a bus", (Region((200, 300, 700, 600), "bus", 0.9),))


def answer(size: tuple[int, int] = (800, 700), findings: Sequence[Finding] = (BUS,), text: str = "a bus") -> Answer:
    image = load_image(Image.new("RGB", size, GREY))
    route = Route(("detect",), "asks what", "rules")
    return Answer(
        text, 0.9, Question("What is it?"), route, tuple(findings), Prompt("", (), (), 0, 0), "echo", {}, image=image
    )


def texts(*labels: str) -> Finding:
    regions = tuple(Region((100, 40 * i + 40, 300, 40 * i + 60), label, 0.9) for i, label in enumerate(labels))
    return Finding("ocr", "text", "\n".join(labels), regions)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def test_a_box_is_drawn_where_its_region_is() -> None:
    drawn, unit = draw_regions(answer().image, [BUS])  # type: ignore[arg-type]
    assert drawn.size == (800, 700)
    assert unit == 1.0
    changed = np.argwhere((pixels(drawn) != GREY).any(axis=2))
    assert (changed[:, 1].min(), changed[:, 1].max(), changed[:, 0].max()) == (199, 701, 601)
    assert 270 < changed[:, 0].min() < 300  # the tag above the box
    assert (pixels(drawn)[310:590, 210:690] == GREY).all()


def test_the_words_below_make_the_picture_taller_not_wider() -> None:
    short, long = draw(answer()), draw(answer(text="word " * 200))
    assert short.mode == "RGB"
    assert short.width == long.width == 800
    assert 700 < short.height < long.height
    assert (pixels(short)[:250] == GREY).all()


def test_the_same_answer_gives_the_same_pixels() -> None:
    findings = (BUS, texts("EMT", "cero"))
    assert draw(answer(findings=findings)).tobytes() == draw(answer(findings=findings)).tobytes()


def test_a_drawing_leaves_the_picture_of_the_answer_alone() -> None:
    value = answer()
    before = value.image.pil.tobytes()  # type: ignore[union-attr]
    draw(value)
    assert value.image.pil.tobytes() == before  # type: ignore[union-attr]


def test_objects_too_unsure_to_be_counted_are_drawn_fainter() -> None:
    def changed(score: float) -> int:
        finding = Finding("detect", "objects", "", (Region((200, 300, 700, 600), "bus", score),))
        drawn, _ = draw_regions(answer().image, [finding])  # type: ignore[arg-type]
        return int((pixels(drawn) != GREY).any(axis=2).sum())

    assert changed(COUNT_SCORE) == changed(1.0) > 1.4 * changed(COUNT_SCORE - 0.01)


def test_labels_have_colours_of_their_own() -> None:
    two = Finding(
        "detect", "objects", "", (Region((10, 100, 90, 190), "cat", 1), Region((200, 100, 290, 190), "dog", 1))
    )
    same = Finding("detect", "objects", "", tuple(dataclasses.replace(region, label="cat") for region in two.regions))

    def frames(finding: Finding) -> list[tuple[int, ...]]:
        drawn, _ = draw_regions(answer().image, [finding])  # type: ignore[arg-type]
        return [drawn.getpixel((x + 1, 150)) for x in (10, 200)]  # type: ignore[misc]

    assert len(set(frames(two))) == 2
    assert len(set(frames(same))) == 1


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (17, 4000), (4000, 3000)])
def test_any_size_of_picture_can_be_drawn(size: tuple[int, int]) -> None:
    region = Region((0, 0, size[0], size[1]), "everything", 0.5)
    drawn = draw(answer(size, [Finding("detect", "objects", "", (region,))]))
    assert drawn.width >= 560
    assert drawn.height > size[1]


def test_lines_and_letters_grow_with_the_picture() -> None:
    _, small = draw_regions(answer((800, 700)).image, [BUS])  # type: ignore[arg-type]
    _, large = draw_regions(answer((4000, 3500)).image, [BUS])  # type: ignore[arg-type]
    assert large == pytest.approx(4.16, abs=0.01)
    assert small == 1


def test_a_small_picture_is_enlarged_and_its_boxes_with_it() -> None:
    region = Region((16, 16, 48, 48), "dot", 0.9)
    drawn, _ = draw_regions(answer((64, 64)).image, [Finding("detect", "objects", "", (region,))])  # type: ignore[arg-type]
    assert drawn.size == (640, 640)
    assert drawn.getpixel((161, 320)) != GREY
    assert drawn.getpixel((320, 320)) == GREY


def test_a_thumbnail_is_no_longer_than_asked() -> None:
    drawn, _ = draw_regions(answer((4000, 1000)).image, [BUS], longest=400)  # type: ignore[arg-type]
    assert drawn.size == (400, 100)


@pytest.mark.parametrize(
    "xyxy",
    [
        (float("nan"), 0, 10, 10),
        (0, 0, float("inf"), 10),
        (-50, -50, -10, -10),
        (900, 0, 950, 10),
    ],
)
def test_a_box_that_is_nowhere_in_the_picture_is_not_drawn(xyxy: tuple[float, float, float, float]) -> None:
    finding = Finding("detect", "objects", "", (Region(xyxy, "ghost", 0.5),))
    drawn, _ = draw_regions(answer().image, [finding])  # type: ignore[arg-type]
    assert (pixels(drawn) == GREY).all()


@pytest.mark.parametrize(
    "xyxy", [(5, 5, 5, 5), (300, 300, 100, 100), (-100, -100, 2000, 2000), (799.6, 699.6, 900, 900)]
)
def test_odd_boxes_are_drawn_as_far_as_they_go(xyxy: tuple[float, float, float, float]) -> None:
    drawn, _ = draw_regions(answer().image, [Finding("detect", "objects", "", (Region(xyxy, "odd", 0.5),))])  # type: ignore[arg-type]
    assert (pixels(drawn) != GREY).any()


@pytest.mark.parametrize(
    "words", ["한국어", "你好", "Здравствуй", "Zürich", "😀", "‮evil", "a\x00\x1bb", "\udcff", "", " \n\t"]
)
def test_words_of_any_script_can_be_drawn(words: str) -> None:
    value = dataclasses.replace(answer(findings=[texts(words)], text=words), question=Question(words * 3))
    assert draw(value).height > 700


def test_many_lines_of_text_are_numbered_and_listed_below() -> None:
    few, many = texts(*["line"] * 12), texts(*["line"] * 13)
    assert numbered_lines([few, BUS]) == []
    assert numbered_lines([BUS, many]) == list(many.regions)
    assert draw(answer(findings=[many])).height > draw(answer(findings=[few])).height


def test_a_failure_and_a_caption_are_told_in_words() -> None:
    plain = draw(answer(findings=[BUS]))
    failed = draw(answer(findings=[BUS, Finding("ocr", "text", "", error="no weights")]))
    captioned = draw(answer(findings=[BUS, Finding("caption", "caption", "a bus on a street")]))
    assert failed.height > plain.height
    assert captioned.height > plain.height
    red = pixels(failed)[700:]
    assert ((red[..., 0] > 150) & (red[..., 1] < 80)).any()


def test_of_the_classes_a_picture_may_show_only_the_telling_ones_are_drawn() -> None:
    shown = [Region((0.0, 0.0, 800.0, 600.0), label, score) for label, score in (("minibus", 0.8), ("tram", 0.1))]
    finding = Finding("classify", "classes", "", tuple(shown))
    both = [mark.tag for mark in _marks([finding], 1.0, (800, 600), set())]
    assert both == ["minibus 0.80"]
    assert [mark.tag for mark in _marks([finding], 1.0, (800, 600), {shown[1]})] == ["tram 0.10"]
    unsure = dataclasses.replace(finding, regions=tuple(shown[1:]))
    assert _marks([unsure], 1.0, (800, 600), set()) == []


def test_somebody_has_the_name_that_the_evidence_calls_them_by() -> None:
    people = tuple(Region((x, 100.0, x + 90, 400.0), "person", 0.8) for x in (100.0, 300.0))
    boy = dataclasses.replace(people[1], label="boy", score=0.6)
    tags = [mark.tag for mark in _marks([Finding("detect", "objects", "", people)], 1.0, (800, 600), {boy})]
    assert tags == ["boy 0.60", "person 0.80"]


def test_findings_can_be_drawn_without_an_answer() -> None:
    image = answer().image
    assert image is not None
    assert draw_findings(image, [BUS]).height > 700


def test_an_answer_without_its_picture_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="carries no picture"):
        dataclasses.replace(answer(), image=None).plot()


def test_plot_is_the_drawing() -> None:
    assert answer().plot().tobytes() == draw(answer()).tobytes()


def test_of_a_page_the_cells_alone_are_drawn_that_tell_the_answer() -> None:
    page = texts(*["line"] * 13)
    cell, elsewhere = Region((100, 80, 150, 100), "$500.00", 0.9), Region((400, 400, 500, 500), "bus", 0.9)
    told = (Evidence("ocr", "supports", "reads it", (cell,)), Evidence("detect", "supports", "finds it", (elsewhere,)))
    value = dataclasses.replace(answer(findings=[page, BUS]), evidence=told)
    assert numbered_lines(value.findings, told) == []
    marks = _marks(value.findings, 1.0, (800, 700), {cell: "ocr", elsewhere: "detect"})
    assert [mark.box for mark in marks if mark.is_text] == [cell.xyxy]
