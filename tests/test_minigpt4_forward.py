"""MiniGPT-4's forward pass against one computed by hand, from the tensors on disk and the papers' formulas."""

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import Blip2ForConditionalGeneration

from vqa.adapter_model.blip2 import load_blip2
from vqa.adapter_model.checkpoints import install
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.minigpt4_official import translate_minigpt4
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.slots import SLOT
from vqa.errors import InputError

pytestmark = pytest.mark.usefixtures("one_thread")


def projection(width=48):
    draw = torch.Generator().manual_seed(5)
    return {
        "llama_proj.weight": torch.randn(width, 24, generator=draw) * 0.3,
        "llama_proj.bias": torch.randn(width, generator=draw) * 0.3,
    }


def attended(query, key, value, heads):
    """Attention (arXiv 1706.03762, eq. 1) of (T, C) on (S, C)."""
    split = [x.reshape(len(x), heads, -1).transpose(0, 1) for x in (query, key, value)]
    weights = (split[0] @ split[1].mT / math.sqrt(split[0].shape[-1])).softmax(-1)
    return (weights @ split[2]).transpose(0, 1).flatten(1)


def vit(state, pixels, *, heads=4, layers=2):
    """EVA-ViT: pre-norm blocks, one bias for queries, keys and values; (3, 28, 28) to (5, 32)."""

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    corners = [pixels[:, y : y + 14, x : x + 14].flatten() for y in (0, 14) for x in (0, 14)]
    kernel = state["embeddings.patch_embedding.weight"].flatten(1)
    patches = torch.stack(corners) @ kernel.T + state["embeddings.patch_embedding.bias"]
    x = torch.cat([state["embeddings.class_embedding"][0], patches]) + state["embeddings.position_embedding"][0]
    for place in range(layers):
        at = f"encoder.layers.{place}"
        parts = linear(f"{at}.self_attn.qkv", norm(f"{at}.layer_norm1", x)).chunk(3, dim=-1)
        x = x + linear(f"{at}.self_attn.projection", attended(*parts, heads))
        x = x + linear(f"{at}.mlp.fc2", F.gelu(linear(f"{at}.mlp.fc1", norm(f"{at}.layer_norm2", x))))
    return norm("post_layernorm", x)


def qformer(state, queries, seen, *, heads=3, layers=2):
    """BLIP-2's Q-Former: BERT's post-norm blocks, every second one also looking at the picture; (3, 24) to the same."""

    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-12)

    def linear(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def attention(at, x, other):
        parts = (linear(f"{at}.attention.{name}", y) for name, y in (("query", x), ("key", other), ("value", other)))
        return norm(f"{at}.output.LayerNorm", x + linear(f"{at}.output.dense", attended(*parts, heads)))

    x = norm("layernorm", queries)
    for place in range(layers):
        at = f"encoder.layer.{place}"
        x = attention(f"{at}.attention", x, x)
        if place % 2 == 0:
            x = attention(f"{at}.crossattention", x, seen)
        inner = F.gelu(linear(f"{at}.intermediate_query.dense", x))
        x = norm(f"{at}.output_query.LayerNorm", x + linear(f"{at}.output_query.dense", inner))
    return x


def part(module, prefix):
    return {name.removeprefix(prefix): t for name, t in module.state_dict().items() if name.startswith(prefix)}


def by_hand(blip2, base, pixels, ids):
    """The logits after one prompt, (T, V): vectors made by hand, put where the slots are, read by the bare LLaMA."""
    whole = Blip2ForConditionalGeneration.from_pretrained(blip2)
    seen = vit(part(whole, "vision_model."), pixels)
    answered = qformer(part(whole, "qformer."), whole.query_tokens[0], seen)
    weights = projection()
    vectors = iter(answered @ weights["llama_proj.weight"].T + weights["llama_proj.bias"])
    rows = [next(vectors) if token == SLOT else base.model.embed_tokens.weight[token] for token in ids]
    return base(inputs_embeds=torch.stack(rows)[None]).logits[0]


@torch.no_grad()
def test_logits_equal_an_independent_recomputation_in_batches_padded_on_either_side(blip2, tiny_llama):
    bare, base = (tiny_llama(hidden_size=48, vocab_size=101) for _ in range(2))
    config, weights, _ = translate_minigpt4({"model": projection()}, base_model="tiny", hidden=48)
    config = AdapterConfig(**{**vars(config), "visual_len": 3})
    model = AdapterLlama(base, config).eval()
    install(model, weights, ("visual",))
    pixels = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(3))
    vectors = model.visual(load_blip2(str(blip2), offline=True)(pixels))  # (2, 3, 48)
    prompts = [[1, 9, SLOT, SLOT, SLOT, 33, 65, 12], [1, SLOT, SLOT, SLOT, 80]]
    expected = [by_hand(blip2, bare, *row) for row in zip(pixels, prompts, strict=True)]
    for left in (True, False):
        padding = [[0] * (8 - len(ids)) for ids in prompts]
        padded = [[*p, *ids] if left else [*ids, *p] for p, ids in zip(padding, prompts, strict=True)]
        mask = [[0] * len(p) + [1] * len(ids) for p, ids in zip(padding, prompts, strict=True)]
        mask = torch.tensor(mask if left else [row[::-1] for row in mask])
        logits = model(torch.tensor(padded), attention_mask=mask, visual_prompt=vectors).logits
        for row, wanted in enumerate(expected):
            torch.testing.assert_close(logits[row, mask[row] == 1], wanted, atol=1e-4, rtol=0)
    model.fold()
    with torch.inference_mode():
        _, following = Engine(model).read(prompts, model.adapter_keys_values(vectors), room=2, vectors=vectors)
    torch.testing.assert_close(following, torch.stack([wanted[-1] for wanted in expected]), atol=1e-4, rtol=0)


def test_as_many_slots_as_vectors_or_one_line_says_so(tiny_llama):
    config, _, _ = translate_minigpt4({"model": projection(width=64)}, base_model="tiny")
    model = AdapterLlama(tiny_llama(), config)
    with pytest.raises(InputError, match="the picture became 2 vectors, the prompt has places for 1"):
        model(torch.tensor([[1, SLOT, 4]]), visual_prompt=torch.zeros(1, 2, 64))
    with pytest.raises(InputError, match="the picture became 0 vectors, the prompt has places for 1"):
        model.embedded(torch.tensor([[1, SLOT, 4]]))


def test_a_folder_that_is_no_blip2_is_named(tiny_llama, blip2, tmp_path):
    tiny_llama().save_pretrained(tmp_path / "llama")
    with pytest.raises(InputError, match=r"llama: a model of type 'llama'; expected 'blip-2'"):
        load_blip2(str(tmp_path / "llama"), offline=True)
    assert (blip2 / "model.safetensors.index.json").is_file()  # it is read from several files above
    with pytest.raises(InputError, match=r"the BLIP-2 there cannot be read"):
        load_blip2(str(tmp_path), offline=True)
    with pytest.raises(InputError, match=r"vision='blip2:no/such/folder'"):
        load_blip2("no/such/folder", offline=True)
