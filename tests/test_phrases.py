"""What people would say of a picture, foretold, and how a captioner's sentences are held against it."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from vqa.experts.captioners import adapter
from vqa.experts.captioners.adapter import AdapterCaptioner
from vqa.experts.captioners.phrases import Phrases, phrases_of
from vqa.images import load_image
from vqa.settings import Settings
from vqa.values import Score


def foretelling() -> Phrases:
    """Two features: the first foretells "dog" and "a dog", the second "cat"; "a" is said of every picture."""
    up = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    usual, rarity = torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, 2.0, 3.0])
    known = ("a", "cat", "dog", "a dog")
    return Phrases(known, 3, torch.zeros(2), torch.ones(2), torch.eye(2), up, usual, rarity, unknown=4.0)


def test_a_sentence_that_says_what_is_foretold_agrees() -> None:
    phrases = foretelling()
    dog, cat = (phrases.foretold(torch.tensor(features)) for features in ([1.0, -1.0], [0.0, 1.0]))
    assert phrases.agreement("A dog.", dog) == pytest.approx(1.0)
    assert phrases.agreement("a dog on a unicycle", dog) == pytest.approx(
        (2 / math.sqrt(4 + 2 * 16) + 3 / math.sqrt(9 + 3 * 16)) / 2
    )
    assert phrases.agreement("A cat.", dog) == phrases.agreement("A dog.", cat) == 0.0
    assert phrases.agreement("A cat.", cat) == pytest.approx(0.5)  # no pair is foretold
    assert phrases.agreement("", dog) == 0.0


def test_what_is_said_of_this_picture_rather_than_of_others_is_leaned_towards() -> None:
    leanings = foretelling().leanings(torch.tensor([0.1, -1.0]))
    assert list(leanings) == ["a", "cat", "dog"]  # no pair
    assert leanings["a"] == leanings["cat"] == 0.0  # as usual; less than never
    assert leanings["dog"] == pytest.approx(math.log(0.12 / 0.02))
    assert foretelling().leanings(torch.tensor([9.0, 0.0]))["dog"] == 2.0


def test_phrases_are_words_and_pairs_of_words() -> None:
    assert phrases_of("A dog's ball.") == (["a", "dog", "'s", "ball"], ["a dog", "dog 's", "'s ball"])


def test_phrases_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = foretelling()
    made.save(tmp_path / "phrases.safetensors")
    read = Phrases.load(tmp_path / "phrases.safetensors")
    features = torch.tensor([0.5, 2.0])
    assert (read.known, read.words, read.unknown) == (made.known, made.words, made.unknown)
    assert torch.equal(read.foretold(features), made.foretold(features))


def test_what_ships_knows_the_words_of_people_and_dogs() -> None:
    phrases = Phrases.load()
    assert {"dog", "man", "a dog", "the water"} <= set(phrases.known)
    assert not any(" " in word for word in phrases.known[: phrases.words])
    assert all(" " in pair for pair in phrases.known[phrases.words :])


class Searching:
    """A core whose beams end with the same sentences whatever it sees."""

    fingerprint = "some core"

    def __init__(self) -> None:
        self.leanings: list[dict[str, float]] = []

    def render(self, question: str, evidence: object, history: object = ()) -> str:
        return question

    def search(
        self, batch: list[object], options: object, *, leanings: Sequence[dict[str, float]] = ()
    ) -> list[list[tuple[str, Score]]]:
        self.leanings += leanings
        said = [("A  red apple.", -0.5), ("Four people in front of a bus.", -0.6)]
        return [[(text, Score(4 * mean, mean)) for text, mean in said] for _ in batch]


@pytest.mark.weights
def test_the_built_in_captioners_sentences_lean_towards_what_people_would_say() -> None:
    bus, core = load_image("example:bus"), Searching()
    AdapterCaptioner(lambda: core, "a/folder", Settings()).captions([bus])
    assert core.leanings == []
    AdapterCaptioner(lambda: core, "smollm2-captions", Settings()).captions([bus, load_image("example:coffee")])
    of_bus, of_coffee = core.leanings
    assert of_bus["street"] > 0 > of_coffee["street"]
    assert of_bus["dog"] < 0


@pytest.mark.weights
def test_the_built_in_captioners_sentences_are_held_against_what_people_would_say() -> None:
    bus = load_image("example:bus")
    built_in = AdapterCaptioner(Searching, "smollm2-captions", Settings())
    other = AdapterCaptioner(Searching, "a/folder", Settings())
    assert [text for text, _ in other.captions([bus])[0]] == ["A red apple.", "Four people in front of a bus."]
    assert [score for _, score in other.captions([bus])[0]] == pytest.approx([math.exp(-0.5), math.exp(-0.6)])
    (first, more), (second, less) = built_in.captions([bus])[0]
    assert (first, second) == ("Four people in front of a bus.", "A red apple.")
    assert 1 >= more > math.exp(-0.6)
    assert less < math.exp(-0.5)
    assert built_in.captions([load_image(Image.new("RGB", (50, 50))), bus])[1] == [(first, more), (second, less)]


def test_what_is_foretold_is_part_of_the_built_in_captioners_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    built_in, other = (AdapterCaptioner(Searching, name, Settings()) for name in ("smollm2-captions", "a/folder"))
    before = built_in.fingerprint, other.fingerprint
    monkeypatch.setattr(adapter.phrases, "FILE", Path(adapter.__file__))
    assert built_in.fingerprint != before[0]
    assert other.fingerprint == before[1]
