"""Learning from whole answers' scores: sampled answers weigh what they are better than the others."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.adapter_model.training.batches import Material
from vqa.adapter_model.training.loss import AnswerLoss
from vqa.adapter_model.training.rows import Answer, PromptFormat, Row
from vqa.adapter_model.training.self_critical import SelfCritic
from vqa.cider import Cider, ngrams

END = (2,)
SHAPE = AdapterConfig(
    base_model="tiny",
    early_layers=1,
    adapter_layers=2,
    adapter_len=4,
    visual_len=4,
    vision_width=12,
    visual_width=16,
    visual_blocks=1,
    visual_heads=2,
    tuning="scale_bias",
    norm_tuning=True,
)
FORM = PromptFormat(str.split, lambda ids: " ".join(f"w{i}" for i in ids), lambda question: question, (), END)


class Features:
    shape = 6, 12

    def read(self, records):
        table = torch.randn(40, 6, 12, generator=torch.Generator().manual_seed(3))
        return table[torch.from_numpy(records)]


def answer(*ids):
    return Answer((*ids, *END), (len(ids) + 1,))


def material(count=8):
    """Pictures whose references hold words that no other picture's hold."""
    rows = [
        Row(i, ((5, 6, 7 + i % 2),), (answer(20 + i, 30 + i, 40 + i), answer(30 + i, 50 + i)), False)
        for i in range(count)
    ]
    return Material(rows, np.arange(40)[:, None], ("plain",), Features())


def model_of(tiny_llama):
    model = AdapterLlama(tiny_llama(), SHAPE).train()
    train_only(model, set())
    return model


def rehearse(tiny_llama, *, seed=0, samples=4):
    learnt = material()
    critic = SelfCritic(model_of(tiny_llama), learnt.rows, FORM)
    batch = learnt.assemble(np.array([1, 4, 6]))
    return learnt, batch, *critic.rehearsed(batch, samples=samples, seed=seed)


def answers_in(batch):
    """Return each row's answers as lists of ids: an answer begins where a position comes back."""
    found, length = [], batch.ids.shape[1]
    for row, prompt in enumerate(batch.prompts):
        own = (batch.sources // length == row).sum()
        starts = len(prompt)
        ids = batch.ids[row, starts : starts + own].tolist()
        places = batch.positions[row, starts : starts + own].tolist()
        cut = [i for i, place in enumerate(places) if place == starts] + [len(ids)]
        found.append([ids[a:b] for a, b in pairwise(cut)])
    return found


def test_every_token_weighs_what_its_answer_is_better_than_the_others(tiny_llama):
    learnt, batch, sampled, mean = rehearse(tiny_llama)
    assert sampled.prompts == batch.prompts
    assert torch.equal(sampled.features, batch.features)
    cider = Cider([[FORM.text(a.ids) for a in row.answers] for row in learnt.rows])
    expected, scores = [], []
    for number, of_one in zip((1, 4, 6), answers_in(sampled), strict=True):
        assert len(of_one) == 4
        own = [cider(number, ngrams(FORM.text(ids))) for ids in of_one]
        scores += own
        for place, ids in enumerate(of_one):
            others = [score for other, score in enumerate(own) if other != place]
            expected += [own[place] - sum(others) / 3] * len(ids)
    torch.testing.assert_close(sampled.weights, torch.tensor(expected), rtol=1e-4, atol=1e-6)
    assert mean == pytest.approx(sum(scores) / 12, rel=1e-5)


def test_answers_end_where_the_model_ends_them_and_are_as_long_as_peoples_at_most(tiny_llama):
    _, _, sampled, _ = rehearse(tiny_llama, samples=30)
    said = [ids for of_one in answers_in(sampled) for ids in of_one]
    assert len(said) == 90
    assert all(len(ids) <= 4 for ids in said)
    assert all(END[0] not in ids[:-1] for ids in said)
    assert any(len(ids) == 4 for ids in said)


def test_the_seed_decides_what_is_sampled(tiny_llama):
    one, same, other = (rehearse(tiny_llama, seed=seed)[2].ids for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert one.shape != other.shape or not torch.equal(one, other)


def test_sampling_follows_the_models_own_probabilities(tiny_llama):
    """Of many first tokens, each comes about as often as the training forward pass says, after tuning too."""
    learnt, model = material(1), model_of(tiny_llama)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("scale", "norm.weight")):
                parameter.mul_(1 + 0.5 * torch.rand(parameter.shape, generator=torch.Generator().manual_seed(1)))
        model.lm_head.weight.mul_(6)
    batch = learnt.assemble(np.array([0]))
    sampled, _ = SelfCritic(model, learnt.rows, FORM).rehearsed(batch, samples=4000, seed=0)
    firsts = torch.tensor([ids[0] for ids in answers_in(sampled)[0]])
    with torch.no_grad():
        logits = model(torch.tensor(batch.prompts), visual_prompt=model.visual(batch.features)).logits[0, -1]
    wanted = logits.softmax(-1)
    found = torch.bincount(firsts, minlength=len(wanted)) / len(firsts)
    assert wanted.max() > 0.05
    assert (found - wanted).abs().sum() < 0.15


def test_learning_makes_answers_score_better(tiny_llama):
    learnt, model = material(4), model_of(tiny_llama)
    critic, loss_of = SelfCritic(model, learnt.rows, FORM), AnswerLoss(model)
    trained = train_only(model, model.groups["visual"] | model.groups["language"])
    optimizer = torch.optim.Adam(trained, lr=0.02)
    batch = learnt.assemble(np.arange(4))
    rewards = []
    for step in range(60):
        sampled, mean = critic.rehearsed(batch, samples=16, seed=step)
        rewards.append(mean)
        optimizer.zero_grad()
        (loss_of(sampled)[0] / len(sampled.targets)).backward()
        optimizer.step()
    assert sum(rewards[-10:]) > 3 * sum(rewards[:10])
    assert sum(critic.scores(batch)) / 4 > rewards[0]
