"""Recipes: what is written is what is done, and every mistake is told in one line before anything is loaded."""

from pathlib import Path

import pytest
import yaml

from vqa.adapter_model.training.recipe_file import load_recipe
from vqa.errors import InputError

ROOT = Path(__file__).parents[1]
PLAIN = {
    "sources": {"pairs": {"format": "captions", "path": "rows.jsonl", "pictures": "shots"}},
    "stages": [{"steps": 10}],
}


@pytest.fixture
def write(tmp_path):
    """A function that writes a recipe with some top-level keys changed and returns its path."""

    def write(**changes):
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({**PLAIN, **changes}))
        return path

    return write


def test_paths_are_relative_to_the_recipe(write, tmp_path):
    recipe = load_recipe(write(output="run"))
    source = recipe.sources["pairs"]
    assert (source.path, source.pictures) == (str(tmp_path / "rows.jsonl"), str(tmp_path / "shots"))
    assert recipe.output == str(tmp_path / "run")


def test_the_command_line_chooses_the_folder(write, tmp_path):
    assert load_recipe(write(), output=tmp_path / "other").output == str(tmp_path / "other")


def test_variables_come_from_the_command_line_then_the_file_then_the_environment(write, tmp_path, monkeypatch):
    monkeypatch.setenv("PICTURES", "from-environment")
    source = {"format": "captions", "path": "${rows}", "pictures": "${PICTURES}", "question": "${rows}?"}
    path = write(variables={"rows": "a.jsonl"}, sources={"pairs": source})
    assert load_recipe(path).sources["pairs"].path == str(tmp_path / "a.jsonl")
    found = load_recipe(path, changes=["rows=b.jsonl"]).sources["pairs"]
    assert (found.path, found.question) == (str(tmp_path / "b.jsonl"), "b.jsonl?")
    assert found.pictures == str(tmp_path / "from-environment")


def test_a_value_of_the_command_line_that_is_here_means_that(write, tmp_path, monkeypatch):
    here = tmp_path / "elsewhere"
    here.mkdir()
    (here / "rows.csv").touch()
    monkeypatch.chdir(here)
    assert load_recipe(write(), changes=["sources.pairs.path=rows.csv"]).sources["pairs"].path == str(here / "rows.csv")


def test_dotted_keys_change_lists_and_numbers(write):
    recipe = load_recipe(write(), changes=["stages.0.steps=7", "stages.0.learning_rate=3e-4", "seed=5"])
    assert (recipe.stages[0].steps, recipe.stages[0].learning_rate, recipe.seed) == (7, 3e-4, 5)


def test_groups_follow_from_the_sources(write):
    both = {**PLAIN["sources"], "words": {"format": "alpaca", "path": "a.json", "group": "language"}}
    stages = [{"steps": 1, "sources": {"pairs": 1}}]
    assert load_recipe(write(sources=both, stages=stages)).trained_groups() == ("visual",)
    assert load_recipe(write(sources=both)).trained_groups() == ("visual", "language")


MISTAKES = {
    "stagse: unknown key 'stagse'; did you mean 'stages'": {"stagse": []},
    "stages.0.step: unknown key 'step'; did you mean 'steps'": {"stages": [{"steps": 1, "step": 2}]},
    "sources.pairs.pathh: unknown key 'pathh'; did you mean 'path'": {
        "sources": {"pairs": {"format": "captions", "pathh": "x"}}
    },
    "stages.0.steps: missing": {"stages": [{}]},
    "stages.0.steps=0: input should be greater than 0": {"stages": [{"steps": 0}]},
    "sources.pairs.format='caption'": {"sources": {"pairs": {"format": "caption"}}},
    "no source 'pear'; there are pairs": {"stages": [{"steps": 1, "sources": {"pear": 1}}]},
    "none for the visual group": {"stages": [{"steps": 1, "learning_rate": {"language": 0.1}}]},
    "every weight is 0": {"stages": [{"steps": 1, "sources": {"pairs": 0}}]},
    "give init or adapter.preset, not both": {"init": "x", "adapter": {"preset": "smollm2-135m"}},
    r"\$\{nowhere\} has no value; give --set nowhere": {"output": "${nowhere}"},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_named_with_its_place(write, message):
    with pytest.raises(InputError, match=message) as error:
        load_recipe(write(**MISTAKES[message]))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("steps", "expected key=value"),
        ("stages.1.steps=2", "unknown key '1'"),
        ("stages.0.setps=2", "unknown key 'setps'; did you mean 'steps'"),
        ("sed=2", "unknown key 'sed'; did you mean 'seed'"),
    ],
)
def test_a_mistaken_change_is_named(write, change, message):
    with pytest.raises(InputError, match=message):
        load_recipe(write(), changes=[change])


def test_a_file_that_is_no_recipe_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_recipe(tmp_path / "missing.yaml")
    for text, message in (("- a\n", "expected keys and values"), ("a: [", "not valid YAML")):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(InputError, match=message):
            load_recipe(tmp_path / "bad.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_that_ships_can_be_read(path):
    assert load_recipe(path).stages


def test_the_recipe_of_the_documentation_can_be_read(tmp_path):
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert recipe.trained_groups() == ("visual", "language")
    assert recipe.stages[0].learning_rate == {"visual": 1e-3, "language": 2e-3}


def test_the_documentation_names_every_key():
    from vqa.adapter_model.training.recipe import Recipe, Source, Stage

    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    keys = [key for model in (Recipe, Source, Stage) for key in model.model_fields if key != "name"]
    assert [key for key in keys if f"`{key}`" not in page and f"{key}:" not in page] == []
