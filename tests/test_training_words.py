"""The first lesson of a visual path: its vectors tell the words that a picture's captions hold."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vqa.adapter_model.training.batches import Material
from vqa.adapter_model.training.rows import Answer, Row
from vqa.adapter_model.training.words import WordLoss
from vqa.errors import InputError

WORDS, WIDTH = 12, 16


class Sees(nn.Module):
    """A visual path of one linear over a picture's patches, beside token embeddings."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.visual = nn.Linear(WORDS, WIDTH)

    def get_input_embeddings(self):
        return self.embedding


class OneHot:
    """Two patches a picture: the two words that its captions hold."""

    shape = 2, WORDS

    def read(self, records):
        patches = np.zeros((len(records), 2, WORDS), np.float32)
        for row, record in zip(patches, records, strict=True):
            row[0, record], row[1, (record + 5) % WORDS] = 1, 1
        return torch.from_numpy(patches)


def answer(*ids):
    return Answer(ids, (len(ids),))


def rows():
    """Twenty pictures of each word: one caption holds the word, the other that word twice and another one."""
    return [
        Row(word, ((1, 2, 3),), (answer(word), answer((word + 5) % WORDS, word, word)), False)
        for word in range(WORDS)
        for _ in range(20)
    ]


def batch(material, count):
    return material.assemble(np.arange(count) * 20)


def test_each_words_share_is_that_of_the_answers_which_hold_it():
    material = Material(rows(), np.arange(WORDS)[:, None], ("plain",), OneHot())
    shares = WordLoss(Sees(), rows())._shares(batch(material, 3))
    for word in range(3):
        expected = torch.zeros(WORDS)
        expected[word], expected[word + 5] = 1.0, 0.5  # one and two times in two answers: no more than all of them
        assert torch.equal(shares[word], expected)


def test_words_that_are_too_rare_are_not_told():
    rare = [Row(0, ((1,),), (answer(11),), False) for _ in range(3)]
    common = [Row(0, ((1,),), (answer(4),), False) for _ in range(40)]
    told = WordLoss(Sees(), [*rare, *common])
    assert told.places[4] == 0
    assert told.places[11] == -1
    assert told.words.shape == (1, WIDTH)


def test_learning_it_makes_the_vectors_tell_the_words_and_leaves_the_embeddings_alone():
    material = Material(rows(), np.arange(WORDS)[:, None], ("plain",), OneHot())
    model = Sees()
    before = model.embedding.weight.detach().clone()
    told = WordLoss(model, rows())
    optimizer = torch.optim.Adam(model.visual.parameters(), lr=0.05)
    first, right = told(batch(material, WORDS))
    assert right < WORDS
    for _ in range(60):
        optimizer.zero_grad()
        loss, _ = told(batch(material, WORDS))
        loss.backward()
        optimizer.step()
    last, right = told(batch(material, WORDS))
    assert right == WORDS
    assert float(last.detach()) < 0.5 * float(first.detach())
    assert math.isfinite(float(last.detach()))
    assert torch.equal(before, model.embedding.weight)


def test_rows_without_a_picture_are_refused():
    with pytest.raises(InputError, match="without a picture"):
        WordLoss(Sees(), [Row(-1, ((1,),), (answer(4),), False)])
