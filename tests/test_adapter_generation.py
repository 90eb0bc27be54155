"""Decoding: rows that never see each other, samples that a seed fixes, and text that arrives whole."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vqa.adapter_model.answer_text import AnswerText, TextPieces
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.model import AdapterLlama
from vqa.values import GenerationOptions

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
PROMPTS = [[5, 9, 17, 33, 65], [80, 41], [7]]
SAMPLED = GenerationOptions(max_new_tokens=8, temperature=1.3, top_p=0.9, seed=4)
GREEDY = GenerationOptions(max_new_tokens=8)
NEVER = frozenset[int]()


@pytest.fixture
def model(tiny_llama):
    """A folded model whose gates are all open."""
    model = AdapterLlama(tiny_llama(), CONFIG)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.gate.fill_(0.7)
    model.fold()
    return model


def adapter(model, rows=None):
    patches = torch.randn(len(PROMPTS), 6, 12, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return model.adapter_keys_values(model.visual(patches[rows] if rows else patches))


def column(steps, row):
    return [step[row] for step in steps]


@pytest.mark.parametrize("options", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_a_row_of_a_batch_comes_out_as_it_would_alone(model, options):
    together = list(decode(Engine(model), PROMPTS, adapter(model), options, stop_ids=NEVER))
    for row, prompt in enumerate(PROMPTS):
        alone = list(decode(Engine(model), [prompt], adapter(model, [row]), options, stop_ids=NEVER))
        assert [token for token, _ in column(together, row)] == [token for token, _ in column(alone, 0)]
        logprobs = [torch.tensor([p for _, p in column(steps, r)]) for steps, r in ((together, row), (alone, 0))]
        torch.testing.assert_close(*logprobs, atol=1e-4, rtol=1e-4)


def test_greedy_decoding_takes_the_likeliest_token_and_its_log_probability(model):
    prompt, keys_values = PROMPTS[0], adapter(model, [0])
    for ((token, logprob),) in decode(Engine(model), [prompt], keys_values, GREEDY, stop_ids=NEVER):
        expected = model(torch.tensor([prompt]), adapter=keys_values).logits[0, -1].log_softmax(-1)
        assert token == expected.argmax()
        assert logprob == pytest.approx(float(expected[token]), abs=1e-4)
        prompt = [*prompt, token]
    assert len(prompt) == len(PROMPTS[0]) + 8


def test_a_row_stops_at_its_own_stop_token_and_the_others_go_on(model):
    free = list(decode(Engine(model), PROMPTS, adapter(model), GREEDY, stop_ids=NEVER))
    columns = [[token for token, _ in column(free, row)] for row in range(3)]
    stop, row = next((t, row) for row in range(3) for t in columns[row] if sum(t in c for c in columns) < 3)
    stopped = list(decode(Engine(model), PROMPTS, adapter(model), GREEDY, stop_ids=frozenset([stop])))
    for index, whole in enumerate(columns):
        expected = whole[: whole.index(stop)] if stop in whole else whole
        assert [pair[0] for pair in column(stopped, index) if pair is not None] == expected
    assert len(stopped) == 8
    assert column(stopped, row)[-1] is None


def test_the_seed_fixes_a_sample_and_another_seed_changes_it(model):
    def sample(seed):
        options = GenerationOptions(max_new_tokens=8, temperature=1.5, seed=seed)
        steps = decode(Engine(model), PROMPTS[:1], adapter(model, [0]), options, stop_ids=NEVER)
        return [token for ((token, _),) in steps]

    torch.manual_seed(1)
    first = sample(1)
    torch.manual_seed(2)
    assert sample(1) == first
    assert sample(2) != first


def test_a_tiny_nucleus_is_greedy(model):
    narrow = GenerationOptions(max_new_tokens=8, temperature=1.5, top_p=1e-6)
    found = list(decode(Engine(model), PROMPTS, adapter(model), narrow, stop_ids=NEVER))
    assert found == list(decode(Engine(model), PROMPTS, adapter(model), GREEDY, stop_ids=NEVER))


def test_top_k_draws_from_the_likeliest_tokens_alone(model):
    def seen(**limits):
        tokens = set()
        for seed in range(40):
            options = GenerationOptions(max_new_tokens=1, temperature=3.0, seed=seed, **limits)
            (((token, _),),) = decode(Engine(model), PROMPTS[:1], adapter(model, [0]), options, stop_ids=NEVER)
            tokens.add(token)
        return tokens

    with torch.inference_mode():
        logits = model(torch.tensor(PROMPTS[:1]), adapter=adapter(model, [0])).logits[0, -1]
    assert seen(top_k=1) == {int(logits.argmax())}
    assert seen(top_k=4) == set(logits.topk(4).indices.tolist())
    assert len(seen()) > 10
    assert seen(top_k=4, top_p=0.6) < seen(top_k=4)


def test_a_row_ends_where_the_caller_says_and_that_token_is_its_last(model):
    free = list(decode(Engine(model), PROMPTS, adapter(model), GREEDY, stop_ids=NEVER))
    counts = [0, 0, 0]

    def ends(row, _token, _logprob):
        counts[row] += 1
        return counts[row] == (2, 8, 5)[row]

    ended = list(decode(Engine(model), PROMPTS, adapter(model), GREEDY, stop_ids=NEVER, ends=ends))
    for row, length in enumerate((2, 8, 5)):
        whole = [token for token, _ in column(free, row)]
        assert [pair[0] for pair in column(ended, row) if pair is not None] == whole[:length]


@pytest.fixture
def bytes_tokenizer():
    """One token a byte: every character beyond ASCII spans several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.mark.parametrize("text", ["plain", "naïve 안녕 🙂!", "\N{REPLACEMENT CHARACTER}x", " two  blanks\n"])
def test_pieces_are_whole_characters_and_concatenate_to_the_text(bytes_tokenizer, text):
    pieces = TextPieces(bytes_tokenizer)
    parts = [pieces.push(token) for token in bytes_tokenizer.encode(text).ids]
    assert "".join(parts) + pieces.flush() == text
    if "\N{REPLACEMENT CHARACTER}" not in text:
        assert [part for part in parts if part] == list(text)


def test_a_character_cut_off_at_the_end_still_comes_out(bytes_tokenizer):
    ids = bytes_tokenizer.encode("a안").ids[:-1]
    pieces = TextPieces(bytes_tokenizer)
    assert (
        "".join(map(pieces.push, ids)) + pieces.flush() == bytes_tokenizer.decode(ids) == "a\N{REPLACEMENT CHARACTER}"
    )


def test_pieces_of_a_llama_tokenizer_keep_the_spaces_between_them():
    """Its decoder drops the space that a text begins with, and so that of every word decoded on its own."""
    tokenizer = Tokenizer(models.WordLevel({"▁a": 0, "▁red": 1, "▁bus": 2, "es": 3}, unk_token="es"))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    pieces = TextPieces(tokenizer)
    assert [pieces.push(token) for token in (0, 1, 2, 3)] == ["a", " red", " bus", "es"]
    assert pieces.flush() == ""


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one. two", (". ",), "one"),
        ("one.two", (". ",), "one.two"),
        ("a 안녕 b", ("안녕",), "a "),
        ("xababc", ("abc",), "xab"),
        ("first\nQuestion: second", ("Question:", "\n\n"), "first\n"),
        ("both AB", ("B", "AB"), "both "),
        ("ends with sto", ("stop",), "ends with sto"),
        ("stop", ("stop",), ""),
        ("no stop here", ("",), "no stop here"),
    ],
)
def test_text_ends_before_the_first_stop_string_and_none_of_it_is_let_through(bytes_tokenizer, text, stop, expected):
    answer, parts = AnswerText(bytes_tokenizer, stop), []
    for token in bytes_tokenizer.encode(text).ids:
        if piece := answer.push(token, -0.5):
            parts.append(piece)
        assert expected.startswith("".join(part.text for part in parts))
    if rest := answer.flush():
        parts.append(rest)
    assert "".join(part.text for part in parts) == expected
    assert all(part.text and part.logprob <= -0.5 for part in parts)
    assert answer.ended == (expected != text)


def test_text_that_goes_round_in_circles_ends_unless_it_is_quoted(bytes_tokenizer):
    for quoted, expected in ((False, "water" + "pro" * 8), (True, "water" + "pro" * 20)):
        answer, said = AnswerText(bytes_tokenizer, quoted=quoted), ""
        for token in bytes_tokenizer.encode("water" + "pro" * 20).ids:
            if not answer.ended and (piece := answer.push(token, -0.5)):
                said += piece.text
        assert said == expected
