"""The built-in core: its prompt, its refusals without weights, and its answers with them."""

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from PIL import Image

from vqa.adapter_model.presets import preset
from vqa.errors import InputError
from vqa.protocols import Core
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage

PICTURES = [LoadedImage(Image.new("RGB", (64, 64), colour), colour, colour) for colour in ("red", "blue")]
SHORT = GenerationOptions(max_new_tokens=6)


def texts(answers):
    return ["".join(token.text for token in answer) for answer in answers]


def make(**flags):
    return cores.get("smollm2-135m").from_settings(Settings(**flags))


@pytest.fixture(scope="module")
def core():
    """The core on its real weights, with an untrained adapter: the base model as it comes."""
    return cores.get("smollm2-135m").from_settings(Settings.load())


def test_the_prompt_is_one_user_turn_with_the_evidence_before_the_question():
    prompt = make().render("How many {people}?", ["Objects: person 3", "Text: {0}"])
    assert prompt == (
        "<|im_start|>user\nObjects: person 3\nText: {0}\nQuestion: How many {people}?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert make().render("Why?", []) == "<|im_start|>user\nQuestion: Why?<|im_end|>\n<|im_start|>assistant\n"


def test_earlier_turns_are_turns_of_the_chat_before_this_one():
    history = [("Is it {red}?", "Yes."), ("Why?", "Paint.")]
    assert make().render("Who?", ["Text: BUS"], history) == (
        "<|im_start|>user\nQuestion: Is it {red}?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n"
        "<|im_start|>user\nQuestion: Why?<|im_end|>\n<|im_start|>assistant\nPaint.<|im_end|>\n"
        "<|im_start|>user\nText: BUS\nQuestion: Who?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_it_is_a_core_and_leaves_room_for_the_answer():
    assert isinstance(make(), Core)
    assert make(max_new_tokens=48).max_prompt_tokens == 2000
    with pytest.raises(InputError, match=r"max_new_tokens=2048: smollm2-135m holds 2048 tokens"):
        make(max_new_tokens=2048).max_prompt_tokens  # noqa: B018


def test_making_one_imports_nothing_heavy():
    code = (
        "import sys; from vqa import Settings; from vqa.registry import cores\n"
        "core = cores.get('smollm2-135m').from_settings(Settings()); core.render('?', []); core.max_prompt_tokens\n"
        "print(sorted({'torch', 'transformers', 'tokenizers', 'timm', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_missing_weights_are_named_with_the_command_that_mends_it(tmp_path):
    offline = make(home=tmp_path, offline=True)
    assert offline.available() == "weights missing: run `vqa models pull smollm2-135m-instruct efficientnet-lite2`"
    assert make(home=tmp_path).available() is None  # the first answer fetches them


def test_an_adapter_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"config\.json: no adapter config there"):
        make(adapter=str(tmp_path)).sees()


def untrained(folder, **changes):
    """Write an adapter folder with a config and no weights; return settings that name it."""
    config = asdict(replace(preset("smollm2-135m"), **changes))
    (folder / "config.json").write_text(json.dumps(config))
    return {"adapter": str(folder)}


def test_an_untrained_adapter_does_not_see(tmp_path):
    assert make(**untrained(tmp_path)).sees() is False


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_the_real_base_model_knows_a_capital(tmp_path):
    core = cores.get("smollm2-135m").from_settings(Settings.load(untrained(tmp_path)))
    prompt = core.render("Name the capital of France in one word.", [])
    tokens = list(core.stream(PICTURES[0], prompt, SHORT))
    assert "Paris" in "".join(token.text for token in tokens)
    assert all(token.logprob is not None and token.logprob <= 0 for token in tokens)


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_a_batched_row_is_the_streamed_one_with_its_log_probabilities(core):
    asked = [("Where is the bus?", "Detector: 1 bus (left)"), ("How many cats are there?", "Detector: 1 cat")]
    rows = [(picture, core.render(q, [found])) for picture, (q, found) in zip(PICTURES, asked, strict=True)]
    streamed = [tuple(core.stream(*row, SHORT)) for row in rows]
    together = core.generate(rows, SHORT)
    assert all(streamed)
    assert [[token.text for token in row] for row in together] == [[token.text for token in row] for row in streamed]
    for one, alone in zip(together, streamed, strict=True):  # bfloat16 rounds a batch's rows otherwise
        assert [token.logprob for token in one] == pytest.approx([token.logprob for token in alone], abs=0.1)
    assert core.generate([], SHORT) == []


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_stop_strings_end_streamed_and_batched_answers_alike(core):
    asked = [("List the objects.", "Detector: 2 dogs, 1 cat, 3 cups"), ("How many dogs are there?", "Detector: 4 dogs")]
    rows = [(picture, core.render(q, [found])) for picture, (q, found) in zip(PICTURES, asked, strict=True)]
    whole = texts(core.generate(rows, GenerationOptions(max_new_tokens=16)))
    stop = whole[0][len(whole[0]) // 2 :][:3]
    stopping = GenerationOptions(max_new_tokens=16, stop=(stop,))
    found = texts(core.generate(rows, stopping))
    assert found == [answer.split(stop)[0] for answer in whole]
    assert texts(core.stream(*row, stopping) for row in rows) == found


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_beams_find_an_answer_at_least_as_likely_as_greedy_decoding(core):
    prompt = core.render("Name a colour.", [])

    def logprob(**options):
        return sum(t.logprob for t in core.stream(PICTURES[0], prompt, GenerationOptions(max_new_tokens=8, **options)))

    assert logprob(num_beams=4) > logprob() - 0.05  # bfloat16 rounds a batch's rows otherwise than a single one


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_the_likelier_answer_has_the_higher_score(tmp_path):
    core = cores.get("smollm2-135m").from_settings(Settings.load(untrained(tmp_path)))
    prompt = core.render("Name the capital of France in one word.", [])
    ((paris, rome, long),) = core.score([(PICTURES[0], prompt)], [["Paris", "Rome", "Paris is the capital of"]])
    assert 0 > paris.total > rome.total
    assert paris.total > long.total


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_every_special_token_is_a_marker(core):
    special = {token.content for token in core._tokenizer.get_added_tokens_decoder().values() if token.special}
    assert special == set(core.markers)


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_a_prompt_that_is_too_long_or_empty_is_refused(core):
    long = core.render("word " * 3000, [])
    assert core.count_tokens(long) > core.max_prompt_tokens
    for prompt, words in ((long, "takes 1 to 1952, with 96 left for the answer"), ("", "has 0 tokens")):
        with pytest.raises(InputError, match=words):
            next(core.stream(PICTURES[0], prompt, SHORT))


@pytest.mark.weights
@pytest.mark.usefixtures("one_thread")
def test_with_open_gates_the_answer_depends_on_the_picture_and_not_on_its_company(tmp_path):
    import torch

    from vqa.adapter_model.checkpoints import save_adapter
    from vqa.adapter_model.loading import load_for_training

    settings = Settings.load({"adapter": str(tmp_path), "dtype": "float32"})
    early = replace(preset("smollm2-135m"), fusion="early", early_layers=2, adapter_layers=20)
    model, _ = load_for_training(settings, early)
    with torch.no_grad():
        for layer in model.model.layers[:2]:
            layer.self_attn.gate.fill_(2.0)
    save_adapter(model, tmp_path)
    del model
    core = cores.get("smollm2-135m").from_settings(settings)
    assert core.sees()
    prompt = core.render("What colour is it?", [])

    def logprobs(picture):
        return [token.logprob for token in core.stream(picture, prompt, SHORT)]

    red, blue = map(logprobs, PICTURES)
    assert red != blue
    assert logprobs(PICTURES[0]) == pytest.approx(red)
    batch = core.generate([(picture, prompt) for picture in PICTURES], SHORT)
    assert texts(batch) == texts(core.stream(picture, prompt, SHORT) for picture in PICTURES)
