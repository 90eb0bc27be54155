import pytest

from vqa.experts.detectors.tiling import detect, merge, tiles, under_one_name
from vqa.values import Region

SIZE = (1000, 500)
TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = tiles(SIZE)


def cup(x0: float, y0: float, x1: float, y1: float, score: float = 0.5, label: str = "cup") -> Region:
    return Region((x0, y0, x1, y1), label, score)


class Blobs:
    """A detector of white rectangles on black: one object for the box around everything white."""

    name = "blobs"
    labels = ("blob",)

    def detect(self, picture, min_score: float) -> list[Region]:
        box = picture.convert("L").getbbox()
        return [Region(tuple(map(float, box)), "blob", 0.5)] if box else []


def picture(*boxes, size=SIZE):
    from PIL import Image

    canvas = Image.new("RGB", size)
    for box in boxes:
        canvas.paste("white", box)
    return canvas


def test_tiles_cover_the_picture_and_overlap() -> None:
    assert TOP_LEFT == (0, 0, 600, 300)
    assert BOTTOM_RIGHT == (400, 200, 1000, 500)
    for x, y in ((0, 0), (500, 250), (999, 499), (0, 499), (999, 0)):
        inside = [t for t in tiles(SIZE) if t[0] <= x < t[2] and t[1] <= y < t[3]]
        assert len(inside) == (4 if (x, y) == (500, 250) else 1)


def test_what_only_a_tile_shows_is_added_in_picture_pixels() -> None:
    assert merge([], [(BOTTOM_RIGHT, [cup(100, 50, 140, 90)])], SIZE) == [cup(500, 250, 540, 290)]


def test_the_whole_picture_box_wins_over_the_same_object_in_a_tile() -> None:
    whole = cup(500, 250, 540, 290, 0.6)
    assert merge([whole], [(BOTTOM_RIGHT, [cup(101, 52, 141, 91, 0.4)])], SIZE) == [whole]


def test_a_tile_that_is_surer_of_the_same_box_raises_its_score() -> None:
    (merged,) = merge([cup(500, 250, 540, 290, 0.2)], [(BOTTOM_RIGHT, [cup(101, 52, 141, 91, 0.7)])], SIZE)
    assert merged == cup(500, 250, 540, 290, 0.7)


def test_a_part_of_a_found_object_is_no_second_object() -> None:
    whole = cup(420, 210, 900, 480, 0.6)
    assert merge([whole], [(BOTTOM_RIGHT, [cup(100, 50, 200, 120, 0.9)])], SIZE) == [whole]


def test_two_tiles_that_show_the_same_object_add_it_once() -> None:
    seen = [(TOP_LEFT, [cup(450, 210, 500, 260)]), (BOTTOM_RIGHT, [cup(51, 11, 101, 59)])]
    assert len(merge([], seen, SIZE)) == 1


def test_another_class_in_the_same_place_is_another_object() -> None:
    found = merge([cup(500, 250, 540, 290)], [(BOTTOM_RIGHT, [cup(100, 50, 140, 90, label="vase")])], SIZE)
    assert [r.label for r in found] == ["cup", "vase"]


@pytest.mark.parametrize(
    ("tile", "box"),
    [
        (TOP_LEFT, (500, 100, 599, 200)),
        (TOP_LEFT, (100, 200, 200, 299)),
        (BOTTOM_RIGHT, (1, 100, 50, 200)),
        (BOTTOM_RIGHT, (100, 1, 150, 90)),
    ],
)
def test_a_box_cut_by_a_tiles_inner_border_is_dropped(tile, box) -> None:
    assert merge([], [(tile, [cup(*box)])], SIZE) == []


def test_a_box_at_the_pictures_own_border_stays() -> None:
    assert len(merge([], [(TOP_LEFT, [cup(0, 0, 60, 80)]), (BOTTOM_RIGHT, [cup(540, 240, 600, 300)])], SIZE)) == 2


SMALL_ONES = ((700, 300, 760, 340), (800, 400, 860, 440))  # in BOTTOM_RIGHT alone


@pytest.mark.parametrize(
    ("hints", "looks"),
    [
        ([], [SIZE]),  # nothing small that is unsure
        ([cup(*SMALL_ONES[0], 0.3)], [SIZE]),
        ([cup(*box, 0.3) for box in SMALL_ONES], [SIZE, (600, 300)]),
        ([cup(*box, 0.6) for box in SMALL_ONES], [SIZE]),  # sure as it is
        ([cup(*box, 0.05) for box in SMALL_ONES], [SIZE]),  # too faint for a hint
        ([cup(x, 10, x + 400, 490, 0.3) for x in (0, 300, 500)], [SIZE]),  # large
        ([cup(450 + x, 230, 490 + x, 270, 0.3) for x in (0, 50)], [SIZE] + 4 * [(600, 300)]),  # in every tile
    ],
)
def test_tiles_are_looked_at_where_small_things_are_unsure(hints: list[Region], looks: list[tuple[int, int]]) -> None:
    shown = []

    class Hinting(Blobs):
        def detect(self, picture, min_score: float) -> list[Region]:
            shown.append(picture.size)
            found = hints if picture.size == SIZE else []
            return [region for region in found if region.score >= min_score]

    found = detect(Hinting(), picture(), 0.15, with_tiles=True)
    assert shown == looks
    assert found == [region for region in hints if region.score >= 0.15]


def test_objects_of_tiles_come_best_first_and_where_they_are() -> None:
    class Closer(Blobs):
        def detect(self, picture, min_score: float) -> list[Region]:
            if picture.size == SIZE:
                return [cup(*box, 0.2) for box in SMALL_ONES]
            return super().detect(picture, min_score)

    found = detect(Closer(), picture((700, 300, 760, 340)), 0.15, with_tiles=True)
    assert [(r.label, r.xyxy) for r in found] == [
        ("blob", (700, 300, 760, 340)),
        ("cup", SMALL_ONES[1]),
    ]  # the cup of 0.2 in the blob's place is the blob


def test_a_thing_goes_by_the_surest_of_its_names() -> None:
    spoon, cup_ = cup(10, 10, 60, 20, 0.6, "spoon"), cup(5, 5, 70, 60, 0.9)
    fork, knife = cup(11, 10, 60, 20, 0.4, "fork"), cup(10, 10, 60, 20, 0.5, "knife")
    assert under_one_name([fork, knife, spoon, cup_]) == [cup_, spoon, knife]
    elsewhere = cup(100, 10, 150, 20, 0.3, "fork")
    assert under_one_name([elsewhere, spoon]) == [spoon, elsewhere]


@pytest.mark.parametrize("size", [(1, 1), (95, 2000), (3000, 7)])
def test_slivers_are_looked_at_whole(size: tuple[int, int]) -> None:
    found = detect(Blobs(), picture((0, 0, 1, 1), size=size), 0.1, with_tiles=True)
    assert [r.xyxy for r in found] == [(0, 0, 1, 1)]
