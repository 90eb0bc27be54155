"""A LLaMA's weights without transformers: the same sizes, rotations and logits as with it."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from vqa.adapter_model.adapted import Adapted
from vqa.adapter_model.base_model import base_fingerprint, load_weights, open_base
from vqa.adapter_model.checkpoints import save_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.llama import LlamaSizes
from vqa.adapter_model.loading import load_for_answering
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.rope import rotary
from vqa.errors import InputError
from vqa.settings import Settings

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
PROMPTS = [[5, 9, 17, 33, 65, 12, 90], [80, 41, 3], [7]]
CPU = torch.device("cpu")
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
SPELLINGS = {
    "new": {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
    "old": {"rope_theta": 5e5, "rope_scaling": None, "num_key_value_heads": None},
    "old linear": {"rope_scaling": {"type": "linear", "factor": 2.0}},
    "old llama3": {"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", **LLAMA3}},
    "llama3": {"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, **LLAMA3}},
    "llama3 without its length": {
        "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    },
    "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}},
    "dynamic": {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 64},
    "few heads": {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 24, "rope_theta": 10_000},
    "nothing": {},
}
every_spelling = pytest.mark.parametrize("config", SPELLINGS.values(), ids=SPELLINGS)


@every_spelling
def test_sizes_are_what_transformers_reads_in_the_same_file(config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama", **config}))
    theirs, sizes = LlamaConfig.from_pretrained(tmp_path), LlamaSizes.from_dict(json.loads(path.read_text()))
    for name, value in sizes.to_dict().items():
        if name != "rope_parameters":
            assert value == getattr(theirs, name), name


@every_spelling
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rotations_are_those_of_transformers(config, dtype):
    theirs = LlamaRotaryEmbedding(LlamaConfig(**config))
    ours = rotary(LlamaSizes.from_dict(config), CPU)
    x, positions = torch.zeros(1, dtype=dtype), torch.stack([torch.arange(200), torch.arange(200).clamp(max=7)])
    for found, expected in zip(ours(x, positions), theirs(x, positions), strict=True):
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=torch.finfo(dtype).eps)


@pytest.mark.parametrize(
    "base",
    [
        {},
        {"tie_word_embeddings": True, "num_key_value_heads": 1},
        {"attention_bias": True, "mlp_bias": True, "hidden_act": "gelu"},
        {"head_dim": 32, "rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, **LLAMA3}},
    ],
    ids=["grouped", "tied", "biased", "llama3"],
)
@pytest.mark.parametrize("shards", ["10GB", "40kB"], ids=["one file", "shards"])
@torch.inference_mode()
def test_an_engine_on_the_files_alone_computes_what_transformers_does(tiny_llama, tmp_path, base, shards):
    model = saved(tiny_llama(**base), tmp_path, shards)
    settings = Settings(dtype="float32", device="cpu", base_model=str(tmp_path / "base"))
    folded = load_for_answering(settings, tmp_path / "adapter", base_model=settings.base_model)
    assert type(folded) is Adapted
    patches = torch.randn(3, 6, 12, generator=torch.Generator().manual_seed(0))
    theirs = model.adapter_keys_values(model.visual(patches))
    rows, found = Engine(folded).read(PROMPTS, folded.adapter_keys_values(folded.visual(patches)), room=1)
    for row, ids in enumerate(PROMPTS):
        own = tuple(pair and tuple(part if len(part) == 1 else part[[row]] for part in pair) for pair in theirs)
        expected = model(torch.tensor([ids]), adapter=own).logits[0, -1]
        assert (found[row] - expected).abs().max() < 1e-4
    assert rows.used == 7


def test_the_weights_are_the_same_model_as_in_transformers(tiny_llama, tmp_path):
    base = tiny_llama()
    base.save_pretrained(tmp_path)
    opened = open_base(tmp_path)
    weights = load_weights(opened, dtype=torch.float32, device=CPU)
    assert opened.fingerprint == base_fingerprint(weights) == base_fingerprint(base)
    expected = base.state_dict()
    assert {name: tensor.tolist() for name, tensor in weights.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in expected.items()
    }
    assert not any(parameter.requires_grad for parameter in weights.parameters())


def test_a_base_that_lacks_tensors_or_has_other_shapes_is_refused(tiny_llama, tmp_path):
    from safetensors.torch import load_file, save_file

    tiny_llama().save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    norm = state.pop("model.norm.weight")
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"1 missing: model\.norm\.weight"):
        load_weights(open_base(tmp_path), dtype=torch.float32, device=CPU)
    save_file({**state, "model.norm.weight": norm[:5]}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.norm\.weight is \(5,\), the config means \(64,\)"):
        load_weights(open_base(tmp_path), dtype=torch.float32, device=CPU)


def test_answering_imports_neither_transformers_nor_torchs_compiler(tiny_llama, tmp_path):
    saved(tiny_llama(), tmp_path)
    program = """
import sys
from pathlib import Path
import torch
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.loading import load_for_answering
from vqa.settings import Settings
from vqa.values import GenerationOptions
base, adapter = sys.argv[1:]
model = load_for_answering(Settings(dtype="bfloat16", device="cpu"), Path(adapter), base_model=base)
options = GenerationOptions(max_new_tokens=2)
keys_values = model.adapter_keys_values(model.visual(torch.zeros(1, 6, 12)))
steps = decode(Engine(model, weights="compact"), [[5, 6, 7]], keys_values, options, stop_ids=frozenset())
assert len(list(steps)) == 2
print(*{"transformers", "torchvision", "torch._dynamo", "sympy"} & set(sys.modules))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "base"), str(tmp_path / "adapter")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def saved(base, folder, shards="10GB"):
    """Write a base and an adapter for it to `folder`; return the two as one model, the adapter moved and open."""
    base.save_pretrained(folder / "base", max_shard_size=shards)
    model = AdapterLlama(base, CONFIG)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in sorted(model.groups["visual"] | model.groups["language"]):  # a set has its own order
            parameter = model.get_parameter(name)
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
        for layer in model.model.layers:
            layer.self_attn.gate.fill_(0.7)
    save_adapter(model, folder / "adapter")
    return model
