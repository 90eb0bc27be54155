import pytest

from vqa.experts.detectors.mirroring import Mirrored, mean
from vqa.values import Region


def region(x0: float, x1: float, score: float, label: str = "cup") -> Region:
    return Region((x0, 10.0, x1, 50.0), label, score)


UNSURE_OF = 100


class LeftHalf:
    """A detector that sees white only in the left half of what it is shown, and is unsure of a grey corner."""

    name = "left-half"
    labels = ("blob",)

    def detect(self, picture, min_score: float) -> list[Region]:
        grey = picture.convert("L")
        box = grey.crop((0, 0, picture.width // 2, picture.height)).point(lambda value: value > 200 and 255).getbbox()
        found = [Region(tuple(map(float, box)), "blob", 0.6)] if box else []
        if grey.getpixel((0, 0)) == UNSURE_OF:
            found.append(Region((0.0, 0.0, 10.0, 10.0), "corner", 0.3))
        return [region for region in found if region.score >= min_score]


def picture(box, corner: int = UNSURE_OF):
    from PIL import Image

    canvas = Image.new("RGB", (200, 100))
    canvas.paste((corner,) * 3, (0, 0, 10, 10))
    canvas.paste("white", box)
    return canvas


def test_an_object_in_both_looks_is_one_with_the_mean_of_its_scores() -> None:
    (found,) = mean([region(10, 50, 0.8)], [region(12, 52, 0.4)])
    assert found.score == pytest.approx(0.6)
    assert found.xyxy == (10, 10, 50, 50)


def test_an_object_in_one_look_has_half_its_score() -> None:
    assert [r.score for r in mean([region(10, 50, 0.8)], [])] == [0.4]
    assert [r.score for r in mean([], [region(10, 50, 0.8)])] == [0.4]


@pytest.mark.parametrize("other", [region(100, 140, 0.8), region(10, 50, 0.8, "bowl")])
def test_objects_elsewhere_or_of_another_class_stay_apart(other: Region) -> None:
    assert sorted(r.score for r in mean([region(10, 50, 0.6)], [other])) == [0.3, 0.4]


def test_each_box_is_matched_once() -> None:
    found = mean([region(10, 50, 0.8), region(11, 51, 0.6)], [region(10, 50, 0.4)])
    assert sorted(r.score for r in found) == [pytest.approx(0.3), pytest.approx(0.6)]


def test_what_only_the_mirrored_look_shows_is_where_it_is_in_the_picture() -> None:
    found = Mirrored(LeftHalf(), 200).detect(picture((150, 20, 170, 40)), 0.15)
    assert Region((150, 20, 170, 40), "blob", 0.3) in found


def test_half_a_score_below_the_least_is_left_out() -> None:
    assert Mirrored(LeftHalf(), 200).detect(picture((150, 20, 170, 40)), 0.31) == []


def test_name_and_labels_are_the_detectors() -> None:
    assert (Mirrored(LeftHalf(), 200).name, Mirrored(LeftHalf(), 200).labels) == ("left-half", ("blob",))


def test_a_picture_that_nothing_is_unsure_in_is_looked_at_once() -> None:
    twice = Mirrored(LeftHalf(), 100)
    (found,) = twice.detect(picture((50, 20, 70, 40), corner=0), 0.15)
    assert found.score == 0.6
    assert found.xyxy == pytest.approx((50, 20, 70, 40), abs=2)  # in the picture's pixels, not the scaled one's
    assert twice.detect(picture((150, 20, 170, 40), corner=0), 0.15) == []
