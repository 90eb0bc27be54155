"""Quoting: whatever the model would rather write, its answer is a passage, and the one it wants where that is one."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.drafting import decode_with_drafts
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.quoting import Quotation
from vqa.values import GenerationOptions

STOP = 256
CONFIG = AdapterConfig(base_model="tiny", early_layers=0, adapter_layers=2, adapter_len=4, visual_len=4)


@pytest.fixture(scope="module")
def tokenizer():
    """One token a byte, so that a character may take several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def wishing(tokenizer, text, *, then=STOP):
    """Return logits (steps, 257) of a model that wants to write a text and then end."""
    ids = [*tokenizer.encode(text).ids, then]
    logits = torch.zeros(len(ids), 257)
    logits[range(len(ids)), ids] = 9.0
    return logits


def quoted(tokenizer, source, logits, or_else=(), *, whole=False):
    lines = source if whole else [source]
    quotation = Quotation(lines, or_else, tokenizer=tokenizer, stop_ids=frozenset([STOP]), whole=whole)
    ids = []
    for row in logits:
        token = quotation.next(row)
        if token is None or token == STOP:
            break
        ids.append(token)
    return tokenizer.decode(ids)


SOURCE = "EMT Madrid 10 cero, emisiones naïve 안녕 세계 RM36.50"


@pytest.mark.parametrize(
    "passage",
    [
        "EMT",
        "EMT Madrid 10",
        "cero",
        "cero,",
        "10 cero, emisiones naïve",
        "안녕 세계",
        "naïve 안녕",
        "RM36.50",
        "36.50",
        SOURCE,
    ],
)
def test_a_passage_that_the_model_wants_is_written_as_it_wants(tokenizer, passage):
    assert quoted(tokenizer, SOURCE, wishing(tokenizer, passage)) == passage


@pytest.mark.parametrize(
    ("wish", "written"),
    [
        ("SAYETY", "SAFETY"),  # a wrong letter in the middle
        ("SAFETY first door", "SAFETY First door"),
        ("SAFETY Fi", "SAFETY First"),  # a word is not cut off
    ],
)
def test_what_is_no_passage_is_written_as_the_nearest_one(tokenizer, wish, written):
    logits = wishing(tokenizer, wish)
    at_a_loss = torch.zeros(20, 257)
    at_a_loss[:, STOP] = 1.0
    at_a_loss[:, tokenizer.encode("a").ids] = 0.5
    assert quoted(tokenizer, "SAFETY First door a door", torch.cat([logits[:-1], at_a_loss])).startswith(written)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_model_wants_its_answer_is_a_passage_from_word_to_word(tokenizer, seed):
    logits = torch.randn(60, 257, generator=torch.Generator().manual_seed(seed))
    answer = quoted(tokenizer, SOURCE, logits)
    assert answer
    assert answer in SOURCE
    before, _, after = SOURCE.partition(answer)
    assert not before or not before[-1].isalnum() or (before[-1].isalpha() and answer[0].isdigit())
    assert not after or not after[0].isalnum()


def test_an_answer_that_begins_like_another_one_is_that_one(tokenizer):
    logits = wishing(tokenizer, "I cannot tell, really")
    assert quoted(tokenizer, "EMT Madrid", logits, ["I cannot tell"]) == "I cannot tell"
    assert quoted(tokenizer, "EMT Madrid", wishing(tokenizer, "I. van der Meer"), ["I cannot tell"]) == "I cannot tell"
    assert quoted(tokenizer, "EMT Madrid", logits, ["No text found"]) in "EMT Madrid"
    assert quoted(tokenizer, "EMT Inns", logits, ["I cannot tell"]) == "Inns"  # a passage begins so as well


def test_a_quotation_is_read_ahead_and_its_probabilities_are_the_models_own(tokenizer, tiny_llama):
    model = AdapterLlama(tiny_llama(vocab_size=257), CONFIG)
    model.fold()
    with torch.inference_mode():
        adapter = model.adapter_keys_values(None)
    passes = []

    class CountingEngine(Engine):
        def extend(self, rows, ids, *, all_logits=False):
            passes.append(ids.shape[1])
            return super().extend(rows, ids, all_logits=all_logits)

    prompt, stops = [5, 9], frozenset([STOP])
    word = "abcdefghijklmnopqrstuvwxyzäöüßéèêñç0123456789"
    quotation = Quotation([word], (), tokenizer=tokenizer, stop_ids=stops)
    options = GenerationOptions(max_new_tokens=60)
    steps = decode_with_drafts(CountingEngine(model), prompt, adapter, options, stop_ids=stops, quotation=quotation)
    written = list(steps)
    assert word.endswith(tokenizer.decode([token for token, _ in written]))
    assert len(passes) <= 3
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *(token for token, _ in written)]]), adapter=adapter).logits[0]
    for (token, logprob), row in zip(written, logits[1:].log_softmax(-1), strict=False):
        assert logprob == pytest.approx(float(row[token]), abs=1e-4)


@pytest.mark.parametrize("wished", ["BIG SHOP", "SHOP SDN", "BHD 12", "12", "BIG SHOP SDN BHD 12"])
def test_of_whole_lines_no_part_is_quoted(tokenizer, wished):
    ids = tokenizer.encode(wished).ids
    logits = torch.zeros(40, 257)
    logits[range(len(ids)), ids] = 9.0
    logits[len(ids) :, STOP] = 5.0
    passages = "BIG SHOP SDN", "BHD 12", "BIG SHOP SDN BHD 12"
    written = quoted(tokenizer, ["BIG SHOP SDN", "BHD 12"], logits, whole=True)
    assert written == (wished if wished in passages else written)
    assert written in passages


def test_what_comes_next_is_known_where_there_is_one_way_to_go_on(tokenizer):
    quotation = Quotation(["red bus red car"], (), tokenizer=tokenizer, stop_ids=frozenset([STOP]))
    for row in wishing(tokenizer, "red ")[:-1]:
        assert quotation.next(row) != STOP
        assert quotation.ahead(9) == []
    quotation.next(wishing(tokenizer, "c")[0])
    assert tokenizer.decode(quotation.ahead(9)) == "ar"
    assert quotation.ahead(1) == tokenizer.encode("a").ids
