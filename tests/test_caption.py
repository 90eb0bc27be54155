"""The caption expert, on a BLIP a few layers deep with random weights, saved to a folder as the hub saves one."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vqa.errors import InputError, ModelUnavailable
from vqa.experts.caption import CaptionExpert
from vqa.images import load_image
from vqa.protocols import Expert
from vqa.registry import experts
from vqa.settings import Settings
from vqa.values import LoadedImage

WORDS = "a an the red green blue cat dog bus on in grass street big small".split()


@pytest.fixture(scope="module")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import (
        BertTokenizerFast,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
    )

    folder = tmp_path_factory.mktemp("blip")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "[DEC]"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    image_processor = BlipImageProcessor(size={"height": 32, "width": 32})
    BlipProcessor(image_processor, tokenizer).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"bos_token_id": len(vocabulary) - 1, "eos_token_id": 2, "sep_token_id": 3, "pad_token_id": 0}
    text = {**sizes, **ids, "vocab_size": len(vocabulary), "encoder_hidden_size": 32, "max_position_embeddings": 64}
    vision = {**sizes, "image_size": 32, "patch_size": 16}
    torch.manual_seed(0)
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16, initializer_range=0.5)
    model = BlipForConditionalGeneration(config)
    with torch.no_grad():  # say words and the end, nothing else
        for token in (0, 1, 2, 4, len(vocabulary) - 1):
            model.text_decoder.cls.predictions.bias[token] = -50.0
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def picture() -> LoadedImage:
    gradient = Image.linear_gradient("L").resize((90, 60))
    return load_image(Image.merge("RGB", (gradient, gradient.rotate(90), gradient.rotate(180))))


def test_is_an_expert_found_by_name() -> None:
    expert = experts.get("caption").from_settings(Settings(caption_model="Salesforce/blip-image-captioning-base"))
    assert isinstance(expert, Expert)
    assert (expert.kind, expert.uses_question) == ("caption", False)
    assert {"describe", "why", "묘사"} <= set(expert.cues)


def test_the_built_in_captioner_is_asked_for_descriptions_alone() -> None:
    cues = experts.get("caption").from_settings(Settings()).cues
    assert "describe" in cues
    assert "what color" not in " ".join(cues)
    assert "why" not in cues


def test_without_a_model_it_is_absent_and_says_what_to_set(picture: LoadedImage) -> None:
    expert = CaptionExpert.from_settings(Settings(caption_model=""))
    reason = expert.available()
    assert reason is not None
    assert "caption_model" in reason
    with pytest.raises(ModelUnavailable, match="caption_model"):
        expert.look(picture)


@pytest.mark.weights
def test_the_built_in_captioner_describes_a_photo_in_a_sentence() -> None:
    expert = CaptionExpert.from_settings(Settings.load({"caption_model": "smollm2-captions"}))
    assert expert.available() is None
    finding = expert.look(load_image("example:bus"))
    assert finding.model == "smollm2-captions"
    assert finding.text.startswith(("A ", "Two ", "Three ", "The ", "People "))
    assert finding.text.endswith(".")
    assert set(finding.text.lower().split()) & {"man", "woman", "people", "men", "person"}
    assert 0 < finding.regions[0].score <= 1
    same = CaptionExpert.from_settings(Settings.load({"caption_model": "smollm2-captions"}))
    other = CaptionExpert.from_settings(Settings.load({"caption_model": "smollm2-captions", "dtype": "float32"}))
    assert expert.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.weights
def test_the_built_in_captioner_says_of_many_photos_what_it_says_of_each() -> None:
    expert = CaptionExpert.from_settings(Settings())
    pictures = [load_image(f"example:{name}") for name in ("bus", "zidane", "coffee")]
    together = expert.look_at_many(pictures)
    alone = [expert.look(picture) for picture in pictures]
    assert [(f.regions, f.instead) for f in together] == [(f.regions, f.instead) for f in alone]
    assert len({finding.text for finding in together}) == 3


def test_captions_the_whole_picture_from_a_folder(blip_folder: Path, picture: LoadedImage) -> None:
    expert = CaptionExpert.from_settings(Settings(caption_model=str(blip_folder), offline=True))
    assert expert.available() is None
    finding = expert.look(picture)
    assert finding.text
    assert set(finding.text.split()) <= {*WORDS}
    (region,) = finding.regions
    assert (region.label, region.xyxy) == (finding.text, (0.0, 0.0, 90.0, 60.0))
    assert finding.size == (90, 60)
    assert finding.model == str(blip_folder)
    assert finding.seconds > 0


def test_score_is_the_geometric_mean_of_the_tokens_probabilities(blip_folder: Path, picture: LoadedImage) -> None:
    """Reads the caption back into the model, all tokens at once, and multiplies what it gives each."""
    import torch
    from transformers import BlipForConditionalGeneration, BlipProcessor

    expert = CaptionExpert.from_settings(Settings(caption_model=str(blip_folder), dtype="float32", device="cpu"))
    finding = expert.look(picture)
    model = BlipForConditionalGeneration.from_pretrained(blip_folder).eval()
    processor = BlipProcessor.from_pretrained(blip_folder)
    tokens = processor.tokenizer.convert_tokens_to_ids(finding.text.split())
    with torch.inference_mode():
        seen = model.vision_model(**processor(images=picture.pil, return_tensors="pt"))[0]
        ids = torch.tensor([[model.config.text_config.bos_token_id, *tokens]])
        logits = model.text_decoder(input_ids=ids, encoder_hidden_states=seen).logits[0]
    end = [model.config.text_config.sep_token_id] if len(tokens) < 20 else []
    logprobs = [logits[i].log_softmax(-1)[t].item() for i, t in enumerate([*tokens, *end])]
    assert finding.regions[0].score == pytest.approx(math.exp(sum(logprobs) / len(logprobs)), rel=1e-3)


def test_same_picture_same_caption(blip_folder: Path, picture: LoadedImage) -> None:
    settings = Settings(caption_model=str(blip_folder))
    first, second = (CaptionExpert.from_settings(settings).look(picture) for _ in range(2))
    assert (first.text, first.regions) == (second.text, second.regions)


def test_loads_its_weights_once(blip_folder: Path, picture: LoadedImage, tmp_path: Path) -> None:
    copy = tmp_path / "blip"
    copy.mkdir()
    for file in blip_folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    expert = CaptionExpert.from_settings(Settings(caption_model=str(copy)))
    first = expert.look(picture)
    for file in copy.iterdir():
        file.unlink()
    assert expert.look(picture).text == first.text


def test_a_folder_without_a_model_is_named(tmp_path: Path, picture: LoadedImage) -> None:
    expert = CaptionExpert.from_settings(Settings(caption_model=str(tmp_path)))
    assert str(tmp_path) in (expert.available() or "")
    with pytest.raises(ModelUnavailable, match="cannot be loaded") as caught:
        expert.look(picture)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused_not_filled_in_at_random(
    blip_folder: Path, tmp_path: Path, picture: LoadedImage
) -> None:
    from safetensors.torch import load_file, save_file

    for file in blip_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = sorted(name for name in weights if "vision_model.encoder.layers.1" in name)
    save_file({n: w for n, w in weights.items() if n not in lost}, tmp_path / "model.safetensors", {"format": "pt"})
    expert = CaptionExpert.from_settings(Settings(caption_model=str(tmp_path)))
    with pytest.raises(ModelUnavailable, match=f"{len(lost)} weights missing"):
        expert.look(picture)


def test_offline_a_hub_model_that_is_not_cached_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expert = CaptionExpert.from_settings(Settings(caption_model="nobody/has-this-captioner", offline=True))
    assert "not in the Hugging Face cache" in (expert.available() or "")
    assert CaptionExpert.from_settings(Settings(caption_model="nobody/has-this-captioner")).available() is None


def test_a_device_that_is_not_there_is_an_input_error(blip_folder: Path, picture: LoadedImage) -> None:
    with pytest.raises(InputError, match="device='cuda:77'"):
        CaptionExpert.from_settings(Settings(caption_model=str(blip_folder), device="cuda:77")).look(picture)


def test_neither_reading_expert_imports_a_heavy_package() -> None:
    heavy = "torch transformers easyocr onnxruntime numpy PIL cv2 huggingface_hub"
    script = (
        "import sys; from vqa.settings import Settings; from vqa.experts.ocr import OcrExpert; "
        "from vqa.experts.caption import CaptionExpert; "
        "[e.from_settings(Settings()).available() for e in (OcrExpert, CaptionExpert)]; "
        f"print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
