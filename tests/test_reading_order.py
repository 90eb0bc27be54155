"""Reading order as pure functions: boxes and words in, lines out."""

import random

import pytest

from vqa.experts.reading.columns import columns
from vqa.experts.reading.lines import blocks, clean, close_up, join_hyphens
from vqa.experts.reading.rows import joined_rows
from vqa.values import Region

LEFT = [
    "The quick brown fox jumps",
    "over the lazy dog while a",
    "small bird looks on from",
    "the branch of an old tree.",
]
RIGHT = [
    "Meanwhile in another town",
    "nobody had heard of foxes",
    "or of dogs and the birds",
    "slept late into the day.",
]


def piece(text: str, x: float, y: float, *, height: float = 20.0, score: float = 0.9) -> Region:
    """A piece of text as wide as its letters are many: half a height each."""
    return Region((x, y, x + len(text) * height / 2, y + height), text, score)


def page(*texts: tuple[str, float, float]) -> list[Region]:
    pieces = [piece(*text) for text in texts]
    random.Random(0).shuffle(pieces)
    return pieces


def read(pieces: list[Region]) -> list[list[str]]:
    return [[line.label for line in block] for block in blocks(pieces)]


def test_no_pieces_no_lines() -> None:
    assert blocks([]) == []


def test_words_of_a_row_are_joined_left_to_right_and_rows_top_to_bottom() -> None:
    pieces = page(("world", 70, 2), ("Hello", 0, 0), ("below", 0, 26))
    assert read(pieces) == [["Hello world", "below"]]


def test_a_line_has_the_box_and_the_length_weighted_score_of_its_pieces() -> None:
    pieces = [piece("ab", 0, 0, score=1.0), piece("abcdef", 40, 4, score=0.6)]
    ((line,),) = blocks(pieces)
    assert line.xyxy == (0, 0, 100, 24)
    assert line.score == pytest.approx((2 * 1.0 + 6 * 0.6) / 8)


def test_columns_of_text_are_read_one_after_the_other() -> None:
    pieces = page(*((t, 0, 30 * i) for i, t in enumerate(LEFT)), *((t, 290, 30 * i) for i, t in enumerate(RIGHT)))
    assert read(pieces) == [LEFT, RIGHT]


def test_columns_whose_lines_are_not_level_are_kept_apart() -> None:
    pieces = page(*((t, 0, 30 * i) for i, t in enumerate(LEFT)), *((t, 290, 26 * i + 11) for i, t in enumerate(RIGHT)))
    assert read(pieces) == [LEFT, RIGHT]


def test_three_columns_are_read_left_to_right() -> None:
    pieces = page(
        *((t, 0, 30 * i) for i, t in enumerate(LEFT)),
        *((t, 290, 30 * i) for i, t in enumerate(RIGHT)),
        *((t, 580, 30 * i) for i, t in enumerate(LEFT)),
    )
    assert read(pieces) == [LEFT, RIGHT, LEFT]


def test_a_headline_and_a_footer_across_both_columns_stay_above_and_below() -> None:
    headline = piece("A headline that runs across both of the columns below it", 0, -60)
    footer = piece("A footer that runs across both of the columns above it", 0, 180)
    pieces = page(*((t, 0, 30 * i) for i, t in enumerate(LEFT)), *((t, 290, 30 * i) for i, t in enumerate(RIGHT)))
    assert read([footer, *pieces, headline]) == [[headline.label], LEFT, RIGHT, [footer.label]]


def test_an_item_and_its_price_are_one_line_however_wide_the_gap() -> None:
    items = [("Orange juice", "3.50"), ("Black coffee", "2.20"), ("Cheese cake slice", "4.80"), ("Total", "10.50")]
    pieces = page(
        *((n, 0, 30 * i) for i, (n, _) in enumerate(items)), *((p, 500, 30 * i) for i, (_, p) in enumerate(items))
    )
    assert read(pieces) == [[f"{name} {price}" for name, price in items]]


def test_a_menu_of_two_columns_keeps_each_price_with_its_dish() -> None:
    """The paper's Fig. 9: read across both columns, the answer takes the neighbour's price."""
    left = [("Spring rolls", "4.50"), ("Tomato soup", "3.90"), ("Green salad bowl", "5.20"), ("Garlic bread", "2.80")]
    right = [
        ("Grilled salmon", "14.50"),
        ("Roast chicken", "11.90"),
        ("Mushroom pasta", "9.20"),
        ("Lamb curry", "12.80"),
    ]
    pieces = page(
        *((name, 0, 30 * i) for i, (name, _) in enumerate(left)),
        *((price, 220, 30 * i) for i, (_, price) in enumerate(left)),
        *((name, 330, 30 * i) for i, (name, _) in enumerate(right)),
        *((price, 560, 30 * i) for i, (_, price) in enumerate(right)),
    )
    assert read(pieces) == [[f"{n} {p}" for n, p in left], [f"{n} {p}" for n, p in right]]


def test_a_table_of_short_words_is_read_row_by_row() -> None:
    cells = [("Monday", "closed"), ("Tuesday", "open"), ("Friday", "open"), ("Sunday", "closed")]
    pieces = page(
        *((a, 0, 30 * i) for i, (a, _) in enumerate(cells)), *((b, 150, 30 * i) for i, (_, b) in enumerate(cells))
    )
    assert read(pieces) == [[f"{a} {b}" for a, b in cells]]


def test_wide_spaces_below_one_another_do_not_tear_a_paragraph() -> None:
    pieces = page(*((t, 0, 26 * i) for i, t in enumerate(LEFT)), *((t, 278, 26 * i) for i, t in enumerate(RIGHT)))
    assert read(pieces) == [[f"{a} {b}" for a, b in zip(LEFT, RIGHT, strict=True)]]


def test_an_empty_stretch_ends_a_block() -> None:
    pieces = page(("first line", 0, 0), ("second line", 0, 30), ("far below", 0, 120))
    assert read(pieces) == [["first line", "second line"], ["far below"]]


def test_a_row_that_runs_uphill_stays_one_row() -> None:
    pieces = [piece("word", 60.0 * i, -6.0 * i) for i in range(8)]
    below = [piece("text", 60.0 * i, 30 - 6.0 * i) for i in range(8)]
    rows = joined_rows([*below, *pieces])
    assert [[p.label for p in row] for row in rows] == [["word"] * 8, ["text"] * 8]


def test_a_giant_letter_does_not_swallow_the_small_print_beside_it() -> None:
    pieces = [piece("SALE", 0, 0, height=120), piece("terms apply", 260, 10), piece("ask inside", 260, 50)]
    assert len(joined_rows(pieces)) == 3


def test_every_piece_is_read_exactly_once() -> None:
    generator = random.Random(7)
    for _ in range(50):
        pieces = [
            piece(f"w{i}", generator.uniform(0, 600), generator.uniform(0, 400), height=generator.uniform(8, 60))
            for i in range(generator.randrange(1, 40))
        ]
        assert sorted(p.label for group in columns(pieces) for p in group) == sorted(p.label for p in pieces)
        words = [word for block in blocks(pieces) for line in block for word in line.label.split()]
        assert sorted(words) == sorted(p.label for p in pieces)


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["an inter-", "national affair"], ["an international", "affair"]),
        (["an inter-", "national"], ["an international"]),
        (["one, two-", "three, four-", "five"], ["one, twothree,", "fourfive"]),
        (["pages 10-", "20 follow"], ["pages 10-", "20 follow"]),
        (["the Anglo-", "Saxon age"], ["the Anglo-", "Saxon age"]),
        (["a dash -", "not a hyphen"], ["a dash -", "not a hyphen"]),
        (["ends with-"], ["ends with-"]),
    ],
)
def test_a_word_parted_by_a_hyphen_is_put_together(lines: list[str], joined: list[str]) -> None:
    block = [piece(text, 0, 30.0 * i) for i, text in enumerate(lines)]
    assert [line.label for line in join_hyphens(block)] == joined


def test_a_line_that_was_only_the_rest_of_a_word_gives_its_box_to_the_word() -> None:
    (line,) = join_hyphens([piece("inter-", 0, 0), piece("national", 0, 30)])
    assert line.xyxy == (0, 0, 80, 50)


def test_hyphens_are_not_joined_across_columns() -> None:
    left = [*LEFT[:3], "and then they went inter-"]
    right = ["national for a long while", *RIGHT[1:]]
    pieces = page(*((t, 0, 30 * i) for i, t in enumerate(left)), *((t, 290, 30 * i) for i, t in enumerate(right)))
    assert read(pieces) == [left, right]


@pytest.mark.parametrize(
    ("read_as", "printed"),
    [
        ("Total 56 . 00 DH", "Total 56.00 DH"),
        ("235. 85 14.15 250 .00", "235.85 14.15 250.00"),
        ("RM 177 , 20", "RM 177,20"),
        ("March 12, 24", "March 12, 24"),
        ("No. 5. 120 g", "No. 5. 120 g"),
        ("in 1999. 500 people", "in 1999. 500 people"),
    ],
)
def test_an_amount_parted_at_its_point_is_put_together(read_as: str, printed: str) -> None:
    assert close_up(read_as) == printed
    head, _, tail = read_as.partition(" ")
    assert read([piece(head, 0, 0), piece(tail, 12 * len(head), 0)]) == [[printed]]


@pytest.mark.parametrize(
    ("dirty", "visible"),
    [
        ("  a \t b\r\nc ", "a b c"),
        ("pass\u200bword\ufeff", "password"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("\x1b[31mred\x07", "[31mred"),
        ("가격 10,000원", "가격 10,000원"),
    ],
)
def test_what_cannot_be_seen_is_taken_out(dirty: str, visible: str) -> None:
    assert clean(dirty) == visible
