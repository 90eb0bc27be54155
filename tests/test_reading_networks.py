"""What the built-in reader makes of its networks' outputs: maps into boxes, probabilities into text."""

import math

import cv2
import numpy as np
import pytest

from vqa.experts.reading.ctc import best_path
from vqa.experts.reading.ppocr import cut_out
from vqa.experts.reading.text_boxes import from_top_left, text_boxes

ALPHABET = ("", "a", "b", " ")


def probability_map(*kernels: tuple[tuple[float, float], tuple[float, float], float], score: float = 0.9):
    """A 200x300 map of rectangles: middle, (width, height), degrees."""
    drawn = np.zeros((200, 300), np.float32)
    for kernel in kernels:
        cv2.fillPoly(drawn, [cv2.boxPoints(kernel).astype(np.int32)], score)
    return drawn


def sides(box: np.ndarray) -> tuple[float, float]:
    return math.dist(box[0], box[1]), math.dist(box[0], box[3])


def test_a_kernel_grows_by_its_area_over_its_perimeter_on_every_side() -> None:
    (box,) = text_boxes(probability_map(((150, 100), (120, 16), 0)))
    growth = 1.5 * (120 * 16) / (2 * (120 + 16))  # the paper's D'
    assert sides(box) == pytest.approx((120 + 2 * growth, 16 + 2 * growth), abs=1.5)
    assert box.mean(axis=0) == pytest.approx((150, 100), abs=1)


@pytest.mark.parametrize("degrees", [0, 20, -20, 60, -60])
def test_a_slanted_kernel_gives_a_slanted_box_that_begins_where_its_text_does(degrees: float) -> None:
    (box,) = text_boxes(probability_map(((150, 100), (110, 14), degrees)))
    along = box[1] - box[0]
    assert math.degrees(math.atan2(along[1], along[0])) == pytest.approx(degrees, abs=2)
    assert sides(box)[0] > 3 * sides(box)[1]


def test_specks_and_doubtful_kernels_are_no_text() -> None:
    assert text_boxes(probability_map(((50, 50), (2, 2), 0))) == []
    assert text_boxes(probability_map(((150, 100), (120, 16), 0), score=0.5)) == []
    assert text_boxes(np.zeros((64, 64), np.float32)) == []
    assert len(text_boxes(probability_map(((80, 40), (60, 12), 0), ((80, 70), (60, 12), 0)))) == 2


def test_corners_come_clockwise_from_the_top_left_in_whatever_order_they_were() -> None:
    corners = np.float32([[10, 10], [90, 14], [89, 34], [9, 30]])
    for turn in range(4):
        assert from_top_left(np.roll(corners, turn, axis=0)).tolist() == corners.tolist()


def test_what_is_cut_out_of_a_slanted_box_is_level_and_what_runs_down_lies_on_its_side() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    corners = cv2.boxPoints(((150, 100), (120, 30), 20))
    cv2.fillPoly(picture, [corners.astype(np.int32)], (255, 255, 255))
    level = cut_out(picture, from_top_left(corners))
    assert level.shape == (30, 120, 3)
    assert (level[2:-2, 2:-2] > 200).all()
    upright = np.float32([[100, 20], [130, 20], [130, 180], [100, 180]])
    picture[:100] = 255  # what was on top comes to the left
    lying = cut_out(picture, upright)
    assert lying.shape == (30, 160, 3)
    assert lying[:, :60].mean() > lying[:, 100:].mean()


def steps(*classes: dict[int, float]) -> np.ndarray:
    probabilities = np.zeros((len(classes), len(ALPHABET)), np.float32)
    for step, likely in enumerate(classes):
        for index, value in likely.items():
            probabilities[step, index] = value
    return probabilities


def test_repeats_merge_unless_a_blank_parts_them() -> None:
    a, blank = {1: 0.9}, {0: 0.9}
    assert best_path(steps(a, a, blank, a, {2: 0.6}), ALPHABET) == ("aab", pytest.approx((0.9 + 0.9 + 0.6) / 3))


def test_spaces_part_words_once_and_never_stand_at_an_end() -> None:
    a, space = {1: 0.9}, {3: 0.9}
    assert best_path(steps(space, a, space, space, {0: 0.9}, space, a, space), ALPHABET)[0] == "a a"


def test_a_space_that_is_possible_parts_words_though_a_blank_is_likelier() -> None:
    a, hesitant = {1: 0.9}, {0: 0.8, 3: 0.15}
    assert best_path(steps(a, hesitant, a), ALPHABET)[0] == "a a"
    assert best_path(steps(a, {0: 0.95, 3: 0.05}, a), ALPHABET)[0] == "aa"


def test_nothing_but_blanks_is_no_text_and_no_score() -> None:
    assert best_path(steps({0: 1.0}, {0: 1.0}), ALPHABET) == ("", 0.0)
    assert best_path(np.zeros((0, 4), np.float32), ALPHABET) == ("", 0.0)
