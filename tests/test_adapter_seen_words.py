"""A picture as words: the likeliest ones' embeddings stand in the prompt."""

from dataclasses import replace

import pytest
import torch

from vqa.adapter_model.checkpoints import load_adapter, save_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.seen_words import SeenWords, pooled
from vqa.errors import InputError

SHAPE = AdapterConfig(
    base_model="tiny",
    fusion="input",
    early_layers=0,
    visual_len=3,
    vision_width=6,
    visual_width=4,
    visual_words=(9, 4, 7, 30, 5),
    visual_blocks=0,
    visual_heads=2,
)


def path(tiny_llama):
    """Return a model whose vision path tells something of every picture."""
    model = AdapterLlama(tiny_llama(), SHAPE)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.visual.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=draw) * 0.5 + 0.1)
    return model


def test_features_are_pooled_by_mean_and_maximum():
    features = torch.tensor([[[1.0, -2.0], [3.0, 5.0]]])
    assert pooled(features).tolist() == [[2.0, 1.5, 3.0, 5.0]]


def test_the_likeliest_words_stand_in_the_prompt_in_their_order(tiny_llama):
    model = AdapterLlama(tiny_llama(), SHAPE)
    assert isinstance(model.visual, SeenWords)
    with torch.no_grad():
        model.visual.usual.copy_(torch.tensor([0.1, 0.5, 0.2, 0.4, 0.0]))
    vectors = model.visual(torch.zeros(2, 4, 6))
    embeddings = model.model.embed_tokens.weight[[4, 30, 7]]
    torch.testing.assert_close(vectors, embeddings.expand(2, -1, -1))


def test_a_word_tells_how_sure_it_is_and_how_unusual_that_is(tiny_llama):
    visual = path(tiny_llama).visual
    shares = torch.tensor([[0.3, 0.1, 0.8, 0.0, 0.2]])
    found = visual(shares[:, None])
    places, usual = [2, 0, 4], visual.usual
    for vector, place in zip(found[0], places, strict=True):
        lift = (shares[0, place] - usual[place]) / (usual[place] * (1 - usual[place])).sqrt()
        expected = visual.words[place] * visual.scale
        expected = expected + shares[0, place] * visual.sureness[0] + lift * visual.sureness[1]
        torch.testing.assert_close(vector, expected)


def test_shares_that_were_told_beforehand_give_the_same_vectors(tiny_llama):
    visual = path(tiny_llama).visual
    features = torch.rand(3, 5, 6)
    told = visual.shares(pooled(features))
    torch.testing.assert_close(visual(told[:, None]), visual(features))


def test_bfloat16_does_not_reach_the_shares(tiny_llama):
    visual = path(tiny_llama).visual
    features = torch.rand(3, 5, 6)
    plain = visual.shares(pooled(features))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(visual.shares(pooled(features)), plain)


def test_it_is_saved_and_loaded_with_its_words(tiny_llama, tmp_path):
    model = path(tiny_llama)
    save_adapter(model, tmp_path)
    config = AdapterConfig.from_file(tmp_path / "config.json")
    assert config.visual_words == SHAPE.visual_words
    again = AdapterLlama(tiny_llama(), config)
    load_adapter(again, tmp_path)
    features = torch.rand(2, 5, 6)
    torch.testing.assert_close(again.visual(features), model.visual(features))


@pytest.mark.parametrize("changes", [{"fusion": "early", "visual_blocks": 1}, {"visual_blocks": 1}])
def test_a_shape_that_has_no_place_for_words_is_refused(changes):
    with pytest.raises(InputError, match="visual_words"):
        replace(SHAPE, **changes)


@pytest.mark.parametrize("told_beforehand", [False, True])
def test_what_is_learnt_later_does_not_bend_the_map(tiny_llama, told_beforehand):
    visual = path(tiny_llama).visual
    visual(torch.rand(3, 1, 5) if told_beforehand else torch.rand(3, 4, 6)).sum().backward()
    learnt = {name for name, parameter in visual.named_parameters() if parameter.grad is not None}
    assert learnt == {"sureness", "scale"}
