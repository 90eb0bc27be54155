"""Adapter weights on disk: what is saved comes back, and anything else is refused in one line."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from vqa.adapter_model.checkpoints import load_adapter, mismatches, save_adapter, sees
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.errors import InputError

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
IDS = torch.tensor([[3, 5, 7, 11]])


@pytest.fixture
def trained(tiny_llama):
    """A model whose every adapter parameter has moved, the gates included."""
    model = AdapterLlama(tiny_llama(), CONFIG)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in model.groups["visual"] | model.groups["language"]:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.3)
    return model


def logits(model):
    return model(IDS, visual_prompt=model.visual(torch.ones(1, 6, 12))).logits


def test_a_saved_adapter_on_a_fresh_base_gives_the_same_logits(tiny_llama, trained, tmp_path):
    save_adapter(trained, tmp_path)
    fresh = AdapterLlama(tiny_llama(), AdapterConfig.from_file(tmp_path / "config.json"), seed=9)
    load_adapter(fresh, tmp_path)
    assert torch.equal(logits(fresh), logits(trained))


def test_only_the_adapter_is_saved(trained, tmp_path):
    save_adapter(trained, tmp_path)
    assert load_file(tmp_path / "adapter.safetensors").keys() == trained.groups["visual"] | trained.groups["language"]


def test_one_group_alone_is_saved_and_loads_strictly(tiny_llama, trained, tmp_path):
    save_adapter(trained, tmp_path, groups=("language",))
    assert load_file(tmp_path / "adapter.safetensors").keys() == trained.groups["language"]
    fresh = AdapterLlama(tiny_llama(), CONFIG)
    load_adapter(fresh, tmp_path)
    assert torch.equal(fresh.adapter_query, trained.adapter_query)
    assert not fresh.model.layers[0].self_attn.gate.any()


def test_a_folder_without_weights_is_an_untrained_adapter(tiny_llama, tmp_path):
    (tmp_path / "config.json").write_text(CONFIG.to_json())
    model = AdapterLlama(tiny_llama(), CONFIG)
    before = logits(model)
    load_adapter(model, tmp_path)
    assert torch.equal(logits(model), before)


def test_a_lora_begins_on_what_was_trained_without_and_changes_nothing_yet(tiny_llama, trained, tmp_path):
    save_adapter(trained, tmp_path)
    model = AdapterLlama(tiny_llama(), replace(CONFIG, lora_rank=2))
    load_adapter(model, tmp_path)
    assert torch.equal(logits(model), logits(trained))
    assert model.model.layers[0].mlp.up_proj.lora_a.any()


def test_a_lora_that_is_there_is_not_forgotten(tiny_llama, tmp_path):
    save_adapter(AdapterLlama(tiny_llama(), replace(CONFIG, lora_rank=2)), tmp_path)
    with pytest.raises(InputError, match=r"unexpected: model\.layers\.0\.mlp\.down_proj\.lora_a"):
        load_adapter(AdapterLlama(tiny_llama(), CONFIG), tmp_path)


def test_a_wrong_base_is_refused_as_such(tiny_llama, trained, tmp_path):
    save_adapter(trained, tmp_path)
    other = AdapterLlama(tiny_llama(seed=1), CONFIG)
    with pytest.raises(InputError, match="trained on another base model than the 'tiny' loaded here"):
        load_adapter(other, tmp_path)


def test_the_base_is_known_again_in_a_wider_dtype(tiny_llama):
    narrow = tiny_llama().to(torch.bfloat16)
    wide = tiny_llama().to(torch.bfloat16).float()
    assert AdapterLlama(narrow, CONFIG).fingerprint == AdapterLlama(wide, CONFIG).fingerprint


def test_training_the_norms_leaves_the_fingerprint(tiny_llama, trained):
    assert trained.fingerprint == AdapterLlama(tiny_llama(), CONFIG).fingerprint


def test_every_wrong_name_and_shape_is_reported(tiny_llama, trained, tmp_path):
    save_adapter(trained, tmp_path)
    state = load_file(tmp_path / "adapter.safetensors")
    del state["visual.query"]
    state["model.layers.9.self_attn.gate"] = torch.zeros(1, 4, 1, 1)
    state["adapter_query"] = torch.zeros(2, 3, 64)
    save_file(state, tmp_path / "adapter.safetensors")
    before = logits(model := AdapterLlama(tiny_llama(), CONFIG))
    with pytest.raises(InputError) as caught:
        load_adapter(model, tmp_path)
    message = str(caught.value)
    assert "1 missing: visual.query" in message
    assert "1 unexpected: model.layers.9.self_attn.gate" in message
    assert "1 mis-shaped: adapter_query is (2, 3, 64), expected (2, 4, 64)" in message
    assert torch.equal(logits(model), before)


def test_of_many_wrong_names_some_are_reported():
    report = mismatches({f"layers.{place:03}": torch.zeros(2) for place in range(200)}, {})
    assert report.startswith("200 missing: layers.000, layers.001, ")
    assert report.endswith("layers.007 and 192 more")


def test_equal_names_and_shapes_are_no_mismatch():
    assert mismatches({"a": torch.zeros(2)}, {"a": torch.ones(2)}) == ""


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"\x80\x04" + data, lambda _: b""]
)
def test_a_damaged_file_is_refused(tiny_llama, trained, tmp_path, damage):
    save_adapter(trained, tmp_path)
    file = tmp_path / "adapter.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    for read in (lambda: load_adapter(AdapterLlama(tiny_llama(), CONFIG), tmp_path), lambda: sees(tmp_path)):
        with pytest.raises(InputError, match=r"adapter\.safetensors: damaged"):
            read()


def test_a_folded_adapter_is_not_saved(trained, tmp_path):
    trained.fold()
    with pytest.raises(InputError, match="folded adapter cannot be saved"):
        save_adapter(trained, tmp_path)


@pytest.mark.parametrize(
    ("fusion", "open_layer", "seen"), [("early", 0, True), ("early", 2, False), ("added", 2, True)]
)
def test_an_adapter_sees_when_a_visual_gate_is_open(tiny_llama, tmp_path, fusion, open_layer, seen):
    model = AdapterLlama(tiny_llama(), replace(CONFIG, fusion=fusion))
    save_adapter(model, tmp_path)
    assert not sees(tmp_path)
    with torch.no_grad():
        model.model.layers[open_layer].self_attn.gate[0, 1] = 0.1
    save_adapter(model, tmp_path)
    assert sees(tmp_path) is seen


def test_an_adapter_without_weights_does_not_see(tmp_path):
    (tmp_path / "config.json").write_text(CONFIG.to_json())
    assert not sees(tmp_path)


def test_the_weights_are_as_readable_as_the_config(trained, tmp_path):
    save_adapter(trained, tmp_path)
    assert (tmp_path / "adapter.safetensors").stat().st_mode == (tmp_path / "config.json").stat().st_mode
