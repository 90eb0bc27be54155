"""The released checkpoints: loaded whole they compute what the released equations say; anything else is refused."""

import json
import math
import re
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from vqa.adapter_model.base_model import base_fingerprint
from vqa.adapter_model.meta_llama import LINEARS
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.official import from_official, translate
from vqa.adapter_model.official_names import Llama, multimodal_entries
from vqa.adapter_model.presets import preset
from vqa.adapter_model.transformers_base import load_base
from vqa.errors import InputError

WIDTH, LAYERS, HEADS, INNER, VOCAB = 32, 3, 4, 48, 61
QUERIES, PATCHES, PATCH_WIDTH, VISUAL_WIDTH, BLOCKS, VISUAL_HEADS, RANK = 3, 5, 12, 16, 2, 4, 2
BIASED = ("attention.wq", "attention.wo", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3")
KINDS = {"BIAS": (True, False), "LORA-BIAS": (True, True), "CAPTION": (False, False)}
every_kind = pytest.mark.parametrize("kind", KINDS)


def sizes(linear):
    return {
        "feed_forward.w1": (INNER, WIDTH),
        "feed_forward.w2": (WIDTH, INNER),
        "feed_forward.w3": (INNER, WIDTH),
    }.get(linear, (WIDTH, WIDTH))


@pytest.fixture
def draw(one_thread):
    generator = torch.Generator().manual_seed(0)
    return lambda *shape, scale=0.3: torch.randn(*shape, generator=generator) * scale


@pytest.fixture
def meta(draw):
    """A random LLaMA under Meta's names, rows in Meta's order."""
    state = {
        "tok_embeddings.weight": draw(VOCAB, WIDTH, scale=1.0),
        "norm.weight": 1 + draw(WIDTH),
        "output.weight": draw(VOCAB, WIDTH),
    }
    for i in range(LAYERS):
        state |= {f"layers.{i}.{linear}.weight": draw(*sizes(linear)) for linear in LINEARS}
        state |= {f"layers.{i}.{norm}.weight": 1 + draw(WIDTH) for norm in ("attention_norm", "ffn_norm")}
    return state


@pytest.fixture
def meta_folder(meta, tmp_path):
    folder = tmp_path / "7B"
    folder.mkdir()
    torch.save(meta, folder / "consolidated.00.pth")
    params = {"dim": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "norm_eps": 1e-6, "multiple_of": 16, "vocab_size": -1}
    (folder / "params.json").write_text(json.dumps(params))
    return folder


@pytest.fixture
def base(meta_folder):
    return lambda: load_base(meta_folder, dtype=torch.float32, device=torch.device("cpu"))[0]


@pytest.fixture
def checkpoint(draw):
    """A function that makes a checkpoint of a kind with random tensors, named and shaped as the released ones."""

    def make(kind):
        w_bias, w_lora = KINDS[kind]
        state = {
            "visual_query.weight": draw(QUERIES, VISUAL_WIDTH, scale=1.0),
            "adapter_query.weight": draw((LAYERS - 1) * QUERIES, WIDTH, scale=1.0),
        }
        pairs = {
            "clip_proj": (VISUAL_WIDTH, PATCH_WIDTH),
            "clip_proj_norm": (VISUAL_WIDTH,),
            "visual_proj": (WIDTH, VISUAL_WIDTH),
            "visual_proj_norm": (WIDTH,),
        }
        for i in range(BLOCKS):
            pairs |= {
                f"visual_blocks.{i}.norm1": (VISUAL_WIDTH,),
                f"visual_blocks.{i}.attn.qkv": (3 * VISUAL_WIDTH, VISUAL_WIDTH),
                f"visual_blocks.{i}.attn.proj": (VISUAL_WIDTH, VISUAL_WIDTH),
                f"visual_blocks.{i}.norm2": (VISUAL_WIDTH,),
                f"visual_blocks.{i}.mlp.fc1": (4 * VISUAL_WIDTH, VISUAL_WIDTH),
                f"visual_blocks.{i}.mlp.fc2": (VISUAL_WIDTH, 4 * VISUAL_WIDTH),
            }
        for name, shape in pairs.items():
            state |= {f"{name}.weight": draw(*shape), f"{name}.bias": draw(shape[0])}
        if kind != "CAPTION":
            state["llama.norm.weight"] = 1 + draw(WIDTH)
        for i in range(LAYERS):
            name = f"llama.layers.{i}"
            state[f"{name}.attention.gate"] = draw(1, HEADS, 1, 1, scale=1.0)
            if kind != "CAPTION":
                state |= {f"{name}.{norm}.weight": 1 + draw(WIDTH) for norm in ("attention_norm", "ffn_norm")}
            if w_bias:
                state |= {f"{name}.{linear}.bias": draw(sizes(linear)[0]) for linear in BIASED}
            if w_lora:
                state[f"{name}.attention.new_gate"] = 1 + draw(1, 1, 1, 1)
                for linear in LINEARS:
                    owner, short = linear.split(".")
                    state[f"{name}.{owner}.lora_{short}_l1.weight"] = draw(RANK, sizes(linear)[1])
                    state[f"{name}.{owner}.lora_{short}_l2.weight"] = draw(sizes(linear)[0], RANK)
        return {"model": state, "config": {"w_bias": w_bias, "w_lora": w_lora, "lora_rank": RANK}}

    return make


def released_logits(meta, adapter, ids, patches=None):
    """Recompute one unpadded row, (T, V), from the released equations, with Meta's layout and rotary pairs."""
    weights = meta | {name.removeprefix("llama."): tensor for name, tensor in adapter.items()}
    size = WIDTH // HEADS

    def linear(x, name, *, lora=True):
        bias = weights.get(f"{name}.bias", weights.get(f"{name}_bias", 0.0))
        y = (x * weights.get(f"{name}_scale", 1.0)) @ weights[f"{name}.weight"].T + bias
        owner, _, short = name.rpartition(".")
        down = weights.get(f"{owner}.lora_{short}_l1.weight")
        return y if down is None or not lora else y + x @ down.T @ weights[f"{owner}.lora_{short}_l2.weight"].T

    def rms(x, name):
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weights[f"{name}.weight"]

    def layer_norm(x, name):
        return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    def split(x, heads):  # (T, heads · D) to (heads, T, D)
        return x.unflatten(-1, (heads, -1)).transpose(0, 1)

    def turned(x):  # RoPE: channels (2j, 2j + 1) are one complex number, turned by t / 10000^(2j / D)
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        angles = torch.arange(x.shape[1])[:, None] / 10000 ** (torch.arange(0, size, 2) / size)
        return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)

    def attend(query, key, value, hidden=None):
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        return (scores if hidden is None else scores.masked_fill(hidden, -math.inf)).softmax(-1) @ value

    def joined(x):
        return x.transpose(0, 1).flatten(1)

    def prompts():
        seen = torch.cat([weights["visual_query.weight"], layer_norm(linear(patches, "clip_proj"), "clip_proj_norm")])
        for i in range(BLOCKS):
            name = f"visual_blocks.{i}"
            qkv = linear(layer_norm(seen, f"{name}.norm1"), f"{name}.attn.qkv").chunk(3, dim=-1)
            seen = seen + linear(joined(attend(*(split(part, VISUAL_HEADS) for part in qkv))), f"{name}.attn.proj")
            seen = seen + linear(
                F.gelu(linear(layer_norm(seen, f"{name}.norm2"), f"{name}.mlp.fc1")), f"{name}.mlp.fc2"
            )
        seen = layer_norm(linear(seen[:QUERIES], "visual_proj"), "visual_proj_norm")

        return weights["adapter_query.weight"].view(LAYERS - 1, QUERIES, WIDTH) + seen

    future = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
    x = weights["tok_embeddings.weight"][ids]
    for i in range(LAYERS):
        name = f"layers.{i}"
        normed = rms(x, f"{name}.attention_norm")
        query, key, value = (split(linear(normed, f"{name}.attention.w{part}"), HEADS) for part in "qkv")
        query, key = turned(query), turned(key)
        out = attend(query, key, value, future)
        if i > 0 and patches is not None:
            own = (split(linear(prompts()[i - 1], f"{name}.attention.w{part}", lora=False), HEADS) for part in "kv")
            gate = weights[f"{name}.attention.gate"][0].tanh() * weights.get(f"{name}.attention.new_gate", 1.0)
            out = out + gate.reshape(HEADS, 1, 1) * attend(query, *own)
        x = x + linear(joined(out), f"{name}.attention.wo")
        normed = rms(x, f"{name}.ffn_norm")
        inner = F.silu(linear(normed, f"{name}.feed_forward.w1")) * linear(normed, f"{name}.feed_forward.w3")
        x = x + linear(inner, f"{name}.feed_forward.w2")
    return rms(x, "norm") @ weights["output.weight"].T


@every_kind
def test_the_logits_are_those_of_the_released_equations_with_either_padding(meta, base, checkpoint, draw, kind):
    adapter = checkpoint(kind)
    model = from_official(adapter, None, base(), visual_heads=VISUAL_HEADS)
    patches = draw(2, PATCHES, PATCH_WIDTH, scale=1.0)
    rows = [torch.tensor([1, 7, 60, 33, 9, 2]), torch.tensor([1, 44, 5])]
    expected = [released_logits(meta, adapter["model"], ids, seen) for ids, seen in zip(rows, patches, strict=True)]
    visual_prompt = model.visual(patches)
    for left in (True, False):
        sides = [(6 - len(ids), 0) if left else (0, 6 - len(ids)) for ids in rows]
        ids = torch.stack([F.pad(row, side) for row, side in zip(rows, sides, strict=True)])
        mask = torch.stack([F.pad(torch.ones_like(row), side) for row, side in zip(rows, sides, strict=True)])
        found = model(ids, attention_mask=mask, visual_prompt=visual_prompt).logits
        for row in range(2):
            assert (found[row][mask[row].bool()] - expected[row]).abs().max() < 1e-4
    model.fold()
    for row, ids in enumerate(rows):
        folded = model(ids[None], visual_prompt=visual_prompt[row : row + 1]).logits[0]
        assert (folded - expected[row]).abs().max() < 1e-4


def test_without_its_lora_open_gates_or_picture_the_answer_is_another(base, checkpoint, draw):
    """The comparison above could not fail if these changed nothing."""
    whole = checkpoint("LORA-BIAS")
    ids, patches = torch.tensor([[1, 7, 60]]), draw(1, PATCHES, PATCH_WIDTH)

    def logits(match="", patches=patches):
        state = {n: t * 0 if match and re.search(match, n) else t for n, t in whole["model"].items()}
        model = from_official({**whole, "model": state}, None, base(), visual_heads=VISUAL_HEADS)
        return model(ids, visual_prompt=model.visual(patches)).logits

    usual = logits()
    changed = [logits(part) for part in (r"lora_wk_l2", r"\.gate$", r"new_gate$", r"wq\.bias$", r"visual_query")]
    for other in (*changed, logits(patches=patches + 1)):
        assert (other - usual).abs().max() > 1e-3


def test_gates_before_the_first_prompt_are_left_out_and_named(checkpoint):
    translated = translate(checkpoint("LORA-BIAS"), visual_heads=VISUAL_HEADS)
    assert translated.unused == ("llama.layers.0.attention.gate", "llama.layers.0.attention.new_gate")


@every_kind
def test_the_tensors_alone_tell_what_they_are(checkpoint, kind):
    whole = checkpoint(kind)
    bare = translate(whole["model"], visual_heads=VISUAL_HEADS)
    assert bare.config == translate(whole, visual_heads=VISUAL_HEADS).config
    assert (bare.config.tuning, bare.config.lora_rank) == (
        "bias" if KINDS[kind][0] else "none",
        RANK if KINDS[kind][1] else 0,
    )


def test_the_old_prefix_means_the_new_one(checkpoint):
    whole = checkpoint("BIAS")
    old = {re.sub(r"^llama\.", "llma.", name): tensor for name, tensor in whole["model"].items()}
    renamed = translate({**whole, "model": old}, visual_heads=VISUAL_HEADS)
    expected = translate(whole, visual_heads=VISUAL_HEADS)
    assert renamed.weights.keys() == expected.weights.keys()
    assert all(torch.equal(renamed.weights[name], tensor) for name, tensor in expected.weights.items())


def test_a_checkpoint_saved_with_its_frozen_models_gives_its_adapter(meta, base, checkpoint):
    whole = checkpoint("BIAS")
    frozen = {f"llama.{name}": t for name, t in meta.items() if not name.endswith("norm.weight")}
    everything = {**frozen, **whole["model"], "clip.visual.proj": torch.zeros(2, 2)}
    model = from_official(everything, None, base(), visual_heads=VISUAL_HEADS)
    expected = from_official(whole, None, base(), visual_heads=VISUAL_HEADS)
    found = dict(model.named_parameters())
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.named_parameters())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: s.pop("llama.layers.1.attention.wq.bias"), "1 missing: llama.layers.1.attention.wq.bias"),
        (lambda s: s.update({"llama.layers.1.extra": torch.zeros(1)}), "1 unexpected: llama.layers.1.extra"),
        (
            lambda s: s.update({"clip_proj.bias": torch.zeros(3)}),
            "1 mis-shaped: clip_proj.bias is (3,), expected (16,)",
        ),
        (lambda s: s.pop("adapter_query.weight"), "it has no adapter_query.weight"),
        (lambda s: s.update({"adapter_query.weight": torch.zeros(7, WIDTH)}), "expected a multiple of"),
        (lambda s: s.update({"clip_proj.weight": torch.zeros(3)}), "expected a matrix"),
        (lambda s: s.update({"note": "hello"}), "'note' is no tensor"),
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused_by_name(base, checkpoint, spoil, words):
    whole = checkpoint("BIAS")
    spoil(whole["model"])
    with pytest.raises(InputError) as caught:
        from_official(whole, None, base(), visual_heads=VISUAL_HEADS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flags_that_contradict_the_tensors_are_refused(checkpoint):
    whole = checkpoint("BIAS")
    with pytest.raises(InputError, match=r"15 unexpected: .*wq\.bias"):
        translate({**whole, "config": {"w_bias": False}}, visual_heads=VISUAL_HEADS)
    with pytest.raises(InputError, match=r"45 missing: .*lora_wk_l1"):
        translate(whole, config={"w_lora": True}, visual_heads=VISUAL_HEADS)
    with pytest.raises(InputError, match="lora_rank='2'"):
        translate(whole, config={"lora_rank": "2"}, visual_heads=VISUAL_HEADS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 64}, "width 32 (the base has 64)"),
        ({"num_hidden_layers": 2}, "layers 3 (the base has 2)"),
        ({"num_attention_heads": 8}, "heads 4 (the base has 8)"),
        ({"intermediate_size": 40}, "feed-forward width 48 (the base has 40)"),
    ],
)
def test_a_wrong_base_is_named_as_such(tiny_llama, checkpoint, changes, words):
    fitting = {"hidden_size": WIDTH, "intermediate_size": INNER, "num_key_value_heads": HEADS, "vocab_size": VOCAB}
    other = tiny_llama(**{**fitting, "num_key_value_heads": changes.get("num_attention_heads", HEADS), **changes})
    with pytest.raises(InputError, match="wrong base model") as caught:
        from_official(checkpoint("BIAS"), None, other, visual_heads=VISUAL_HEADS)
    assert words in str(caught.value)


def test_a_wrong_vocabulary_is_named_where_the_checkpoint_tells_it():
    with torch.device("meta"):
        entries = multimodal_entries(preset("llama-adapter-v2-7b"), Llama(4096, 32, 32, 32, 11008))
        state = {name: torch.empty(entry.shape) for name, entry in entries.items()}
    with pytest.raises(InputError, match=r"vocabulary 32000 \(the base has 32001\)"):
        translate(state, base=LlamaConfig(vocab_size=32001))


@pytest.fixture(scope="module")
def llama_7b():
    with torch.device("meta"):
        return LlamaForCausalLM(LlamaConfig())


RELEASED = {
    "llama-adapter-v2-7b": "BIAS",
    "llama-adapter-v2-7b-lora": "LORA-BIAS",
    "llama-adapter-v2-7b-lora-v21": "LORA-BIAS",
    "llama-adapter-v2-7b-caption": "CAPTION",
}


def test_bias_7b_has_63_095_552_parameters_in_363_tensors(llama_7b):
    config = preset("llama-adapter-v2-7b")
    entries = multimodal_entries(config, Llama.of(llama_7b.config))
    assert len(entries) == 363
    assert sum(math.prod(entry.shape) for entry in entries.values()) == 63_095_552
    model = AdapterLlama(llama_7b, config, fingerprint="unread")
    sizes = {name: parameter.shape for name, parameter in model.named_parameters()}
    ours = {entry.name: torch.Size(entry.reshape or entry.shape) for entry in entries.values() if entry.name}
    assert ours == {name: sizes[name] for name in model.groups["visual"] | model.groups["language"]}
    assert sum(map(math.prod, ours.values())) == 63_095_552 - 32  # layer 0's gate


@pytest.mark.parametrize("name", RELEASED)
def test_a_preset_is_what_its_checkpoint_says(name):
    """On the meta device: a state dict of the preset's names and shapes translates to the preset."""
    config = preset(name)
    w_bias, w_lora = KINDS[RELEASED[name]]
    with torch.device("meta"):
        entries = multimodal_entries(config, Llama(4096, 32, 32, 32, 11008))
        state = {entry: torch.empty(value.shape) for entry, value in entries.items()}
    assert (config.tuning == "bias", config.lora_rank) == (w_bias, 16 if w_lora else 0)
    assert translate(state, base=LlamaConfig()).config == replace(config, groups=("visual", "language"))


def test_stages_of_the_released_recipe_train_exactly_these(base, checkpoint):
    """Its rule is on names: pretrain has these words in them, finetune is what of LLaMA has "norm" or "bias"."""
    words = ("gate", "clip_proj", "visual_query", "visual_blocks", "visual_proj", "adapter_query")
    model = from_official(checkpoint("BIAS"), None, base(), visual_heads=VISUAL_HEADS)
    entries = multimodal_entries(model.adapter, Llama.of(model.config))
    pretrain = {e.name for name, e in entries.items() if any(word in name for word in words) and e.name}
    finetune = {e.name for name, e in entries.items() if name.startswith("llama.") and re.search("norm|bias", name)}
    assert model.groups["visual"] == pretrain
    assert model.groups["language"] == finetune


def test_the_chat_checkpoint_scales_inputs(meta, base, draw):
    state = {"norm.weight": 1 + draw(WIDTH)}
    for i in range(LAYERS):
        state |= {f"layers.{i}.{norm}.weight": 1 + draw(WIDTH) for norm in ("attention_norm", "ffn_norm")}
        for linear in LINEARS:
            out_width, in_width = sizes(linear)
            state |= {f"layers.{i}.{linear}_bias": draw(out_width), f"layers.{i}.{linear}_scale": 1 + draw(in_width)}
    model = from_official(state, None, base())
    ids = torch.tensor([[1, 7, 60, 33]])
    expected = released_logits(meta, state, ids[0])
    assert (model(ids).logits[0] - expected).abs().max() < 1e-4


def test_both_forms_of_a_base_are_the_same_base(meta, base, meta_folder, tmp_path):
    model = base()
    model.save_pretrained(tmp_path / "hf")
    options = {"dtype": torch.float32, "device": torch.device("cpu")}
    hugging_face, first = load_base(tmp_path / "hf", **options)
    from_meta, second = load_base(meta_folder, **options)
    assert first == second == base_fingerprint(model)
    ids = torch.tensor([[1, 7, 60, 33]])
    assert torch.equal(hugging_face(ids).logits, from_meta(ids).logits)
