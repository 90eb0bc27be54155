"""The adapted model against the base model, against its equations, and against itself in other arrangements."""

import inspect
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from transformers import DynamicCache, LlamaForCausalLM

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.errors import InputError

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
ADDED = replace(EARLY, fusion="added", adapter_layers=2, adapter_len=4)
PLAIN = replace(EARLY, visual_len=0, visual_blocks=0)
INPUT_SCALE = replace(EARLY, tuning="input_scale_bias")
BIAS = replace(ADDED, tuning="bias", tuned_linears=("q_proj", "o_proj", "gate_proj", "up_proj", "down_proj"))
CONFIGS = {"early": EARLY, "added": ADDED, "plain": PLAIN, "input_scale": INPUT_SCALE, "bias": BIAS}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def perturbed(model: AdapterLlama, seed: int = 1) -> AdapterLlama:
    """Move every adapter parameter away from where it started, so that nothing is neutral any more."""
    draw = torch.Generator().manual_seed(seed)
    names = model.groups["visual"] | model.groups["language"]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in names:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.3)
    return model


def batch(rows=(7, 4, 1), *, left: bool, seed: int = 2):
    """Return ids and mask (B, T) for rows of these lengths, and the unpadded rows."""
    draw = torch.Generator().manual_seed(seed)
    texts = [torch.randint(3, 101, (length,), generator=draw) for length in rows]
    longest = max(rows)
    sides = [(longest - n, 0) if left else (0, longest - n) for n in rows]
    ids = torch.stack([F.pad(text, side) for text, side in zip(texts, sides, strict=True)])
    mask = torch.stack([F.pad(torch.ones_like(text), side) for text, side in zip(texts, sides, strict=True)])
    return ids, mask, texts


def features(rows: int, seed: int = 3) -> torch.Tensor:
    return torch.randn(rows, 6, 12, generator=torch.Generator().manual_seed(seed))


@every_config
@pytest.mark.parametrize("left", [True, False], ids=["left", "right"])
@pytest.mark.parametrize("picture", [True, False])
def test_an_untrained_adapter_equals_the_base_model_with_padding(tiny_llama, config, left, picture):
    ids, mask, _ = batch(left=left)
    expected = tiny_llama()(ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)).logits
    model = AdapterLlama(tiny_llama(), config)
    prompt = model.visual(features(3)) if picture else None
    found = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)


@every_config
@pytest.mark.parametrize("left", [True, False], ids=["left", "right"])
def test_a_batch_row_equals_the_same_row_alone(tiny_llama, config, left):
    model = perturbed(AdapterLlama(tiny_llama(), config))
    ids, mask, texts = batch(left=left)
    prompt = model.visual(features(3))
    together = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    for row, text in enumerate(texts):
        alone = model(text[None], visual_prompt=prompt[row : row + 1]).logits[0]
        torch.testing.assert_close(together[row][mask[row].bool()], alone, atol=1e-4, rtol=1e-4)


@every_config
def test_decoding_with_a_cache_equals_reading_all_at_once(tiny_llama, config):
    model = perturbed(AdapterLlama(tiny_llama(), config))
    ids, mask, _ = batch(left=True)
    prompt = model.visual(features(3))
    whole = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    adapter = model.adapter_keys_values(prompt)
    named = inspect.signature(LlamaForCausalLM.forward).parameters  # newer versions call it "cache"
    cache = {"cache" if "cache" in named else "past_key_values": DynamicCache()}
    steps = []
    for start, stop in pairwise((0, *range(5, ids.shape[1] + 1))):
        out = model(ids[:, start:stop], attention_mask=mask[:, :stop], adapter=adapter, use_cache=True, **cache)
        steps.append(out.logits)
    found = torch.cat(steps, dim=1)
    torch.testing.assert_close(found[mask.bool()], whole[mask.bool()], atol=1e-4, rtol=1e-4)


@every_config
def test_the_logits_are_those_of_the_equations(tiny_llama, config):
    """Recomputed position by position in plain torch, written from the papers' equations, sharing no model code."""
    model = perturbed(AdapterLlama(tiny_llama(), config))
    ids, patches = batch(rows=(6,), left=True)[0][0], features(1)[0]
    found = model(ids[None], visual_prompt=model.visual(patches[None])).logits[0]
    expected = by_hand(dict(model.named_parameters()), config, ids, patches)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def by_hand(weights, config, ids, patches, *, layers=3, heads=4, kv_heads=2, width=64):
    size = width // heads

    def norm(x, name):
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * weights[name]

    def linear(x, name):
        matrix, bias = weights[f"{name}.weight"], weights.get(f"{name}.bias", 0.0)
        scale = weights.get(f"{name}.scale", torch.ones(()))
        if config.tuning == "input_scale_bias":
            return (x * scale) @ matrix.T + bias  # 65B chat code
        return scale * (x @ matrix.T + bias)  # eq. 1

    def layer_norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def affine(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def rotate(x, position):  # RoPE: the pair (j, j + size / 2) turns by position / 10000^(2 j / size)
        out = x.clone()
        for j in range(size // 2):
            angle = position / 10000 ** (2 * j / size)
            a, b = x[j], x[j + size // 2]
            out[j] = a * math.cos(angle) - b * math.sin(angle)
            out[j + size // 2] = b * math.cos(angle) + a * math.sin(angle)
        return out

    def attend(query, keys, values):
        scores = torch.stack([(query * key).sum() for key in keys]) / math.sqrt(size)
        return sum(p * value for p, value in zip(scores.softmax(0), values, strict=True))

    def see():
        x = layer_norm(affine(patches, "visual.patch_proj"), "visual.patch_norm")
        x = torch.cat([weights["visual.query"], x]) if config.visual_len else x
        for i in range(config.visual_blocks):
            name, part = f"visual.blocks.{i}", config.visual_width // config.visual_heads
            q, k, v = affine(layer_norm(x, f"{name}.norm1"), f"{name}.qkv").chunk(3, dim=-1)
            mixed = []
            for h in range(config.visual_heads):
                cut = slice(h * part, (h + 1) * part)
                mixed.append((q[:, cut] @ k[:, cut].T / math.sqrt(part)).softmax(-1) @ v[:, cut])
            x = x + affine(torch.cat(mixed, dim=-1), f"{name}.proj")
            hidden = affine(layer_norm(x, f"{name}.norm2"), f"{name}.fc1")
            hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
            x = x + affine(hidden, f"{name}.fc2")
        x = x[: config.visual_len] if config.visual_len else x
        return layer_norm(affine(x, "visual.out_proj"), "visual.out_norm")

    seen = see()
    first_static = layers - config.adapter_layers
    x = weights["model.embed_tokens.weight"][ids]
    for i in range(layers):
        name = f"model.layers.{i}"
        static = weights["adapter_query"][i - first_static] if i >= first_static else None
        if config.fusion == "added":
            prompt = None if static is None else static + seen
        else:
            prompt = seen if i < config.early_layers else static
        normed = norm(x, f"{name}.input_layernorm.weight")
        q, k, v = (linear(normed, f"{name}.self_attn.{p}_proj") for p in "qkv")
        if prompt is not None:
            ak, av = (linear(prompt, f"{name}.self_attn.{p}_proj") for p in "kv")
        rows = []
        for t in range(len(ids)):
            out = []
            for h in range(heads):
                mine, theirs = slice(h * size, (h + 1) * size), h // (heads // kv_heads)
                shared = slice(theirs * size, (theirs + 1) * size)
                query = rotate(q[t, mine], t)
                head = attend(query, [rotate(k[s, shared], s) for s in range(t + 1)], v[: t + 1, shared])
                if prompt is not None:
                    gate = weights[f"{name}.self_attn.gate"][0, h, 0, 0]
                    head = head + torch.tanh(gate) * attend(query, ak[:, shared], av[:, shared])
                out.append(head)
            rows.append(torch.cat(out))
        x = x + linear(torch.stack(rows), f"{name}.self_attn.o_proj")
        normed = norm(x, f"{name}.post_attention_layernorm.weight")
        gated = linear(normed, f"{name}.mlp.gate_proj")
        gated = gated * torch.sigmoid(gated) * linear(normed, f"{name}.mlp.up_proj")
        x = x + linear(gated, f"{name}.mlp.down_proj")
    return norm(x, "model.norm.weight") @ weights["lm_head.weight"].T


@every_config
def test_a_folded_adapter_equals_an_unfolded_one(tiny_llama, config):
    model = perturbed(AdapterLlama(tiny_llama(), config))
    ids, mask, _ = batch(left=True)
    prompt = model.visual(features(3))
    unfolded = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    model.fold()
    assert not [name for name, _ in model.named_parameters() if name.endswith(".scale")]
    folded = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    torch.testing.assert_close(folded, unfolded, atol=1e-4, rtol=1e-4)


def test_a_folded_bfloat16_adapter_is_near_float32(tiny_llama):
    ids, mask, _ = batch(left=True)
    logits = []
    for dtype in (torch.float32, torch.bfloat16):
        model = perturbed(AdapterLlama(tiny_llama(initializer_range=0.05).to(dtype), EARLY), seed=1)
        model.fold()
        logits.append(model(ids, attention_mask=mask, visual_prompt=model.visual(features(3))).logits)
    assert logits[1].dtype == torch.bfloat16
    error = (logits[1].float() - logits[0])[mask.bool()].abs().max()
    assert error < 0.05 * logits[0].abs().max()


def test_open_gates_let_the_picture_change_the_answer(tiny_llama):
    model = perturbed(AdapterLlama(tiny_llama(), EARLY))
    ids = batch(rows=(6,), left=True)[0]
    one, other = (model(ids, visual_prompt=model.visual(features(1, seed))).logits for seed in (3, 4))
    assert (one - other).abs().max() > 1e-3


def test_closed_layers_are_left_out_only_where_no_gradient_is_wanted(tiny_llama):
    model = AdapterLlama(tiny_llama(), EARLY)
    assert [entry is None for entry in model.adapter_keys_values()] == [True, False, False]
    with torch.inference_mode():
        assert model.adapter_keys_values() == (None, None, None)


def test_generate_of_transformers_takes_the_visual_prompt(tiny_llama):
    model = perturbed(AdapterLlama(tiny_llama(), EARLY))
    ids, mask, _ = batch(rows=(6, 6), left=True)
    prompt = model.visual(features(2))
    expected = ids
    for _ in range(4):
        grown = torch.ones_like(expected)
        logits = model(expected, attention_mask=grown, visual_prompt=prompt).logits
        expected = torch.cat([expected, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    found = model.generate(
        ids, attention_mask=mask, visual_prompt=prompt, max_new_tokens=4, do_sample=False, eos_token_id=None
    )
    assert found.tolist() == expected.tolist()


@every_config
@pytest.mark.parametrize("group", ["visual", "language"])
def test_two_training_steps_in_a_row_change_exactly_the_group(tiny_llama, config, group):
    model = perturbed(AdapterLlama(tiny_llama(), config)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(train_only(model, model.groups[group]), lr=1.0)
    ids, mask, _ = batch(left=False)
    labels = ids.masked_fill(mask == 0, -100)
    for _ in range(2):
        optimizer.zero_grad()
        prompt = model.visual(features(3))
        model.answer_loss(ids, labels, attention_mask=mask, visual_prompt=prompt).backward()
        optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == model.groups[group]


def test_answer_loss_equals_the_loss_of_transformers_with_right_padding(tiny_llama):
    model = perturbed(AdapterLlama(tiny_llama(), EARLY))
    ids, mask, _ = batch(rows=(7, 5), left=False)
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :3] = -100
    expected = model(ids, attention_mask=mask, labels=labels).loss
    torch.testing.assert_close(model.answer_loss(ids, labels, attention_mask=mask), expected)


def test_the_start_depends_on_the_seed_alone(tiny_llama):
    torch.manual_seed(5)
    one = AdapterLlama(tiny_llama(), EARLY)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)  # building one leaves the global generator alone
    other = AdapterLlama(tiny_llama(), EARLY, seed=1)
    assert torch.equal(one.adapter_query, AdapterLlama(tiny_llama(), EARLY).adapter_query)
    assert not torch.equal(one.adapter_query, other.adapter_query)


def test_an_adapter_for_more_layers_than_there_are_is_refused(tiny_llama):
    with pytest.raises(InputError, match="the base model has 3"):
        AdapterLlama(tiny_llama(), replace(EARLY, adapter_layers=3))


VARIANTS = {
    "llama 3": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        },
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
    },
    "biased": {"attention_bias": True, "mlp_bias": True},
    "other head width": {"head_dim": 8},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("config", [EARLY, replace(BIAS, lora_rank=2, new_gate=True)], ids=["paper", "released"])
def test_on_newer_llamas_an_untrained_adapter_changes_nothing_and_folding_keeps_a_trained_one(
    tiny_llama, config, variant
):
    ids, mask, _ = batch(rows=(7, 4), left=True)
    base = tiny_llama(**variant)
    with torch.no_grad():  # transformers starts biases at zero, where they could be lost unseen
        for name, parameter in base.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(generator=torch.Generator().manual_seed(4))
    expected = base(ids, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)).logits
    model = AdapterLlama(base, config)
    prompt = model.visual(features(2))
    found = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)
    perturbed(model)
    prompt = model.visual(features(2))
    unfolded = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    assert (unfolded - found)[mask.bool()].abs().max() > 1e-2
    model.fold()
    folded = model(ids, attention_mask=mask, visual_prompt=prompt).logits
    torch.testing.assert_close(folded[mask.bool()], unfolded[mask.bool()], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("tuning", ["none", "scale_bias", "input_scale_bias"])
def test_lora_folds_with_every_tuning_and_stays_off_the_prompts(tiny_llama, tuning):
    """The reference: a LoRA changes W of every linear, and the prompts' keys and values come from the W before."""
    model = perturbed(AdapterLlama(tiny_llama(), replace(EARLY, tuning=tuning, lora_rank=2)))
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    attention = model.model.layers[1].self_attn
    for linear in (attention.k_proj, model.model.layers[1].mlp.up_proj):
        scale = getattr(linear, "scale", torch.ones(()))
        bias = 0 if linear.bias is None else linear.bias
        expected = []
        for weight in (linear.weight + linear.lora_b @ linear.lora_a, linear.weight):
            inside = tuning == "input_scale_bias"
            expected.append((x * scale) @ weight.T + bias if inside else scale * (x @ weight.T + bias))
        assert (expected[0] - expected[1]).abs().max() > 1e-2
        for either in (linear, linear.fold()):
            torch.testing.assert_close(either(x), expected[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(either.without_lora(x), expected[1], atol=1e-4, rtol=1e-4)
    keys = model.adapter_keys_values()[1][0]
    plain = attention.k_proj.without_lora(model.adapter_query[:1]).view(1, 5, 2, 16).transpose(1, 2)
    torch.testing.assert_close(keys, plain.repeat_interleave(2, dim=1))
