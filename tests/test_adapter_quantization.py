"""A base model in 8 or 4 bits: near the whole one, the adapter beside it, or refused in one line."""

import sys

import pytest
import torch

from vqa.adapter_model.checkpoints import save_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.loading import load_for_answering
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.quantization import unavailable
from vqa.errors import InputError, ModelUnavailable
from vqa.registry import cores
from vqa.settings import Settings

PROMPT = [5, 9, 17, 33, 65, 12, 90]


@pytest.fixture
def folder(tiny_llama, tmp_path):
    """A base with biases of its own, and an adapter with every kind of tuning that has moved from where it started."""
    base = tiny_llama(attention_bias=True, intermediate_size=128)  # bitsandbytes packs by 64
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(generator=torch.Generator().manual_seed(4))
    base.save_pretrained(tmp_path / "base")
    config = AdapterConfig(
        base_model="tiny",
        adapter_layers=2,
        lora_rank=2,
        vision_width=12,
        visual_width=16,
        visual_blocks=1,
        visual_heads=2,
    )
    model = AdapterLlama(base, config)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in sorted(model.groups["visual"] | model.groups["language"]):  # a set has its own order
            parameter = model.get_parameter(name)
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
    save_adapter(model, tmp_path / "adapter")
    return tmp_path


def settings(folder, quantization, **changes):
    flags = {"dtype": "float32", "device": "cpu", "offline": True, "base_model": str(folder / "base"), **changes}
    return Settings(adapter=str(folder / "adapter"), quantization=quantization, **flags)


def loaded(folder, quantization):
    return load_for_answering(settings(folder, quantization), folder / "adapter", base_model=str(folder / "base"))


@torch.inference_mode()
def logits(model):
    return Engine(model).read([PROMPT], model.adapter_keys_values(), room=1)[1]


@pytest.mark.parametrize(("quantization", "bits", "error"), [("8bit", 8, 0.05), ("4bit", 4, 0.5)])
def test_in_fewer_bits_it_is_near_the_whole_one(folder, quantization, bits, error):
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (pip install bitsandbytes)")
    whole, smaller = loaded(folder, "none"), loaded(folder, quantization)
    q_proj = smaller.model.layers[0].self_attn.q_proj
    assert sum(p.nbytes for p in q_proj.inner.parameters()) == 64 * 64 * bits // 8
    found, expected = logits(smaller), logits(whole)
    assert 0 < (found - expected).norm() / expected.norm() < error
    with torch.inference_mode():  # and the engine runs these linears as transformers does
        theirs = smaller(torch.tensor([PROMPT]), adapter=smaller.adapter_keys_values()).logits[:, -1]
    torch.testing.assert_close(found, theirs.float(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("quantization", ["8bit", "4bit"])
def test_without_the_package_the_core_says_what_to_install(folder, quantization, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    expected = f"quantization='{quantization}' needs a package that is not here: run `pip install bitsandbytes`"
    assert unavailable(quantization) == expected
    assert cores.get("llama-adapter").from_settings(settings(folder, quantization)).available() == expected
    with pytest.raises(ModelUnavailable, match="pip install bitsandbytes"):
        loaded(folder, quantization)


def test_another_number_of_bits_is_refused(folder):
    with pytest.raises(InputError, match="quantization='2bit': expected none, 8bit, 4bit"):
        loaded(folder, "2bit")
