"""MiniGPT-4: its prompt to the byte, its checkpoints, both cores, and what their training reaches."""

import json
from functools import partial

import pytest
import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from typer.testing import CliRunner

from vqa.adapter_model.adapted import Adapted
from vqa.adapter_model.answer_text import AnswerText
from vqa.adapter_model.blip2 import load_blip2
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.minigpt4_official import translate_minigpt4
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.adapter_model.presets import preset, preset_folder
from vqa.adapter_model.slots import SLOT
from vqa.adapter_model.training.batches import pack
from vqa.adapter_model.training.examples import BadRows, Example
from vqa.adapter_model.training.loss import AnswerLoss
from vqa.adapter_model.training.recipe import Source
from vqa.adapter_model.training.rows import PromptFormat, make_rows
from vqa.cli import app
from vqa.errors import InputError, ModelUnavailable
from vqa.images import load_image
from vqa.protocols import ScoringCore
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage

pytestmark = pytest.mark.usefixtures("one_thread")
SHORT = GenerationOptions(max_new_tokens=6)
PICTURES = [LoadedImage(Image.effect_noise((40, 30), s).convert("RGB"), str(s), str(s)) for s in (20, 90)]
LETTERS = [chr(code) for code in range(32, 127)] + ["▁", "\n", "##", "▁#", "▁##", "▁###"]
VOCABULARY = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", *LETTERS])}


def render(question, evidence=(), history=()):
    return cores.get("minigpt4").from_settings(Settings()).render(question, evidence, history)


@pytest.fixture
def vicuna(tiny_llama, tmp_path):
    """A folder of a small LLaMA 48 wide, with a tokenizer of letters that puts a blank first, as Vicuna's does."""
    folder = tmp_path / "vicuna"
    size = {"hidden_size": 48, "intermediate_size": 64, "num_key_value_heads": 4, "max_position_embeddings": 4096}
    tiny_llama(**size, vocab_size=len(VOCABULARY)).save_pretrained(folder)
    merges = [("#", "#"), ("▁", "#"), ("▁", "##"), ("▁##", "#")]
    tokenizer = Tokenizer(models.BPE(VOCABULARY, merges, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def projection(seed=5, width=48):
    draw = torch.Generator().manual_seed(seed)
    return {
        "llama_proj.weight": torch.randn(width, 24, generator=draw) * 0.3,
        "llama_proj.bias": torch.randn(width, generator=draw) * 0.3,
    }


@pytest.fixture
def converted(blip2, vicuna, tmp_path):
    """The folder that `vqa models convert` makes of a small checkpoint with the official keys."""
    torch.save({"model": projection(), "optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "released.pth")
    folder = tmp_path / "adapter"
    command = ["models", "convert", str(tmp_path / "released.pth"), str(folder), "--base-model", str(vicuna)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "2 tensors, 1,200 parameters" in shown.output
    return changed(folder, vision=f"blip2:{blip2}", visual_len=3)


def changed(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return folder


def core_on(folder, **flags):
    settings = Settings(adapter=str(folder), dtype="float32", device="cpu", offline=True, **flags)
    return cores.get("minigpt4").from_settings(settings)


# The prompt.


def test_one_turn_is_the_papers_prompt():
    assert render("What is it?") == "###Human: <Img><ImageHere></Img> What is it? ###Assistant:"


def test_a_conversation_of_two_turns_is_the_template_to_the_byte():
    assert render("Who has\n{it}?", [], [("What is it?", "A {dog}.")]) == (
        "###Human: <Img><ImageHere></Img> What is it? ###Assistant: A {dog}.###Human: Who has\n{it}? ###Assistant:"
    )


def test_evidence_stands_before_the_question_of_the_last_turn():
    lines = ["Detector: 2 dogs", "Text: {0}"]
    assert render("How many?", lines) == (
        "###Human: <Img><ImageHere></Img> Detector: 2 dogs\nText: {0}\nHow many? ###Assistant:"
    )
    assert render("How many?", lines[:1], [("What is it?", "Dogs.")]) == (
        "###Human: <Img><ImageHere></Img> What is it? ###Assistant: Dogs."
        "###Human: Detector: 2 dogs\nHow many? ###Assistant:"
    )


def test_what_stands_around_the_picture_is_tokenised_apart_after_one_begin_of_text(converted):
    core = core_on(converted)
    blank = VOCABULARY["▁"]
    ids = core._checked(core.render("a", []), SHORT)
    assert (ids[0], ids.count(1), ids.count(SLOT)) == (1, 1, 3)
    place = ids.index(SLOT)
    assert ids[1:3] == [VOCABULARY["▁###"], VOCABULARY["H"]]
    assert ids[place - 1] == VOCABULARY[">"]
    assert ids[place + 3 : place + 5] == [blank, VOCABULARY["<"]]
    assert core.count_tokens(core.render("a", [])) == len(ids) - 1


# Checkpoints.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"llama_proj.bias": None}, r"not a whole MiniGPT-4 checkpoint: 1 missing: llama_proj\.bias$"),
        ({"llama_proj.extra": torch.zeros(2)}, r"1 unexpected: llama_proj\.extra$"),
        ({"t5_proj.weight": torch.zeros(2)}, r"1 unexpected: t5_proj\.weight$"),
        ({"llama_proj.bias": torch.zeros(7)}, r"1 mis-shaped: llama_proj\.bias is \(7,\), expected \(48,\)$"),
        ({"llama_proj.bias": 3}, r"'llama_proj\.bias' is no tensor$"),
    ],
)
def test_wrong_and_missing_names_are_refused_in_one_line(change, message, tmp_path):
    content = {name: value for name, value in {**projection(), **change}.items() if value is not None}
    torch.save({"model": content}, tmp_path / "released.pth")
    shown = CliRunner().invoke(app, ["models", "convert", str(tmp_path / "released.pth"), str(tmp_path / "out")])
    assert shown.exit_code == 2
    with pytest.raises(InputError, match=message):
        translate_minigpt4({"model": content}, base_model="tiny")
    assert not (tmp_path / "out").exists()


def test_the_released_widths_name_their_vicuna_and_others_need_a_name():
    content = {name: tensor.expand(*[4096, 24][: tensor.ndim]) for name, tensor in projection(width=1).items()}
    config, _, _ = translate_minigpt4(content)
    assert (config.base_model, config.vision) == ("Vision-CAIR/vicuna-7b", "blip2:Salesforce/blip2-flan-t5-xxl")
    with pytest.raises(InputError, match="for a base_model of width 48, which is no released one; name yours"):
        translate_minigpt4(projection())
    with pytest.raises(InputError, match="wrong base model: the checkpoint is for one of width 48, the base has 64"):
        translate_minigpt4(projection(), hidden=64)


def test_a_checkpoint_whose_qformer_was_trained_brings_it_along(blip2, vicuna, tmp_path, converted):
    eyes = load_blip2(str(blip2), offline=True).state_dict()
    names = {"qformer.layernorm.weight": "Qformer.bert.embeddings.LayerNorm.weight", "query_tokens": "query_tokens"}
    query = "qformer.encoder.layer.0.attention.attention.query.weight"
    names[query] = "Qformer.bert.encoder.layer.0.attention.self.query.weight"
    more = {theirs: eyes[ours] + 0.5 for ours, theirs in names.items()}
    frozen = {"visual_encoder.cls_token": torch.zeros(1), "llama_model.model.norm.weight": torch.zeros(1)}
    path, folder = tmp_path / "whole.pth", tmp_path / "with-eyes"
    torch.save({"model": {**projection(), **more, **frozen}}, path)
    command = ["models", "convert", str(path), str(folder), "--base-model", str(vicuna)]
    assert CliRunner().invoke(app, command).exit_code == 0
    core = core_on(changed(folder, vision=f"blip2:{blip2}"))
    assert core._config.visual_len == 3
    loaded = core._encoder._backbone.network.state_dict()
    for ours in names:
        assert torch.equal(loaded[ours], eyes[ours] + 0.5)
    prompt = core.render("a", [])
    said = [[t.logprob for t in c.stream(PICTURES[0], prompt, SHORT)] for c in (core, core_on(converted))]
    assert said[0] != said[1]


def test_a_preset_without_weights_says_where_to_get_them():
    for name in ("minigpt4-7b", "minigpt4-13b"):
        missing = core_on(name).available()
        assert f"preset '{name}' comes without weights: get its .pth from https://github.com/Vision-CAIR" in missing
        assert "vqa models convert FILE.pth FOLDER" in missing
    with pytest.raises(ModelUnavailable, match="no adapter chosen"):
        list(core_on("").stream(PICTURES[0], "###", SHORT))


# The cores.


def test_a_converted_checkpoint_answers_by_the_picture_alike_streamed_and_in_a_batch(converted):
    core = core_on(converted)
    assert isinstance(core, ScoringCore)
    assert core.available() is None
    assert core.sees()
    rows = [(picture, core.render(q, [])) for picture in PICTURES for q in ("Why?", "What is it, and who has it?")]
    streamed = [list(core.stream(*row, SHORT)) for row in rows]
    assert streamed[0] != streamed[2]
    for alone, row in zip(streamed, core.generate(rows, SHORT), strict=True):
        assert [token.text for token in row] == [token.text for token in alone]
        assert [token.logprob for token in row] == pytest.approx([token.logprob for token in alone], abs=1e-4)
    scores = core.score([(picture, rows[0][1]) for picture in PICTURES], [["yes", "no"]] * len(PICTURES))
    assert scores[0] != scores[1]
    beams = GenerationOptions(max_new_tokens=6, num_beams=3)
    assert list(core.stream(*rows[0], beams)) == list(core.generate(rows[:1], beams)[0])


def test_an_answer_ends_where_the_next_turn_would_begin(converted):
    core = core_on(converted)
    tokenizer = core._tokenizer
    for text in ("a dog###Human: b", "a dog ###Human"):
        answer = AnswerText(tokenizer, core.stop_texts)
        pieces = [answer.push(token, 0.0) for token in tokenizer.encode(text, add_special_tokens=False).ids]
        assert "".join(piece.text for piece in pieces if piece).strip() == "a dog"
        assert answer.ended
    assert core._stop_ids == {2, VOCABULARY["▁###"]}


def test_eight_bits_reach_the_language_model_or_the_package_is_named(converted):
    from importlib.util import find_spec

    core = core_on(converted, quantization="8bit")
    if find_spec("bitsandbytes") is None:
        assert "pip install bitsandbytes" in core.available()
    else:
        assert list(core.stream(PICTURES[0], core.render("a", []), SHORT))


def test_the_small_core_is_not_trained_until_its_projection_is(tmp_path):
    core = cores.get("minigpt4-smollm2").from_settings(Settings(adapter=str(tmp_path), offline=True))
    config = AdapterConfig(**{**vars(preset("minigpt4-smollm2")), "base_model": "tiny"})
    (tmp_path / "config.json").write_text(config.to_json())
    assert "is not trained: run `vqa train RECIPE --core minigpt4-smollm2`" in core.available()


def test_the_small_core_puts_the_picture_into_its_own_chat():
    core = cores.get("minigpt4-smollm2").from_settings(Settings())
    assert core.render("Why?", ["Text: BUS"], [("Who?", "A man.")]) == (
        "<|im_start|>user\n<Img><ImageHere></Img>\nQuestion: Who?<|im_end|>\n<|im_start|>assistant\nA man.<|im_end|>\n"
        "<|im_start|>user\nText: BUS\nQuestion: Why?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert {"<ImageHere>", "<Img>", "</Img>", "<|im_end|>"} <= set(core.markers)


@pytest.mark.weights
def test_the_small_core_that_ships_describes_what_it_sees():
    assert (preset_folder("minigpt4-smollm2") / "adapter.safetensors").stat().st_size < 10e6
    core = cores.get("minigpt4-smollm2").from_settings(Settings.load())
    assert core.available() is None
    prompt = core.render("Describe this image in detail.", [])
    said = "".join(token.text for token in core.stream(load_image("example:bus"), prompt, GenerationOptions(80)))
    assert "bus" in said
    assert len(said.split()) > 20
    first, second = (list(core.stream(picture, prompt, SHORT)) for picture in (PICTURES[0], load_image("example:cat")))
    assert first != second


def test_only_the_projection_is_trained_and_its_vectors_start_at_the_scale_of_tokens(tiny_llama):
    config = AdapterConfig(**{**vars(preset("minigpt4-smollm2")), "vision_width": 8, "visual_width": 12})
    model = AdapterLlama(tiny_llama(), config)
    assert model.groups["language"] == {"adapter_query"}
    assert model.adapter_query.numel() == 0
    assert all(name.startswith("visual.") for name in model.groups["visual"])
    vectors = model.visual(torch.randn(2, 49, 8))
    assert vectors.shape == (2, 16, 64)
    spread = model.model.embed_tokens.weight.std()
    assert vectors.std().item() == pytest.approx(spread.item(), rel=0.1)
    assert isinstance(model, Adapted)


def training_rows(core, example):
    form = PromptFormat(partial(core.encode, vectors=3), str, core.render, core.begin_ids, core.end_ids)
    source = Source(format="captions", question="What is it?")
    return make_rows([example], source, form, longest=200, bad=BadRows())[0]


def test_a_training_step_reaches_the_projection_alone(converted, tiny_llama):
    core = core_on(converted)
    pictured = Example("a", "a.jpg", "", ("A dog.", "A cat, perhaps."))
    blind = Example("b", None, "Why?", ("So.",))
    model = AdapterLlama(
        tiny_llama(hidden_size=48, vocab_size=len(VOCABULARY), max_position_embeddings=512), core._config
    ).train()
    trained = train_only(model, model.groups["visual"])
    for example, learns in ((pictured, True), (blind, False)):
        rows = training_rows(core, example)
        features = torch.randn(len(rows), 3, 24) if learns else None
        batch = pack(rows, [row.prompts[0] for row in rows], features)
        assert int((batch.ids == SLOT).sum()) == (3 * len(rows) if learns else 0)
        loss, _ = AnswerLoss(model)(batch)
        if learns:
            loss.backward()
    assert all(bool(parameter.grad.any()) for parameter in trained)
    assert {name for name, p in model.named_parameters() if p.grad is not None} == model.groups["visual"]


def test_a_conversation_is_learnt_as_it_will_be_asked(converted):
    core = core_on(converted)
    (row,) = training_rows(core, Example("a", "a.jpg", "Why?", ("Paint.",), turns=(("Who?", "Ann."),)))
    (answer,) = row.answers
    spans = torch.tensor(answer.ids).split(list(answer.learnt))
    told = [core._tokenizer.decode(span.tolist(), skip_special_tokens=False) for span in spans]
    assert told == ["Paint. ###", "Human: Who? ###Assistant:", "Ann. ###"]
