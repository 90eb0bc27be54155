"""A recipe from its file to an adapter that a core can answer with, on a tiny random base model."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from vqa.adapter_model.checkpoints import sees
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.training.recipe_file import load_recipe
from vqa.adapter_model.training.train import train
from vqa.cli import app
from vqa.commands import run
from vqa.errors import InputError
from vqa.registry import cores
from vqa.settings import Settings

WORDS = ["<unk>", "<s>", "</s>", "a", "red", "blue", "thing", "What", "color", "?", "Describe", "it", "."]
SHAPE = {
    "fusion": "early",
    "early_layers": 1,
    "adapter_layers": 2,
    "adapter_len": 4,
    "visual_len": 4,
    "vision_width": 3,
    "visual_width": 16,
    "visual_blocks": 1,
    "visual_heads": 2,
}


class MeanColour:
    """An encoder whose one patch is a picture's mean colour."""

    def fingerprint(self):
        return hashlib.sha256(b"mean colour").hexdigest()

    def features(self, images):
        colours = [image.pil.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) for image in images]
        return torch.tensor(colours)[:, None].float() / 255


@pytest.fixture
def base(tiny_llama, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path / "base"
    tiny_llama().save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def recipe(base, tmp_path):
    """A function that writes a recipe over red and blue pictures and instructions, and returns it loaded."""
    rows = []
    for number in range(6):
        color = ("red", "blue")[number % 2]
        Image.new("RGB", (8, 8), color).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "captions": [f"a {color} thing .", f"{color} thing ."]})
    rows += [{"image": "missing.png", "captions": ["a thing ."]}, {"image": "0.png"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = [{"question": "What color ?", "evidence": ["red thing"], "answer": "red", "image": None}] * 4
    (tmp_path / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))

    def write(**changes):
        data = {
            "adapter": {"preset": "paper-7b", "base_model": str(base), **SHAPE},
            "output": "run",
            "sources": {
                "pairs": {
                    "format": "captions",
                    "path": "rows.jsonl",
                    "question": "Describe it .",
                    "views": ["plain", "flip"],
                },
                "words": {"format": "instructions", "path": "words.jsonl", "group": "language"},
            },
            "validation": {"pairs": {"format": "captions", "path": "rows.jsonl", "question": "Describe it ."}},
            "stages": [{"steps": 40, "batch": 4, "warmup": 0, "learning_rate": 0.02, "order": "alternate"}],
            "validate_every": 20,
            **changes,
        }
        if "init" in data and "adapter" not in changes:
            del data["adapter"]
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(data))
        return load_recipe(tmp_path / "recipe.yaml")

    return write


@pytest.fixture
def settings(base):
    return Settings.load({"core": "llama-adapter", "base_model": str(base), "device": "cpu", "dtype": "float32"})


def learn(recipe, settings, **options):
    core = cores.get("llama-adapter").from_settings(settings)
    return train(recipe, core, settings, encoder=MeanColour(), **options)


def test_a_recipe_becomes_an_adapter_that_sees(recipe, settings, tmp_path):
    report = "\n".join(learn(recipe(), settings))
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} >= {"best", "last", "metrics.jsonl", "curves.png", "features"}
    assert sees(folder / "best")
    assert AdapterConfig.from_file(folder / "best" / "config.json").groups == ("visual", "language")
    assert "pairs: 2 rows left out: rows.jsonl line 8: no captions; missing.png: no such picture" in report
    assert "pairs (validation)" in report
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    measured = [line["loss"] for line in lines if "validation" in line]
    assert len(measured) == 2
    assert measured[-1] < lines[0]["loss"] / 2


def test_a_run_is_not_begun_twice_and_a_finished_one_only_reports(recipe, settings):
    made = recipe(stages=[{"steps": 2, "batch": 2}])
    first = learn(made, settings, resume=True)
    with pytest.raises(InputError, match="go on with --resume"):
        learn(made, settings)
    assert learn(made, settings, resume=True) == first
    changed = recipe(stages=[{"steps": 3, "batch": 2}])
    with pytest.raises(InputError, match=r"another recipe \(changed: stages\)"):
        learn(changed, settings, resume=True)


def test_an_adapter_can_be_begun_from_another(recipe, settings, tmp_path):
    only = {"steps": 2, "batch": 2, "sources": {"pairs": 1}}
    learn(recipe(stages=[only], output="first"), settings)
    assert AdapterConfig.from_file(tmp_path / "first" / "last" / "config.json").groups == ("visual",)
    second = recipe(stages=[{**only, "sources": {"words": 1}}], output="second", init="first/last")
    learn(second, settings)
    from safetensors.torch import load_file

    before, after = (load_file(tmp_path / name / "last" / "adapter.safetensors") for name in ("first", "second"))
    assert before.keys() < after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_an_adapter_begun_from_another_may_learn_more_than_it(recipe, settings, tmp_path):
    only = {"steps": 2, "batch": 2, "sources": {"pairs": 1}}
    learn(recipe(stages=[only], output="first"), settings)
    stages = [{**only, "sources": {"words": 1}}]
    learn(recipe(stages=stages, output="second", init="first/last", adapter={"lora_rank": 2}), settings)
    before, after = (AdapterConfig.from_file(tmp_path / name / "last" / "config.json") for name in ("first", "second"))
    assert after == replace(before, lora_rank=2, groups=("visual", "language"))


def test_minigpt4_s_two_stages_train_the_way_of_the_picture_and_nothing_else(recipe, base, settings, tmp_path):
    recipe()  # for its pictures and captions
    recipes = Path(__file__).resolve().parent.parent / "benchmarks" / "recipes"
    shape = {"base_model": base, "vision_width": 3, "visual_len": 4, "visual_width": 16, "visual_blocks": 1}
    first = load_recipe(
        recipes / "minigpt4-stage1.yaml",
        changes=[
            *(f"adapter.{name}={value}" for name, value in {**shape, "visual_heads": 2}.items()),
            *(
                f"{name}.where={{}}"
                for name in ("sources.whole", "sources.pairs", "sources.asked", "validation.held-out")
            ),
            *(f"{name}={value}" for name, value in {"rows": tmp_path / "rows.jsonl", "pictures": tmp_path}.items()),
            *("words=1", "steps=2", "asked=1", "batch=2"),
        ],
        output=tmp_path / "first",
    )
    told = [{"image": "0.png", "caption": "a red thing . a red thing", "tokens": 7, "turns": 1, "described": "a"}] * 2
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    core = cores.get("minigpt4").from_settings(settings)
    train(first, core, settings, encoder=MeanColour())
    second = load_recipe(
        recipes / "minigpt4-stage2.yaml",
        changes=[
            *(f"first={tmp_path / 'first' / 'best'}", f"pictures={tmp_path}", f"captions={tmp_path / 'rows.jsonl'}"),
            *(f"{name}={tmp_path / 'long.jsonl'}" for name in ("rows", "told")),
            *("sources.brief.where={}", "steps=2", "batch=2", "gradient_checkpointing=true"),
        ],
        output=tmp_path / "second",
    )
    assert len({second.sources["descriptions"].question, *second.sources["descriptions"].questions}) == 5
    train(second, core, settings, encoder=MeanColour())
    from safetensors.torch import load_file

    for name in ("first", "second"):
        config = AdapterConfig.from_file(tmp_path / name / "last" / "config.json")
        assert (config.fusion, config.groups) == ("input", ("visual",))
    before, after = (load_file(tmp_path / name / "last" / "adapter.safetensors") for name in ("first", "second"))
    assert before.keys() == after.keys()
    assert all(name.startswith("visual.") for name in after)
    assert sum(not torch.equal(value, after[name]) for name, value in before.items()) > len(before) / 2


def test_gradient_checkpointing_changes_no_weight(recipe, settings, tmp_path):
    stages = [{"steps": 3, "batch": 2, "warmup": 0}]
    for name, on in (("off", False), ("on", True)):
        learn(recipe(stages=stages, output=name, gradient_checkpointing=on), settings)
    off, on = ((tmp_path / name / "last" / "adapter.safetensors").read_bytes() for name in ("off", "on"))
    assert off == on


def test_the_command_tells_mistakes_before_it_loads_anything(tmp_path, capsys):
    assert run(app, ["train", str(tmp_path / "missing.yaml")]) == 2
    assert "missing.yaml: cannot be read" in capsys.readouterr().err
    assert run(app, ["train", str(tmp_path / "missing.yaml"), "--core", "echo"]) == 2
    assert "core 'echo' cannot be trained" in capsys.readouterr().err
