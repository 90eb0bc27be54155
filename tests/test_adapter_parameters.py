"""Which parameters are trained: the exact names of each variant, and how many there are on LLaMA-7B."""

from dataclasses import replace

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama

EARLY = AdapterConfig(
    base_model="tiny",
    fusion="early",
    early_layers=1,
    adapter_layers=2,
    adapter_len=5,
    visual_len=4,
    vision_width=12,
    visual_width=16,
    visual_blocks=2,
    visual_heads=2,
)
PLAIN = replace(EARLY, visual_len=0, visual_blocks=0)
RELEASED = replace(
    EARLY,
    fusion="added",
    adapter_len=4,
    visual_blocks=1,
    tuning="bias",
    tuned_linears=("q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
)
LINEARS = ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down")


def language_names(linears=LINEARS, kinds=("bias", "scale")) -> set[str]:
    names = {f"model.layers.{i}.{linear}_proj.{kind}" for i in range(3) for linear in linears for kind in kinds}
    names |= {f"model.layers.{i}.{norm}_layernorm.weight" for i in range(3) for norm in ("input", "post_attention")}
    return names | {"model.norm.weight"}


def test_trainable_names_of_early_fusion_are_exactly_these(tiny_llama):
    groups = AdapterLlama(tiny_llama(), PLAIN).groups
    static = {"adapter_query", "model.layers.1.self_attn.gate", "model.layers.2.self_attn.gate"}
    assert groups["language"] == language_names() | static
    ends = ("patch_proj.weight", "patch_proj.bias", "patch_norm.weight", "patch_norm.bias")
    ends += ("out_proj.weight", "out_proj.bias", "out_norm.weight", "out_norm.bias")
    assert groups["visual"] == {"model.layers.0.self_attn.gate"} | {f"visual.{end}" for end in ends}


def test_trainable_names_of_the_released_variant_are_exactly_these(tiny_llama):
    groups = AdapterLlama(tiny_llama(), RELEASED).groups
    assert groups["language"] == language_names((LINEARS[0], *LINEARS[3:]), ("bias",))
    inside = [f"blocks.0.{part}" for part in ("norm1", "qkv", "proj", "norm2", "fc1", "fc2")]
    parts = ["patch_proj", "patch_norm", *inside, "out_proj", "out_norm"]
    ends = ["query", *(f"{part}.{kind}" for part in parts for kind in ("weight", "bias"))]
    gates = {f"model.layers.{i}.self_attn.gate" for i in (1, 2)}
    assert groups["visual"] == {"adapter_query"} | gates | {f"visual.{end}" for end in ends}


def test_nothing_tuned_leaves_the_prompts_alone(tiny_llama):
    groups = AdapterLlama(tiny_llama(), replace(EARLY, tuning="none", norm_tuning=False)).groups
    gates = {f"model.layers.{i}.self_attn.gate" for i in (1, 2)}
    assert groups["language"] == {"adapter_query"} | gates


def test_eq_1_has_2_719_744_parameters_on_llama_7b():
    with torch.device("meta"):
        base = LlamaForCausalLM(LlamaConfig())
        assert (base.config.hidden_size, base.config.num_hidden_layers, base.config.intermediate_size) == (
            4096,
            32,
            11008,
        )
        model = AdapterLlama(base, AdapterConfig(base_model="llama-7b"), fingerprint="unread")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    tuned = [size for name, size in sizes.items() if name.endswith((".bias", ".scale")) and name.startswith("model.")]
    assert sum(tuned) == 2_719_744
    assert sum(sizes[name] for name in model.groups["language"]) == 2_985_984 + sizes["adapter_query"]
