"""From a released .pth to an answer: bad files refused, the folder written once, and the core that reads it."""

import hashlib
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from typer.testing import CliRunner

from vqa.adapter_model.base_model import base_folder, open_base
from vqa.adapter_model.checkpoints import adapter_folder
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.convert import convert
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.official_names import Llama, multimodal_entries
from vqa.adapter_model.presets import preset
from vqa.adapter_model.transformers_base import load_base
from vqa.cli import app
from vqa.errors import InputError, ModelUnavailable
from vqa.networks.tensor_file import read_tensor_file
from vqa.protocols import Core
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = Llama(width=64, layers=3, heads=4, kv_heads=4, inner=96)
SHORT = GenerationOptions(max_new_tokens=5)
PICTURES = [LoadedImage(Image.new("RGB", (40, 40), colour), colour, colour) for colour in ("red", "blue")]


@pytest.fixture
def released(tmp_path):
    """A small checkpoint of the LORA-BIAS kind on disk, with CLIP features 8 wide and 16 visual heads."""
    config = AdapterConfig(
        **{
            **vars(preset("llama-adapter-v2-7b-lora")),
            "adapter_layers": 2,
            "adapter_len": 3,
            "visual_len": 3,
            "vision_width": 8,
            "visual_width": 32,
            "visual_blocks": 1,
            "lora_rank": 2,
        }
    )
    draw = torch.Generator().manual_seed(0)
    entries = multimodal_entries(config, TINY)
    state = {name: torch.randn(entry.shape, generator=draw) * 0.4 for name, entry in entries.items()}
    path = tmp_path / "LORA-BIAS.pth"
    torch.save({"model": state, "config": {"w_bias": True, "w_lora": True, "lora_rank": 2}}, path)
    return path


@pytest.fixture
def base(tiny_llama, tmp_path):
    """A folder of a LLaMA that the checkpoint fits, with a tokenizer of whole words."""
    folder = tmp_path / "llama"
    tiny_llama(num_key_value_heads=4).save_pretrained(folder)
    words = ["<unk>", "<s>", "</s>", "What", "colour", "is", "it", "?", *(f"w{i}" for i in range(93))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def clip(tmp_path):
    """A folder of a random CLIP whose tokens are 8 wide; returns its name as `vision`."""
    import open_clip

    folder = tmp_path / "clip"
    folder.mkdir()
    vision = {"image_size": 28, "patch_size": 14, "width": 16, "layers": 1, "head_width": 8}
    text = {"context_length": 4, "vocab_size": 20, "width": 8, "heads": 1, "layers": 1}
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    whole = open_clip.CLIP(8, open_clip.CLIPVisionCfg(**vision), open_clip.CLIPTextCfg(**text))
    torch.save(whole.state_dict(), folder / "open_clip_pytorch_model.bin")
    return f"open_clip:local-dir:{folder}"


def test_a_converted_checkpoint_answers_by_the_picture(released, base, clip, tmp_path):
    out = tmp_path / "adapter"
    shown = CliRunner().invoke(app, ["models", "convert", str(released), str(out), "--base-model", str(base)])
    assert shown.exit_code == 0, shown.output
    assert "left out, because nothing uses it: llama.layers.0.attention.gate" in shown.output
    config = json.loads((out / "config.json").read_text())
    assert (config["base_model"], config["base_fingerprint"]) == (str(base), open_base(base).fingerprint)
    (out / "config.json").write_text(json.dumps({**config, "vision": clip}))

    settings = Settings(adapter=str(out), dtype="float32", device="cpu", offline=True)
    core = cores.get("llama-adapter").from_settings(settings)
    assert isinstance(core, Core)
    assert core.available() is None
    assert core.sees()
    prompt = core.render("What colour is it?", [])

    def logprobs(picture):
        return [token.logprob for token in core.stream(picture, prompt, SHORT)]

    assert logprobs(PICTURES[0]) != logprobs(PICTURES[1])
    streamed = [list(core.stream(picture, prompt, SHORT)) for picture in PICTURES]
    for row, alone in zip(core.generate([(picture, prompt) for picture in PICTURES], SHORT), streamed, strict=True):
        assert [token.text for token in row] == [token.text for token in alone]
        assert [token.logprob for token in row] == pytest.approx([token.logprob for token in alone], abs=1e-4)
    assert core.max_prompt_tokens == 1951
    with pytest.raises(InputError, match="llama-adapter takes 1 to 1951, with 96 left"):
        list(core.stream(PICTURES[0], "w1 " * 2000, SHORT))
    with pytest.raises(InputError, match="llama-adapter takes 1 to 1947, with 100 left"):
        list(core.stream(PICTURES[0], "w1 " * 1948, GenerationOptions(max_new_tokens=100)))


def test_threads_that_share_a_core_get_what_each_would_alone(released, base, clip, tmp_path):
    convert(released, tmp_path / "adapter", Settings(base_model=str(base)))
    config = json.loads((tmp_path / "adapter" / "config.json").read_text())
    (tmp_path / "adapter" / "config.json").write_text(json.dumps({**config, "vision": clip}))
    settings = Settings(adapter=str(tmp_path / "adapter"), dtype="float32", device="cpu", offline=True)
    alone, shared = (cores.get("llama-adapter").from_settings(settings) for _ in range(2))
    prompt = alone.render("What colour is it?", [])

    def logprobs(core, picture):
        return [token.logprob for token in core.stream(picture, prompt, SHORT)]

    expected = [logprobs(alone, picture) for picture in PICTURES]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda picture: logprobs(shared, picture), PICTURES * 6))
    assert found == [pytest.approx(one, abs=1e-4) for one in expected * 6]


def test_saved_and_loaded_again_it_is_the_same_model(released, base, tmp_path):
    settings = Settings(base_model=str(base), dtype="float32", device="cpu", offline=True)
    convert(released, tmp_path / "one", settings)
    model = AdapterLlama.from_pretrained(str(tmp_path / "one"), settings=settings)
    model.save_pretrained(tmp_path / "two")
    again = AdapterLlama.from_pretrained(str(tmp_path / "two"), base_model=str(base), settings=settings)
    files = [(tmp_path / name / "adapter.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]
    ids, patches = torch.tensor([[1, 4, 9]]), torch.ones(1, 5, 8)
    one, two = (m(ids, visual_prompt=m.visual(patches)).logits for m in (model, again))
    assert torch.equal(one, two)


def test_without_a_base_to_compare_with_it_says_so_and_loads_by_shape(released, base, tiny_llama, tmp_path):
    said = convert(released, tmp_path / "out", Settings())
    assert any("not compared with a base model" in line for line in said)
    settings = Settings(dtype="float32", device="cpu", offline=True)
    AdapterLlama.from_pretrained(str(tmp_path / "out"), base_model=str(base), settings=settings)
    tiny_llama(num_key_value_heads=4, intermediate_size=80).save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match=r"mis-shaped: model\.layers\.0\.mlp\.down_proj"):
        AdapterLlama.from_pretrained(str(tmp_path / "out"), base_model=str(tmp_path / "other"), settings=settings)


def test_a_wrong_base_is_refused_before_anything_is_written(released, tiny_llama, tmp_path):
    tiny_llama(num_key_value_heads=4, num_hidden_layers=2).save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match=r"wrong base model.* layers 3 \(the base has 2\)"):
        convert(released, tmp_path / "out", Settings(base_model=str(tmp_path / "other")))
    assert not (tmp_path / "out").exists()


def test_an_adapter_is_not_overwritten(released, tmp_path):
    convert(released, tmp_path / "out", Settings())
    with pytest.raises(InputError, match="there is an adapter already"):
        convert(released, tmp_path / "out", Settings())


def test_a_released_file_must_have_the_hash_in_its_name(released, tmp_path):
    digest = hashlib.sha256(released.read_bytes()).hexdigest()
    named = released.rename(tmp_path / f"{digest}_BIAS-7B.pth")
    convert(named, tmp_path / "out", Settings())
    wrong = named.rename(tmp_path / f"{'0' * 64}_BIAS-7B.pth")
    with pytest.raises(InputError, match="its sha256 is"):
        convert(wrong, tmp_path / "other", Settings())


class Bomb:
    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self):
        return (self.touched.touch, ())


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path, _: path.write_bytes(path.read_bytes()[:-2000]), "damaged"),
        (lambda path, _: path.write_bytes(b""), "damaged"),
        (lambda path, _: path.write_bytes(b"<html>not found</html>"), "damaged"),
        (lambda path, touched: torch.save({"model": Bomb(touched)}, path), "a pickle with code"),
        (lambda path, touched: path.write_bytes(pickle.dumps(Bomb(touched), protocol=2)), "a pickle with code|damaged"),
        (lambda path, _: torch.save([1, 2], path), "expected a dict of tensors, found list"),
        (lambda path, _: torch.save({"model": 3}, path), "not a LLaMA-Adapter V2 checkpoint"),
        (lambda path, _: torch.save({"weight": torch.zeros(2)}, path), "it has no visual_query.weight|adapter_query"),
        (lambda path, _: path.unlink(), "cannot be read"),
    ],
    ids=["truncated", "empty", "a web page", "code", "bare pickle", "a list", "a number", "another model", "nothing"],
)
def test_a_bad_file_is_refused_in_one_line(released, tmp_path, write, words):
    touched = tmp_path / "touched"
    write(released, touched)
    with pytest.raises(InputError, match=words) as caught:
        convert(released, tmp_path / "out", Settings())
    assert "\n" not in str(caught.value)
    assert str(released) in str(caught.value)
    assert not touched.exists()


def test_files_of_the_older_format_are_read(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_tensor_file(tmp_path / "old.pth")["a"], torch.ones(2))


def test_the_prompt_is_alpacas_and_the_evidence_is_its_input():
    core = cores.get("llama-adapter").from_settings(Settings())
    assert core.render("How {many}?", []) == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\nHow {many}?\n\n### Response:"
    )
    assert core.render("How many?", ["Detector: 2 {dogs}", "Text: hello"]) == (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request."
        "\n\n### Instruction:\nHow many?\n\n### Input:\nDetector: 2 {dogs}\nText: hello\n\n### Response:"
    )
    assert "###" in core.markers


def test_earlier_turns_stand_between_alpacas_introduction_and_the_question():
    core = cores.get("llama-adapter").from_settings(Settings())
    assert core.render("How many?", ["Text: {x}"], [("Is it {red}?", "Yes."), ("Why?", "Paint.")]) == (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nIs it {red}?\n\n### Response:Yes.\n\n"
        "### Instruction:\nWhy?\n\n### Response:Paint.\n\n"
        "### Instruction:\nHow many?\n\n### Input:\nText: {x}\n\n### Response:"
    )


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        ("", "no adapter chosen"),
        ("llama-adapter-v2-7b", "comes without weights: get its .pth from https://github.com/"),
    ],
)
def test_without_weights_it_says_what_to_do(adapter, words):
    core = cores.get("llama-adapter").from_settings(Settings(adapter=adapter))
    assert words in core.available()
    with pytest.raises(ModelUnavailable, match=words):
        core.sees()


def test_an_adapter_comes_from_a_preset_a_folder_or_the_cache_of_the_hub(released, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert adapter_folder("paper-7b").name == "paper-7b"
    assert adapter_folder(str(tmp_path)) == tmp_path
    with pytest.raises(InputError, match=r"adapter='\./nowhere': no such folder"):
        adapter_folder("./nowhere")
    with pytest.raises(ModelUnavailable, match="me/mine is not in the Hugging Face cache"):
        adapter_folder("me/mine", offline=True)
    repository, commit = tmp_path / "hub" / "models--me--mine", "0" * 40
    convert(released, repository / "snapshots" / commit, Settings())
    for branch in ("main", "tried"):
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
    for name in ("me/mine", "me/mine@tried"):
        assert adapter_folder(name, offline=True) == repository / "snapshots" / commit
    with pytest.raises(ModelUnavailable, match="me/mine@other"):
        adapter_folder("me/mine@other", offline=True)


def test_a_base_is_a_folder_or_refused_as_none(base, tmp_path):
    options = {"dtype": torch.float32, "device": torch.device("cpu")}
    assert base_folder(str(base), Settings()) == base
    with pytest.raises(InputError, match=r"base_model='\./none': no such folder"):
        base_folder("./none", Settings())
    with pytest.raises(InputError, match="no language model there"):
        load_base(tmp_path, **options)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(InputError, match="a model of type 'gpt2'"):
        load_base(base, **options)
    (base / "config.json").write_text(json.dumps(config))
    (base / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        load_base(base, **options)


def test_a_base_saved_as_bin_has_the_fingerprint_of_safetensors(base):
    from safetensors.torch import load_file

    expected = open_base(base).fingerprint
    torch.save(load_file(base / "model.safetensors"), base / "pytorch_model.bin")
    (base / "model.safetensors").unlink()
    assert open_base(base).fingerprint == expected
    assert load_base(base, dtype=torch.float32, device=torch.device("cpu"))[1] == expected
