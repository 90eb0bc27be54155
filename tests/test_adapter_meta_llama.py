"""A LLaMA in Meta's format: the same model as in transformers', or refused in one line."""

import json

import pytest
import torch

from vqa.adapter_model.base_model import special_ids
from vqa.adapter_model.meta_llama import LINEARS, NORMS
from vqa.adapter_model.transformers_base import load_base
from vqa.errors import InputError

OPTIONS = {"dtype": torch.float32, "device": torch.device("cpu")}


@pytest.fixture
def model(tiny_llama):
    return tiny_llama()


@pytest.fixture
def folder(model, tmp_path):
    """The model as Meta would have published it: rows of a head's halves (j, j + 8) back at (2j, 2j + 1)."""
    theirs = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = {
        "tok_embeddings.weight": theirs["model.embed_tokens.weight"],
        "norm.weight": theirs["model.norm.weight"],
        "output.weight": theirs["lm_head.weight"],
    }
    for layer in range(3):
        for meta, name in (LINEARS | NORMS).items():
            tensor = theirs[f"model.layers.{layer}.{name}.weight"]
            if meta in ("attention.wq", "attention.wk"):
                order = [
                    head * 16 + j + half * 8 for head in range(len(tensor) // 16) for j in range(8) for half in (0, 1)
                ]
                tensor = tensor[order]
            state[f"layers.{layer}.{meta}.weight"] = tensor
    state["rope.freqs"] = torch.zeros(8)  # in Meta's files; computed here
    torch.save(state, tmp_path / "consolidated.00.pth")
    params = {"dim": 64, "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-6, "vocab_size": -1}
    (tmp_path / "params.json").write_text(json.dumps(params))
    return tmp_path


def edit(folder, change):
    state = torch.load(folder / "consolidated.00.pth")
    change(state)
    torch.save(state, folder / "consolidated.00.pth")


def test_it_is_the_same_model_with_grouped_query_attention(model, folder):
    ids = torch.tensor([[1, 5, 9, 70, 2]])
    loaded = load_base(folder, **OPTIONS)[0]
    assert torch.equal(loaded(ids).logits, model(ids).logits)
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert special_ids(folder) == ((1,), frozenset({2}))


def test_its_fingerprint_is_that_of_the_other_format(model, folder, tmp_path):
    model.save_pretrained(tmp_path / "hf")
    assert load_base(folder, **OPTIONS)[1] == load_base(tmp_path / "hf", **OPTIONS)[1]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "consolidated.01.pth").touch(), "split over several files"),
        (lambda f: edit(f, lambda s: s.pop("layers.1.attention.wo.weight")), r"1 missing: layers\.1\.attention\.wo"),
        (lambda f: edit(f, lambda s: s.pop("layers.0.attention.wq.weight")), "cannot be read"),
        (
            lambda f: edit(f, lambda s: s.update({"norm.weight": torch.ones(5)})),
            r"norm\.weight is \(5,\), the config means \(64,\)",
        ),
        (lambda f: (f / "params.json").write_text("{"), "is not a LLaMA's"),
        (lambda f: (f / "params.json").write_text('{"dim": 64}'), "is not a LLaMA's"),
        (lambda f: (f / "consolidated.00.pth").write_bytes(b"PK\x03\x04"), "damaged"),
    ],
    ids=["split", "missing", "first missing", "mis-shaped", "no JSON", "no params", "truncated"],
)
def test_what_is_not_whole_is_refused_in_one_line(folder, spoil, words):
    spoil(folder)
    with pytest.raises(InputError, match=words) as caught:
        load_base(folder, **OPTIONS)
    assert "\n" not in str(caught.value)
