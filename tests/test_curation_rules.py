"""The offline rules: what each removes, what they leave alone, and what holds for any text at all."""

from __future__ import annotations

import random
import unicodedata

import pytest

from vqa.agent.curation.paragraphs import repeated_share, sentences, words
from vqa.agent.curation.rules import faults, mend

GOOD = (
    "A man in a red shirt stands on a wet street. Behind him, two dogs are playing with a ball. "
    'The sign says "OPEN" in white letters; it costs $3.50. '
    "Mr. Smith isn't far away, e.g. next to the blue T-shirt shop. There are 12 people."
)


def test_a_good_paragraph_stays_as_it_is() -> None:
    assert mend(GOOD).text == GOOD
    assert not mend(GOOD).removed
    assert not faults(GOOD)


@pytest.mark.parametrize(
    ("said", "left", "fault"),
    [
        ("A dog runs. A cat sits. A dog runs.", "A dog runs. A cat sits.", "repeats"),
        ("A dog runs. a DOG runs!", "A dog runs.", "repeats"),
        ("A man stands on a street. A man stands on a street with a dog.", "A man stands on a street.", "repeats"),
        ("It is a very very very good dog.", "It is a very good dog.", "repeats"),
        ("There is a dog and a cat and a cat and a cat.", "There is a dog and a cat.", "repeats"),
        ("A red ball, a red ball, a red ball is here.", "A red ball is here.", "repeats"),
        ("A dog runs on the beach. The water is", "A dog runs on the beach.", "fragment"),
        ("A dog runs on the beach. The man with the.", "A dog runs on the beach.", "fragment"),
        ("A dog runs on the beach. Nice.", "A dog runs on the beach.", "fragment"),
        ("A dog runs on the beach. Ein Hund läuft am Strand.", "A dog runs on the beach.", "not English"),
        ("Un chien court sur la plage. A dog runs.", "A dog runs.", "not English"),
        ("Un perro corre en la playa. A dog runs.", "A dog runs.", "not English"),
        ("A dog runs. 개가 해변에서 달린다.", "A dog runs.", "not English"),
        ("A dog runs. 这是 一只 狗.", "A dog runs.", "not English"),
        ("Zorb quaxil mentroy fliggo brast weddle.", "", "not English"),
        ("A dog ### runs <|im_end|> on the beach ~~.", "A dog runs im end on the beach.", "meaningless characters"),
        ("A dog runs. Aaaaaa it is here.", "A dog runs.", "meaningless characters"),
        ("A dog runs. It says xkcdqz on the wall.", "A dog runs.", "meaningless characters"),
    ],
)
def test_what_is_wrong_is_removed_and_named(said: str, left: str, fault: str) -> None:
    mended = mend(said)
    assert (mended.text, set(mended.removed)) == (left, {fault})


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("a dog runs .  It barks !!!", "A dog runs. It barks!"),
        ("A dog runs ... The cat , too , sits .", "A dog runs. The cat, too, sits."),
        ("A dog runs.\n\n1. A cat sits here.\n", "A dog runs. A cat sits here."),
        ("The dog--cat plays here.", "The dog cat plays here."),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_blanks_and_marks_are_tidied(said: str, left: str) -> None:
    assert mend(said).text == left


def test_a_name_on_a_sign_may_be_in_another_script() -> None:
    said = "The red sign on the wall says 停, and a man looks at it."
    assert mend(said).text == said


def test_four_words_may_be_said_again_and_five_may_not() -> None:
    first = "A dog is in the middle of a street."
    assert mend(f"{first} The house in the middle of it is red.").text.count(".") == 2  # "in the middle of"
    assert mend(f"{first} The house in the middle of a garden is red.").text == first


def test_sentences_end_at_marks_and_lines_and_not_within_numbers_and_abbreviations() -> None:
    assert sentences('He said "Go." She went.\nMr. A costs 3.5 dollars? Yes') == [
        'He said "Go."',
        "She went.",
        "Mr. A costs 3.5 dollars?",
        "Yes",
    ]


def test_the_repeated_share_counts_four_words_in_a_row() -> None:
    assert repeated_share("a b c d") == 0
    assert repeated_share("a b c d a b c d") == pytest.approx(1 / 5)
    assert repeated_share("a") == 0


PIECES = (
    "a the A dog cat dog's man in red shirt is standing on and very three U.S. e.g Mr. it's T-shirt ein der und läuft "
    "停 개가 aaaa xkcdqz ### -- ~ ' \u2019 ( ) , , . . . ! ? ... ?! \u200b é e\u0301 _x_ 3.5 12 \n <unk>"
).split(" ")


def drawn(draw: random.Random) -> str:
    few = [*PIECES[:14], ".", ",", "."]
    pieces = [draw.choice(few if draw.random() < 0.7 else PIECES) for _ in range(draw.randint(0, 50))]
    return ("" if draw.random() < 0.2 else " ").join(pieces)


@pytest.mark.parametrize("seed", range(8))
def test_mending_is_idempotent_and_leaves_no_fault_and_no_word_that_was_not_there(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        said = drawn(draw)
        left = mend(said).text
        again = mend(left)
        assert again.text == left, said
        assert not again.removed, said
        assert not faults(left), said
        before = iter(words(unicodedata.normalize("NFC", said)))
        assert all(word in before for word in words(left)), said  # in their order, too
