"""Beam search against transformers' own on the same model, and scores against reading every choice alone."""

import pytest
import torch

from vqa.adapter_model.beams import search
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.scoring import score
from vqa.errors import InputError
from vqa.values import GenerationOptions

PROMPT = [5, 9, 17, 33]
NONE = (None,) * 3


@pytest.fixture
def model(tiny_llama):
    """A base model that is unsure, so that beams part and end at different lengths."""
    model = AdapterLlama(
        tiny_llama(initializer_range=0.12, tie_word_embeddings=False), AdapterConfig(base_model="tiny")
    )
    model.fold()
    return model


@pytest.mark.parametrize("beams", [2, 3, 5])
@pytest.mark.parametrize("stops", [(), (40,), (40, 7, 93, 12, 55)])
@pytest.mark.parametrize("start", [5, 61, 88])
@torch.inference_mode()
def test_beams_find_what_transformers_finds(model, beams, stops, start):
    prompt, length = [start, *PROMPT], 9
    ((found, *_),) = search(
        Engine(model), [prompt], NONE, GenerationOptions(length, num_beams=beams), stop_ids=frozenset(stops)
    )
    theirs = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        num_beams=beams,
        max_new_tokens=length,
        do_sample=False,
        eos_token_id=list(stops) or None,
        pad_token_id=0,
    )[0, len(prompt) :].tolist()
    ended = next((place for place, token in enumerate(theirs) if token in stops), len(theirs))
    assert list(found.ids) == theirs[:ended]


@torch.inference_mode()
def test_one_beam_is_greedy_decoding(model):
    engine, options = Engine(model), GenerationOptions(max_new_tokens=7)
    greedy = [step for (step,) in decode(engine, [PROMPT], NONE, options, stop_ids=frozenset())]
    ((found, *_),) = search(engine, [PROMPT], NONE, options, stop_ids=frozenset())
    assert list(found.ids) == [token for token, _ in greedy]
    assert found.logprobs == pytest.approx([logprob for _, logprob in greedy], abs=1e-4)


@pytest.mark.parametrize("stops", [frozenset(), frozenset([40, 7, 93, 12, 55])], ids=["open", "ended"])
@torch.inference_mode()
def test_prompts_are_searched_together_as_each_alone(model, stops):
    engine, options = Engine(model), GenerationOptions(max_new_tokens=9, num_beams=3)
    prompts = [[5, *PROMPT], [61, *PROMPT, 4], [88], [5, *PROMPT]]
    together = search(engine, prompts, NONE, options, stop_ids=stops)
    for prompt, beams in zip(prompts, together, strict=True):
        (alone,) = search(engine, [prompt], NONE, options, stop_ids=stops)
        assert [beam.ids for beam in beams] == [beam.ids for beam in alone]
        assert [beam.mean for beam in beams] == pytest.approx([beam.mean for beam in alone], abs=1e-4)


@torch.inference_mode()
def test_a_text_gains_by_a_token_once_and_is_told_with_its_own_score(model):
    engine, options = Engine(model), GenerationOptions(max_new_tokens=9, num_beams=3)
    (plain,) = search(engine, [PROMPT], NONE, options, stop_ids=frozenset([40]))
    wanted = next(token for token in range(90) if all(token not in beam.ids for beam in plain) and token != 40)
    (leaning,) = search(engine, [PROMPT], NONE, options, stop_ids=frozenset([40]), leanings=[{wanted: 50.0}])
    assert all(beam.ids.count(wanted) == 1 for beam in leaning)
    texts = [list(beam.ids) for beam in leaning]
    (alone,) = score(engine, [PROMPT], [texts], NONE, stop_ids=frozenset([40]))
    for beam, one in zip(leaning, alone, strict=True):
        steps = len(beam.ids) + (len(beam.ids) < 9)
        assert beam.rank == pytest.approx(beam.mean + 50.0 / steps, abs=1e-4)
        if len(beam.ids) < 9:  # it stopped
            assert beam.mean == pytest.approx(one.mean, abs=1e-4)


@torch.inference_mode()
def test_each_prompt_leans_its_own_way(model):
    engine, options = Engine(model), GenerationOptions(max_new_tokens=9, num_beams=3)
    prompts, leanings = [[5, *PROMPT], [61, *PROMPT], [88, *PROMPT]], [{3: 6.0}, {}, {3: -9.0, 21: 4.0}]
    together = search(engine, prompts, NONE, options, stop_ids=frozenset(), leanings=leanings)
    for prompt, leaning, beams in zip(prompts, leanings, together, strict=True):
        (alone,) = search(engine, [prompt], NONE, options, stop_ids=frozenset(), leanings=[leaning])
        assert [beam.ids for beam in beams] == [beam.ids for beam in alone]
    assert together[1] == search(engine, prompts, NONE, options, stop_ids=frozenset())[1]


@torch.inference_mode()
def test_with_compact_weights_a_prompt_comes_to_the_same_to_the_last_bit_whatever_others_there_are(model):
    model.to(torch.bfloat16)
    engine, options = Engine(model, weights="compact"), GenerationOptions(max_new_tokens=9, num_beams=3)
    prompts = [[start, *PROMPT] for start in (5, 61, 88, 9, 30)]
    leanings = [{}, {3: 2.0}, {7: 1.5, 9: -1.0}, {3: 0.5}, {}]
    together = search(engine, prompts, NONE, options, stop_ids=frozenset([40]), leanings=leanings)
    for some in ([0], [3], [1, 4], [4, 2, 0]):
        those, leaning = [prompts[i] for i in some], [leanings[i] for i in some]
        assert search(engine, those, NONE, options, stop_ids=frozenset([40]), leanings=leaning) == [
            together[i] for i in some
        ]


@pytest.mark.parametrize("stops", [frozenset(), frozenset([40, 93])], ids=["open", "ended"])
@torch.inference_mode()
def test_scores_are_those_of_each_choice_read_alone(model, stops):
    choices = [[8], [31, 60, 2], [31, 61], [70, 3, 3, 9]]
    (found,) = score(Engine(model), [PROMPT], [choices], NONE, stop_ids=stops)
    for choice, got in zip(choices, found, strict=True):
        logprobs = model(torch.tensor([[*PROMPT, *choice]]), adapter=NONE).logits[0, len(PROMPT) - 1 :].log_softmax(-1)
        parts = [float(row[token]) for row, token in zip(logprobs, choice, strict=False)]
        if stops:
            parts.append(float(logprobs[-1, sorted(stops)].exp().sum().log()))
        assert got.total == pytest.approx(sum(parts), abs=1e-4)
        assert got.mean == pytest.approx(sum(parts) / len(parts), abs=1e-4)


@torch.inference_mode()
def test_the_choices_of_one_token_share_a_probability_of_one(model):
    (found,) = score(Engine(model), [PROMPT], [[[token] for token in range(101)]], NONE)
    assert sum(torch.tensor(choice.total).exp() for choice in found) == pytest.approx(1, abs=1e-4)


@torch.inference_mode()
def test_choices_after_many_prompts_score_as_after_each_alone(model):
    engine = Engine(model)
    prompts = [[5, *PROMPT], [61], [88, *PROMPT, 4], [5, *PROMPT, 7]]
    choices = [[[8], [31, 60, 2]], [list(range(1, 91))], [[70, 3], [70], [1, 2, 3, 4] * 20], [[9]]]
    for pictures in (None, [1, 1, 2, 1]):
        together = score(engine, prompts, choices, NONE, stop_ids=frozenset([40]), pictures=pictures)
        for prompt, those, found in zip(prompts, choices, together, strict=True):
            (alone,) = score(engine, [prompt], [those], NONE, stop_ids=frozenset([40]))
            assert [s.total for s in found] == pytest.approx([s.total for s in alone], abs=1e-3)
            assert [s.mean for s in found] == pytest.approx([s.mean for s in alone], abs=1e-4)


@pytest.mark.parametrize("choices", [[], [[4], []]])
def test_a_choice_without_tokens_is_refused(model, choices):
    with pytest.raises(InputError, match="cannot be scored"):
        score(Engine(model), [PROMPT, PROMPT], [[[3]], choices], NONE)
