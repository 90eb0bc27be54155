"""Drafting: whatever is drafted, the answer is that of plain greedy decoding; what is right of it saves passes."""

import pytest
import torch

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.drafting import continuation, decode_with_drafts, sayings
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.model import AdapterLlama
from vqa.values import GenerationOptions

CONFIG = AdapterConfig(
    base_model="tiny",
    early_layers=1,
    adapter_layers=2,
    adapter_len=4,
    visual_len=4,
    vision_width=12,
    visual_width=16,
    visual_blocks=1,
    visual_heads=2,
)
PROMPT = [5, 9, 17, 33, 65]
NEVER = frozenset[int]()


class CountingEngine(Engine):
    """An engine that takes down how many tokens each pass after the prompt reads."""

    def __init__(self, model):
        super().__init__(model)
        self.passes = []

    def extend(self, rows, ids, *, all_logits=False):
        self.passes.append(ids.shape[1])
        return super().extend(rows, ids, all_logits=all_logits)


@pytest.fixture
def model(tiny_llama):
    """A folded model whose gates are all open."""
    model = AdapterLlama(tiny_llama(), CONFIG)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.gate.fill_(0.7)
    model.fold()
    return model


@pytest.fixture
def adapter(model):
    patches = torch.randn(1, 6, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.adapter_keys_values(model.visual(patches))


def plain(model, adapter, length, *, prompt=PROMPT, stop_ids=NEVER):
    options = GenerationOptions(max_new_tokens=length)
    steps = decode(Engine(model), [prompt], adapter, options, stop_ids=stop_ids)
    return [step for (step,) in steps if step is not None]


def drafted(model, adapter, length, source, *, prompt=PROMPT, stop_ids=NEVER):
    """Return the ids with their log probabilities, and how many tokens each pass after the prompt read."""
    engine = CountingEngine(model)
    options = GenerationOptions(max_new_tokens=length)
    return list(decode_with_drafts(engine, prompt, adapter, options, source=source, stop_ids=stop_ids)), engine.passes


def assert_same(found, expected):
    assert [token for token, _ in found] == [token for token, _ in expected]
    assert [logprob for _, logprob in found] == pytest.approx([logprob for _, logprob in expected], abs=1e-4)


SOURCES = {
    "none": lambda ids: [],
    "the answer": lambda ids: ids,
    "a part of the answer": lambda ids: [0, 0, *ids[3:9], 0, 0, 0],
    "the answer with every fifth wrong": lambda ids: [0 if i % 5 == 4 else token for i, token in enumerate(ids)],
    "something else": lambda ids: [(token + 1) % 101 for token in ids],
    "begins alike and goes on otherwise": lambda ids: [*ids[:2], *[0] * 20],
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("length", [1, 2, 3, 10, 24])
def test_the_answer_is_that_of_plain_greedy_decoding_whatever_is_drafted(model, adapter, source, length):
    expected = plain(model, adapter, length)
    ids = [token for token, _ in plain(model, adapter, 24)]
    found, passes = drafted(model, adapter, length, source(ids))
    assert_same(found, expected)
    assert len(passes) < max(length, 2)


def test_a_right_draft_saves_passes_and_none_reads_more_than_eight_tokens(model, adapter):
    expected = plain(model, adapter, 24)
    found, passes = drafted(model, adapter, 24, [token for token, _ in expected])
    assert_same(found, expected)
    assert passes == [1, 8, 8, 6]
    assert drafted(model, adapter, 24, [])[1] == [1] * 23


def test_an_answer_ends_at_its_stop_token_also_inside_a_draft(model, adapter):
    ids = [token for token, _ in plain(model, adapter, 24)]
    stop = next(token for place, token in enumerate(ids) if place >= 5 and token not in ids[:place])
    expected = plain(model, adapter, 24, stop_ids=frozenset([stop]))
    assert 5 <= len(expected) < 24
    assert_same(drafted(model, adapter, 24, ids, stop_ids=frozenset([stop]))[0], expected)


def test_drafts_stay_within_the_room_of_the_model(model, adapter):
    prompt = [token % 101 for token in range(3, 3 + 128 - 20)]  # with the answer all of its 128 positions
    expected = plain(model, adapter, 20, prompt=prompt)
    ids = [token for token, _ in expected]
    assert_same(drafted(model, adapter, 20, [*ids, *ids], prompt=prompt)[0], expected)


def test_an_answer_may_be_left_off_in_the_middle_of_a_draft(model, adapter):
    expected = plain(model, adapter, 8)
    options = GenerationOptions(max_new_tokens=24)
    source = [token for token, _ in plain(model, adapter, 24)]
    steps = decode_with_drafts(Engine(model), PROMPT, adapter, options, source=source, stop_ids=NEVER)
    assert_same([next(steps) for _ in range(8)], expected)
    steps.close()


@pytest.mark.parametrize(
    ("written", "most", "expected"),
    [
        ([1, 2], 2, [3, 4]),
        ([9, 9, 3, 4], 9, [1, 2, 5, 6]),
        ([4, 1, 2], 9, [5, 6]),  # the longest end that is there, not the first "1 2"
        ([2], 9, []),  # one id alone is too little
        ([5, 6], 9, []),  # nothing follows
        ([1, 2], 0, []),
        ([], 9, []),
    ],
)
def test_what_follows_the_longest_end_is_the_draft(written, most, expected):
    assert continuation([1, 2, 3, 4, 1, 2, 5, 6], written, most=most) == expected


def test_what_lines_say_is_put_together_without_who_says_it():
    prompt = (
        "<|im_start|>user\nText on the bus: 10 cero\nText (unsure): at: noon\nno colon\nQuestion: What?<|im_end|>\n"
    )
    assert sayings(prompt) == "10 cero at: noon What?<|im_end|>"
