"""No run of tokens is said twice: not greedily, not by beams, and by each row of a batch for itself."""

from itertools import pairwise

import pytest
import torch

from vqa.adapter_model.beams import search
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.repetition import goes_round, without_repeats
from vqa.values import GenerationOptions

SHAPE = AdapterConfig(base_model="tiny", early_layers=0, adapter_layers=1, adapter_len=2)


@pytest.mark.parametrize(
    ("text", "longest", "banned"),
    [
        ([5, 6, 7, 5, 6], 3, [7]),
        ([5, 6, 7, 5, 6, 8, 5, 6], 3, [7, 8]),
        ([5, 6, 7, 5, 6], 4, []),
        ([5, 5], 2, [5]),
        ([5, 6], 1, [5, 6]),
        ([5], 3, []),
        ([], 1, []),
        ([5, 6, 5, 6], 0, []),
    ],
)
def test_what_would_complete_a_run_again_is_impossible(text, longest, banned):
    scores = without_repeats(torch.zeros(2, 10), [text, [9]], longest)
    assert torch.isinf(scores[0]).nonzero()[:, 0].tolist() == banned
    assert torch.isinf(scores[1]).sum() == (longest == 1)


@pytest.mark.parametrize(
    ("text", "round_and_round"),
    [
        ([3, *[7] * 8], True),
        ([3, *[7] * 7], False),
        ([7, 8] * 8, True),
        ([5, 6, 7, 8] * 8, True),
        ([5, 6, 7, 8] * 8 + [5], True),
        ([4, 5, 6, 7, 8] * 20, False),
        ([], False),
    ],
)
def test_a_text_that_says_a_few_tokens_over_and_over_goes_round(text, round_and_round):
    assert goes_round(text) == round_and_round


@pytest.fixture
def engine(tiny_llama):
    model = AdapterLlama(tiny_llama(), SHAPE).eval()
    model.fold()
    return Engine(model), model.adapter_keys_values(None)


def pairs(ids):
    return list(pairwise(ids))


def test_a_tiny_model_that_goes_round_in_circles_no_longer_does(engine):
    made, adapter = engine
    options, prompts = GenerationOptions(max_new_tokens=40), [[5, 9], [7, 3, 4]]

    def answers(no_repeat):
        steps = decode(made, prompts, adapter, options, stop_ids=frozenset(), no_repeat=no_repeat)
        return [list(ids) for ids in zip(*[[token for token, _ in step] for step in steps], strict=True)]

    circling, fresh = answers(0), answers(2)
    assert any(len(set(pairs(ids))) < len(pairs(ids)) for ids in circling)
    assert all(len(set(pairs(ids))) == len(pairs(ids)) for ids in fresh)
    for prompt, ids in zip(prompts, fresh, strict=True):  # a row does not see what the others said
        steps = decode(made, [prompt], adapter, options, stop_ids=frozenset(), no_repeat=2)
        assert [step[0][0] for step in steps] == ids


def test_beams_say_no_run_twice_either(engine):
    made, adapter = engine
    options = GenerationOptions(max_new_tokens=40, num_beams=3)
    ((beam, *_),) = search(made, [[5, 9]], adapter, options, stop_ids=frozenset(), no_repeat=2)
    assert len(beam.ids) == 40
    assert len(set(pairs(beam.ids))) == 39
    assert all(logprob > -float("inf") for logprob in beam.logprobs)
