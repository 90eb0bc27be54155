"""The engine against transformers' forward pass of the same model, and against itself in other arrangements."""

import random

import pytest
import torch
from torch.nn import functional as F

from vqa.adapter_model.attention import picked
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.packing import can_pack
from vqa.adapter_model.projection import GatedProjection, Projection
from vqa.adapter_model.sharing import computed, parts
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
PROMPTS = [[5, 9, 17, 33, 65, 12, 90], [80, 41, 3], [7]]
BASES = {
    "grouped": {},
    "one head of keys": {"num_key_value_heads": 1},
    "no groups": {"num_key_value_heads": 4},
    "own biases": {"attention_bias": True, "mlp_bias": True},
    "tied": {"tie_word_embeddings": True},
    "wide heads": {"head_dim": 32},
    "gelu": {"hidden_act": "gelu"},
    "llama3": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        }
    },
    "yarn": {
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 32,
        }
    },
    "dynamic": {
        "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0},
        "max_position_embeddings": 16,
    },
}


def adapted(base, *, fold=True, dtype=torch.float32):
    """A model whose gates are open and whose every linear and norm has moved from where it started."""
    model = AdapterLlama(base, CONFIG)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in sorted(model.groups["visual"] | model.groups["language"]):  # a set has its own order
            parameter = model.get_parameter(name)
            parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
        for layer in model.model.layers:
            layer.self_attn.gate.fill_(0.7)
    model.to(dtype)
    if fold:
        model.fold()
    return model


@pytest.fixture
def model(tiny_llama):
    return adapted(tiny_llama())


def keys_values(model):
    patches = torch.randn(len(PROMPTS), 6, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.adapter_keys_values(model.visual(patches))


@torch.inference_mode()
def by_transformers(model, texts, adapter):
    """The logits after every token of these texts, read whole, each alone."""
    return [model(torch.tensor([ids]), adapter=of_row(adapter, row)).logits[0] for row, ids in enumerate(texts)]


def of_row(adapter, row):
    """One row's part of the adapter's keys and values; static ones are every row's."""
    return tuple(pair and tuple(part if len(part) == 1 else part[[row]] for part in pair) for pair in adapter)


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, expected, **{"atol": 1e-4, "rtol": 1e-4, **tolerance})


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("fold", [True, False], ids=["folded", "unfolded"])
@torch.inference_mode()
def test_logits_of_a_padded_batch_are_those_of_transformers_row_by_row(tiny_llama, base, fold):
    model = adapted(tiny_llama(**base), fold=fold)
    adapter, following = keys_values(model), torch.tensor([[11, 12], [13, 14], [15, 16]])
    texts = [[*ids, *more] for ids, more in zip(PROMPTS, following.tolist(), strict=True)]
    expected = by_transformers(model, texts, adapter)
    engine = Engine(model)
    rows, first = engine.read(PROMPTS, adapter, room=2)
    steps = [first, *(engine.extend(rows, following[:, [i]])[:, -1] for i in range(2))]
    for row, logits in enumerate(expected):
        close(torch.stack(steps)[:, row], logits[-3:])


@torch.inference_mode()
def test_a_text_read_in_pieces_is_the_text_read_at_once(model):
    engine, adapter = Engine(model), keys_values(model)
    rows, first = engine.read(PROMPTS, adapter, room=5)
    more = torch.randint(3, 101, (3, 5), generator=torch.Generator().manual_seed(2))
    at_once = engine.extend(rows, more, all_logits=True)
    again, _ = engine.read(PROMPTS, adapter, room=5)
    pieces = [engine.extend(again, part, all_logits=True) for part in more.split([2, 1, 2], dim=1)]
    close(torch.cat(pieces, dim=1), at_once)
    assert first.shape == (3, 101)
    assert at_once.shape == (3, 5, 101)


@pytest.mark.parametrize("together", [1, 12, 100])
@torch.inference_mode()
def test_what_prompts_about_one_picture_begin_with_is_read_once_and_comes_to_the_same(model, monkeypatch, together):
    prompts = [[7], [7, 3, 41], [5, 9, 17, 3], [5, 9, 17, 4], [5, 9, 17, 33, 65], [5, 9, 17, 33, 80]]
    patches = torch.randn(2, 6, CONFIG.vision_width, generator=torch.Generator().manual_seed(3))
    pictures = [0, 0, 1, 0, 0, 0]
    adapter = model.adapter_keys_values(model.visual(patches[pictures]))
    engine, more = Engine(model), torch.tensor([[20 + row] for row in range(6)])
    apart, first = engine.read(prompts, adapter, room=1)
    expected = first, engine.extend(apart, more)
    monkeypatch.setattr("vqa.adapter_model.engine._READ_TOGETHER", together)
    shared, first = engine.read(prompts, adapter, room=1, pictures=pictures)
    close((first, engine.extend(shared, more)), expected)
    assert not torch.allclose(expected[0][2], engine.read([prompts[2]], picked(adapter, [0]), room=0)[1][0], atol=1e-3)


def test_only_what_stands_behind_another_beginning_is_computed():
    prompts = [[1], [1, 3], [2, 3], [1, 3, 5], [1, 3, 6], [1, 3, 5]]
    tokens, slots = computed(prompts, "aaaaab")
    assert tokens == [2, 5, 7, 8, 11, 14, 15, 16, 17]
    assert slots[2:3] + slots[4:6] + slots[7:9] == [0, 0, 1, 2, 3]
    assert slots[9:] == [0, 1, 4, 0, 1, 5, 6, 7, 8]
    assert len(slots) == 18
    assert computed(prompts, range(6))[0] == [slot for slot in range(18) if slot not in (0, 1, 3, 6)]


def test_rows_with_many_tokens_of_their_own_are_attended_to_apart_from_those_with_few():
    prompts = [[1, 2, 9], [1, 2, 3, 4], [4, 4], [1, 2, 3, 5], [7, 7, 7, 7]]
    tokens, _ = computed(prompts, "aabac")
    assert parts(tokens, 5, 4) == [([0, 4], 0), ([1, 2, 3], 2)]  # of the first none before its first slot but padding
    for prompts, expected in (
        ([[1, 2, 3], [1, 2, 4], [1, 2, 5]], [([0], 0), ([1, 2], 2)]),
        ([[1, 2, 3], [4, 5, 6]], [([0, 1], 0)]),
        ([[1, 2], [1, 2]], [([0], 0), ([1], 1)]),  # of the second nothing is computed
    ):
        tokens, _ = computed(prompts, "a" * len(prompts))
        assert parts(tokens, len(prompts), len(prompts[0])) == expected


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("lengths", [(7, 7), (3, 12)])
@pytest.mark.parametrize("seed", range(4))
@torch.inference_mode()
def test_whatever_prompts_share_they_come_to_the_same(model, seed, lengths, alike):
    draw = random.Random(seed)
    begun = [[draw.randrange(1, 9) for _ in range(4)] for _ in range(2)]
    prompts = []
    for _ in range(9):
        ids = [*draw.choice(begun), *(draw.randrange(1, 99) for _ in range(12))]
        prompts.append(ids[: draw.randint(*lengths)])
    pictures = [draw.randrange(3) for _ in prompts]
    patches = torch.randn(3, 6, CONFIG.vision_width, generator=torch.Generator().manual_seed(seed))
    adapter = model.adapter_keys_values(model.visual(patches[pictures]))
    engine, more = Engine(model), torch.tensor([[20 + row] for row in range(9)])
    apart, first = engine.read(prompts, adapter, room=1)
    expected = first, engine.extend(apart, more)
    shared, first = engine.read(prompts, adapter, room=1, pictures=pictures, alike=alike)
    close((first, engine.extend(shared, more)), expected)


@pytest.mark.parametrize("together", [1, 9, 14])
@torch.inference_mode()
def test_prompts_read_in_several_passes_are_those_read_in_one(model, monkeypatch, together):
    engine, adapter = Engine(model), keys_values(model)
    more = torch.tensor([[21], [22], [23]])
    whole, first = engine.read(PROMPTS, adapter, room=1)
    expected = first, engine.extend(whole, more)
    monkeypatch.setattr("vqa.adapter_model.engine._READ_TOGETHER", together)
    parts, first = engine.read(PROMPTS, adapter, room=1)
    close((first, engine.extend(parts, more)), expected)


@pytest.mark.parametrize("kept", [[0, 1], [0, 2], [1, 2], [2]])
@torch.inference_mode()
def test_kept_rows_go_on_as_they_would_have(model, kept):
    engine, adapter = Engine(model), keys_values(model)
    ids = torch.tensor([[21], [22], [23]])
    rows, _ = engine.read(PROMPTS, adapter, room=1)
    whole = engine.extend(rows, ids)
    rows, _ = engine.read(PROMPTS, adapter, room=1)
    order = rows.keep(kept)
    assert sorted(order) == kept
    close(engine.extend(rows, ids[order]), whole[order])


@torch.inference_mode()
def test_selected_rows_go_on_as_they_would_have(model):
    engine, adapter = Engine(model), keys_values(model)
    rows, _ = engine.read(PROMPTS, adapter, room=1)
    chosen = [2, 0, 0]
    copies = rows.select(chosen)
    ids = torch.tensor([[21], [22], [23]])
    whole = engine.extend(rows, ids)
    close(engine.extend(copies, ids[chosen]), whole[chosen])


@torch.inference_mode()
def test_selected_rows_have_the_room_asked_for(model):
    engine = Engine(model)
    rows, _ = engine.read(PROMPTS[:1], (None,) * 3, room=1)
    wider = rows.select([0, 0], room=6)
    engine.extend(wider, torch.full((2, 6), 4))
    assert (len(wider), wider.used) == (2, 13)


@torch.inference_mode()
def test_the_model_shares_its_weights_with_the_engine_and_still_works(model):
    adapter = keys_values(model)
    ids = torch.tensor([PROMPTS[0]])
    one = of_row(adapter, 0)
    before = model(ids, adapter=one).logits
    Engine(model)
    close(model(ids, adapter=one).logits, before, atol=0, rtol=0)
    attention = model.model.layers[0].self_attn
    storages = {linear.weight.untyped_storage().data_ptr() for linear in (attention.q_proj, attention.v_proj)}
    assert len(storages) == 1


@torch.inference_mode()
def test_bfloat16_is_as_near_float32_as_in_transformers(tiny_llama):
    exact, rounded = (adapted(tiny_llama(), dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    expected = torch.stack([logits[-1] for logits in by_transformers(exact, PROMPTS, keys_values(exact))])
    adapter = keys_values(rounded)
    theirs = torch.stack([logits[-1].float() for logits in by_transformers(rounded, PROMPTS, adapter)])
    found = Engine(rounded).read(PROMPTS, adapter, room=1)[1]
    assert (found - expected).abs().mean() < 1.5 * (theirs - expected).abs().mean()


def test_a_prompt_beyond_the_models_positions_or_without_tokens_is_refused(model):
    engine = Engine(model)
    with pytest.raises(InputError, match=r"a prompt of 120 tokens and an answer of 9 exceed the model's 128"):
        engine.read([[5] * 120], (None,) * 3, room=9)
    with pytest.raises(InputError, match="an empty prompt"):
        engine.read([[5], []], (None,) * 3, room=9)


def levels(rows=48, groups=2):
    """A matrix as llama.cpp's Q4_1 holds it: sixteen values in each 32 of a row, both extremes among them."""
    draw = torch.Generator().manual_seed(3)
    codes = torch.randint(0, 16, (rows, groups, 32), generator=draw)
    codes[..., 0], codes[..., 1] = 0, 15
    scale, least = torch.rand(rows, groups, 1, generator=draw) + 0.5, torch.randn(rows, groups, 1, generator=draw)
    return (codes * scale + least).flatten(1)


def linear_of(weight):
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight.data = weight
    return linear


@torch.inference_mode()
def test_four_bits_hold_what_has_sixteen_values_a_group():
    linear, x = linear_of(levels()), torch.randn(3, 64)
    found = Projection([linear], weights="compact")
    close(found(x), linear(x), atol=1e-3)
    assert found.bytes_a_token == 48 * 64 / 2 + 48 * 2 * 2 * 4


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(48, 64), (48, 20), (7, 64)])
def test_other_weights_are_held_in_eight_bits(shape):
    linear = linear_of(torch.randn(shape, generator=torch.Generator().manual_seed(4)))
    x = torch.randn(3, shape[1])
    found = Projection([linear], weights="compact")
    assert found.bytes_a_token == shape[0] * shape[1] + shape[0] * 4
    error = (found(x) - linear(x)).norm() / linear(x).norm()
    assert 0 < error < 0.02


@torch.inference_mode()
def test_many_rows_of_input_are_mapped_by_the_weights_themselves():
    linear, x = linear_of(levels()), torch.randn(60, 64)
    close(Projection([linear], weights="compact")(x), linear(x), atol=0, rtol=0)


def in_bfloat16(out, width, *, bias):
    linear = torch.nn.Linear(width, out, bias=bias).bfloat16()
    if not can_pack(linear.weight):
        pytest.skip("this processor has no products of bfloat16 matrices")
    return linear


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_many_rows_are_mapped_by_packed_weights_as_in_float32(bias):
    linears, x = [in_bfloat16(out, 64, bias=bias) for out in (48, 16)], torch.randn(60, 64).bfloat16()
    residual = torch.randn(60, 64).bfloat16()
    exact = torch.cat([F.linear(x.float(), a.weight.float(), a.bias.float() if bias else None) for a in linears], 1)
    found = Projection(linears, weights="compact")
    close(found(x).float(), exact, atol=0.02, rtol=0.01)
    close(found.added_to(residual, x).float(), exact + residual, atol=0.02, rtol=0.01)


@pytest.mark.parametrize("activation", [F.silu, F.gelu])
@pytest.mark.parametrize("rows", [3, 60])
@torch.inference_mode()
def test_a_gated_projection_is_the_activated_gate_times_the_other(activation, rows):
    gate, up = (in_bfloat16(96, 64, bias=True) for _ in range(2))
    x = torch.randn(rows, 64).bfloat16()
    exact = activation(gate(x).float()) * up(x).float()
    found = GatedProjection(gate, up, activation, weights="compact")
    close(found(x).float(), exact, atol=0.03, rtol=0.03)


@torch.inference_mode()
def test_packed_weights_read_a_padded_batch_as_the_models_own_do(model):
    model.to(torch.bfloat16)
    if not can_pack(model.model.layers[0].mlp.up_proj.weight):
        pytest.skip("this processor has no products of bfloat16 matrices")
    adapter = tuple(pair and tuple(part.bfloat16() for part in pair) for pair in keys_values(model))
    (_, first), (_, packed) = (
        Engine(model, weights=weights).read(PROMPTS, adapter, room=1) for weights in ("dense", "compact")
    )
    close(packed, first, atol=0.1 * float(first.std()), rtol=0.1)


@pytest.mark.parametrize("rows", [1, 3])
@torch.inference_mode()
def test_weights_of_sixteen_values_decode_alike_in_four_bits_alone_and_in_batches(model, rows):
    for layer in model.model.layers:
        for linear in [module for module in layer.modules() if isinstance(module, torch.nn.Linear)]:
            out, width = linear.weight.shape
            linear.weight.data = 0.05 * levels(out, width // 32)
    adapter, ids = (None,) * 3, torch.full((rows, 1), 4)
    logits = []
    for weights in ("dense", "compact"):
        engine = Engine(model, weights=weights)
        read, _ = engine.read([list(range(20, 30))] * rows, adapter, room=1)
        logits.append(engine.extend(read, ids))
    weights_of_a_layer = 64 * (64 + 32 + 32 + 64 + 3 * 96)
    assert engine.bytes_a_token == 3 * weights_of_a_layer * 3 // 4 + 101 * (64 + 4)  # 4 bits and scales; the head has 8
    close(logits[1], logits[0], atol=0.05 * float(logits[0].std()))


@torch.inference_mode()
def test_compact_weights_change_the_logits_a_little_and_only_after_the_prompt(model):
    adapter, ids = keys_values(model), torch.tensor([[4], [5], [6]])
    logits = []
    for weights in ("dense", "compact"):
        engine = Engine(model, weights=weights)
        rows, _ = engine.read([[*ids, *range(20, 30)] for ids in PROMPTS], adapter, room=1)
        logits.append(engine.extend(rows, ids))
    difference = (logits[0] - logits[1]).abs().max()
    assert 0 < difference < 0.3 * logits[0].std()
