"""The lesson of words in closed form, and what later stages read of the pictures it was fitted to."""

import numpy as np
import pytest
import torch

from vqa.adapter_model.seen_words import SeenWords, pooled
from vqa.adapter_model.training.batches import Material
from vqa.adapter_model.training.rows import Answer, Row
from vqa.adapter_model.training.seen_words import WordLesson, usual_words
from vqa.errors import InputError

WORDS = (
    11,
    12,
    13,
    14,
)  # tokens; the first two can be seen in a picture, the third is in half of all answers by chance
PICTURES, WIDTH = 200, 8


class Table:
    """Patches drawn once for every record; channel 0 and 1 of all of a picture's patches tell words 11 and 12."""

    shape = 4, WIDTH

    def __init__(self, count=PICTURES, width=WIDTH):
        draw = torch.Generator().manual_seed(0)
        self.values = torch.randn(count, 4, width, generator=draw)
        self.seen = torch.rand(count, 2, generator=draw) < 0.4
        if width == WIDTH:
            self.values[:, :, :2] = 3.0 * self.seen[:, None].float()

    def read(self, records):
        return self.values[torch.from_numpy(np.asarray(records))]


def answer(*ids):
    return Answer((*ids, 2), (len(ids) + 1,))


def material(table):
    draw = np.random.default_rng(0)
    rows = []
    for picture in range(len(table.values)):
        seen = [word for word, there in zip(WORDS, table.seen[picture].tolist(), strict=False) if there]
        both = [answer(*seen, *([13] if draw.random() < 0.5 else [])) for _ in range(2)]
        rows.append(Row(picture, ((1,),), tuple(both), False))
    return Material(rows, np.arange(len(rows))[:, None], ("plain",), table)


def path(width=WIDTH, rank=3):
    return SeenWords(features=width, width=rank, words=torch.zeros(len(WORDS), 5), vectors=2)


def test_usual_words_are_those_of_fifteen_answers_the_most_usual_first():
    answers = [[5, 5, 6]] * 15 + [[6, 7]] * 14
    assert usual_words(answers) == (6, 5)


def test_the_map_tells_what_can_be_seen_and_never_what_cannot():
    table = Table()
    visual = path()
    lesson = WordLesson(visual, WORDS, [material(table)])
    lesson.teach()
    told = visual.shares(pooled(table.values))
    wanted = table.seen.float()
    assert (told[:, :2] - wanted).abs().mean() < 0.3
    assert ((told[:, :2] > 0.5) == table.seen).float().mean() > 0.95
    assert torch.equal(visual.usual[2:], torch.zeros(2))  # chance, and a word that no answer holds
    assert torch.equal(told[:, 2:], torch.zeros(PICTURES, 2))
    assert lesson.right > 0.8


def test_pictures_are_read_later_as_maps_without_them_foretell_them():
    """With more channels than pictures, all of them noise, a map learns its pictures by heart and knows no other."""
    table = Table(60, 400)
    table.values[:, :, 0] += 1.5 * table.seen[:, :1].float()  # a little can be told, so that the word is kept
    learnt = material(table)
    visual = path(400)
    lesson = WordLesson(visual, WORDS, [learnt])
    lesson.teach()
    wanted = table.seen[:, 0].float()

    def likeness(told):
        return float(torch.corrcoef(torch.stack([told, wanted]))[0, 1])

    foretold = lesson.forecasts(table).read(np.arange(60))
    assert foretold.shape == (60, 1, len(WORDS))
    by_heart = visual.shares(pooled(table.values)).detach()
    assert likeness(by_heart[:, 0]) > 0.9
    assert likeness(foretold[:, 0, 0].float()) < 0.8


def test_other_pictures_are_read_by_the_path_itself():
    table = Table(PICTURES + 3)
    learnt = material(table)
    learnt.rows = learnt.rows[:PICTURES]
    visual = path()
    lesson = WordLesson(visual, WORDS, [learnt])
    lesson.teach()
    read = lesson.forecasts(table).read(np.array([PICTURES + 1, 5]))
    own = visual.shares(pooled(table.values[[PICTURES + 1, 5]]))
    torch.testing.assert_close(read[0, 0].float(), own[0], atol=2e-3, rtol=0)
    assert not torch.allclose(read[1, 0].float(), own[1], atol=2e-3)


def test_rows_without_a_picture_are_refused():
    blind = Material([Row(-1, ((1,),), (answer(11),), False)], np.empty((0, 1), np.int64), ("plain",), None)
    with pytest.raises(InputError, match="without a picture"):
        WordLesson(path(), WORDS, [blind])
