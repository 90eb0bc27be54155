"""Batches: every row once an epoch, the same ones for the same number, and packing that changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.adapter_model.training.batches import Material, pack
from vqa.adapter_model.training.examples import BadRows, Example
from vqa.adapter_model.training.loss import AnswerLoss, TokenLoss
from vqa.adapter_model.training.norm import WrittenOutNorm
from vqa.adapter_model.training.recipe import Source
from vqa.adapter_model.training.rows import Answer, PromptFormat, Row, make_rows

EARLY = AdapterConfig(
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
ADDED = replace(EARLY, fusion="added", early_layers=0)


def answer(*ids):
    return Answer(ids, (len(ids),))


def row(length, picture=-1):
    return Row(picture, ((3,) * length,), (answer(4, 2),), one_sided=False)


class Table:
    """Features that are the record's number everywhere."""

    shape = 6, 12

    def read(self, records):
        return torch.tensor(records, dtype=torch.float16)[:, None, None].expand(-1, 6, 12)


def material(rows, views=("plain",), pictures=40):
    records = np.arange(pictures * len(views)).reshape(pictures, len(views))
    return Material(rows, records, views, Table())


@pytest.mark.parametrize("size", [1, 3, 4, 50])
def test_every_row_comes_once_an_epoch_and_batches_are_whole(size):
    rows = [row(1 + i % 7, picture=i if i % 3 else -1) for i in range(40)]
    found = material(rows)
    for epoch in range(2):
        batches = found._order(epoch, size, (0, 3, 0))
        assert len(batches) == found.batches_an_epoch(size)
        assert {len(batch) for batch in batches} == {size}
        assert {i for batch in batches for i in batch} == set(range(40))
        for batch in batches:  # with a picture and without one never share a batch
            assert len({rows[i].picture >= 0 for i in batch}) == 1


def test_a_batch_follows_from_its_number_and_the_seed():
    rows = [replace(row(1 + i % 7, picture=i), prompts=((3,), (5, 6))) for i in range(40)]

    def batches(seed, numbers):
        found = material(rows, views=("plain", "flip"))
        return [found.batches(number, 4, (seed, 3, 0), patch_dropout=0.5)[0] for number in numbers]

    one, other = batches(0, range(15)), batches(0, reversed(range(15)))
    for a, b in zip(one, reversed(other), strict=True):
        assert torch.equal(a.ids, b.ids)
        assert torch.equal(a.features, b.features)
    assert one[0].features.shape == (4, 3, 12)
    assert any(not torch.equal(a.ids, b.ids) for a, b in zip(one, batches(1, range(15)), strict=True))
    drawn = {int(value) % 2 for batch in one for value in batch.features[:, 0, 0]}
    assert drawn == {0, 1}  # both views


def test_parts_of_a_batch_are_its_rows():
    rows = [replace(row(1 + i % 7, picture=i), prompts=((3,), (5, 6))) for i in range(40)]
    found = material(rows, views=("plain", "flip"))
    (whole,) = found.batches(3, 8, (0,))
    parts = found.batches(3, 8, (0,), parts=3)
    assert [len(part.ids) for part in parts] == [3, 3, 2]
    assert torch.equal(torch.cat([part.features for part in parts]), whole.features)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)


def test_rows_of_like_length_share_batches():
    draw = np.random.default_rng(0)
    rows = [row(int(length)) for length in draw.integers(1, 60, 256)]
    found = material(rows)
    tokens = sum(found.batches(n, 8, (0,))[0].ids.numel() for n in range(found.batches_an_epoch(8)))
    assert tokens < 1.15 * sum(map(len, rows))


def test_mirrored_views_are_not_drawn_for_texts_about_sides():
    rows = [replace(row(3, picture=i), one_sided=True) for i in range(40)]
    found = material(rows, views=("flip", "plain"))
    values = [int(v) for n in range(10) for v in found.batches(n, 4, (0,))[0].features[:, 0, 0]]
    assert {value % 2 for value in values} == {1}


def perturbed(model):
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in model.groups["visual"] | model.groups["language"]:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.3)
    return model


def features(rows):
    return torch.randn(rows, 6, 12, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("config", [EARLY, ADDED], ids=["early", "added"])
@pytest.mark.parametrize("picture", [True, False])
def test_answers_that_share_a_prompt_are_learnt_as_if_alone(tiny_llama, config, picture):
    model = perturbed(AdapterLlama(tiny_llama(), config))
    loss = AnswerLoss(model)
    answers = (answer(7, 8, 9, 2), answer(10, 2), answer(11, 12, 13, 14, 2))
    rows = [Row(0, ((3, 4, 5, 6),), answers, False), Row(1, ((3, 9),), answers[:1], False)]
    seen = features(2) if picture else None
    parameters = train_only(model, model.groups["visual"] | model.groups["language"])

    def gradients(value):
        found = torch.autograd.grad(value, parameters, allow_unused=True)
        return torch.cat(
            [torch.zeros(p.numel()) if g is None else g.flatten() for g, p in zip(found, parameters, strict=True)]
        )

    together, right = loss(pack(rows, [r.prompts[0] for r in rows], seen))
    apart, hits = torch.zeros(()), 0
    for number, one in enumerate(rows):
        for said in one.answers:
            single = replace(one, answers=(said,))
            value, hit = loss(pack([single], single.prompts, None if seen is None else seen[number : number + 1]))
            apart, hits = apart + value, hits + int(hit)
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradients(together), gradients(apart), rtol=1e-3, atol=1e-4)
    assert int(right) == hits


@pytest.mark.parametrize("config", [EARLY, ADDED], ids=["early", "added"])
def test_the_loss_is_that_of_answer_loss(tiny_llama, config):
    model = perturbed(AdapterLlama(tiny_llama(), config))
    rows = [Row(0, ((3, 4, 5),), (answer(7, 8, 2),), False), Row(1, ((6,),), (answer(9, 2),), False)]
    batch = pack(rows, [r.prompts[0] for r in rows], features(2))
    labels = torch.tensor([[-100, -100, -100, 7, 8, 2], [-100, 9, 2, -100, -100, -100]])
    mask = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])
    ids = torch.tensor([[3, 4, 5, 7, 8, 2], [6, 9, 2, 0, 0, 0]])
    expected = model.answer_loss(ids, labels, attention_mask=mask, visual_prompt=model.visual(features(2)))
    summed, _ = AnswerLoss(model)(batch)
    torch.testing.assert_close(summed / 5, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_tokens_loss_and_gradient_are_those_of_torch(smoothing):
    draw = torch.Generator().manual_seed(0)
    hidden = torch.randn(300, 8, generator=draw).requires_grad_()
    weight, targets = torch.randn(50, 8, generator=draw), torch.randint(0, 50, (300,), generator=draw)
    counts = torch.randn(300, generator=draw)
    loss, right = TokenLoss.apply(hidden, weight, targets, counts, smoothing)
    logits = hidden @ weight.T
    expected = counts @ F.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-3)
    (found,) = torch.autograd.grad(3 * loss, hidden)
    (wanted,) = torch.autograd.grad(3 * expected, hidden)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert int(right) == int((logits.argmax(-1) == targets).sum())


def test_the_written_out_norm_and_its_gradients_are_those_of_transformers():
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    draw = torch.Generator().manual_seed(0)
    norm = LlamaRMSNorm(8, eps=1e-3)
    norm.weight.data = torch.randn(8, generator=draw)
    x, told = torch.randn(2, 5, 8, generator=draw).requires_grad_(), torch.randn(2, 5, 8, generator=draw)
    expected, found = norm(x), WrittenOutNorm(norm)(x)
    torch.testing.assert_close(found, expected)
    for one, other in zip(
        torch.autograd.grad(found, (x, norm.weight), told),
        torch.autograd.grad(expected, (x, norm.weight), told),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_prompt_dropout_follows_from_its_seed(tiny_llama):
    loss = AnswerLoss(perturbed(AdapterLlama(tiny_llama(), EARLY)))
    batch = pack([row(3, picture=0)], [(3, 3, 3)], features(1))
    one, same, other = (loss(batch, prompt_dropout=0.5, seed=seed)[0].item() for seed in (1, 1, 2))
    assert one == same != other


def render(question, evidence=(), history=()):
    earlier = "".join(f"Q{asked}A{said}<" for asked, said in history)
    return earlier + "".join(f"{line};" for line in evidence) + f"Q{question}A"


def form():
    """Return a format whose tokens are a text's characters, and `<` the end of an answer."""
    return PromptFormat(lambda text: [ord(letter) for letter in text], text, render, (1,), (ord("<"),))


def text(ids):
    return "".join(chr(i) for i in ids)


def learnt(said):
    """Return a conversation with what is not learnt in brackets."""
    out, start = "", 0
    for place, count in enumerate(said.learnt):
        piece = text(said.ids[start : start + count])
        out += piece if place % 2 == 0 else f"[{piece}]"
        start += count
    return out


def test_a_conversation_reads_as_the_core_renders_it_and_its_answers_are_learnt():
    example = Example("x", None, "one", ("uno",), ("e",), turns=(("two", "dos"), ("three", "tres")))
    (made,), _ = make_rows([example], Source(format="llava"), form(), longest=99, bad=BadRows())
    assert text(made.prompts[0][1:]) == "e;QoneA"
    assert learnt(made.answers[0]) == "uno<[QtwoA]dos<[QthreeA]tres<"


def test_captions_share_rows_as_far_as_they_fit_and_too_long_ones_are_named():
    example = Example("line 7", "a.jpg", "", ("aa", "bb", "cc", "d" * 40))
    bad = BadRows()
    source = Source(format="captions", question="w", questions=("ww",))
    rows, names = make_rows([example], source, form(), longest=14, bad=bad)
    assert names == ["a.jpg"]
    assert [[text(a.ids) for a in r.answers] for r in rows] == [["aa<", "bb<", "cc<"]]
    assert [text(prompt[1:]) for prompt in rows[0].prompts] == ["QwA", "QwwA"]
    assert bad.named == ["line 7: 46 tokens, more than max_tokens=14"]
    rows, _ = make_rows([example], replace_answers(source, 1), form(), longest=99, bad=bad)
    assert [len(r.answers) for r in rows] == [1, 1, 1, 1]


def replace_answers(source, count):
    return source.model_copy(update={"answers": count})
