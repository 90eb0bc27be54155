"""Layers of settings, where each value came from, and what each layer may not say."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from vqa.errors import InputError
from vqa.settings import Settings, default_home, setting_help, setting_names, user_config_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project folder; the user's own configuration is empty too."""
    for name in setting_names():
        monkeypatch.delenv(f"VQA_{name.upper()}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


def write_user_config(text: str) -> None:
    user_config_file().parent.mkdir(parents=True)
    user_config_file().write_text(text, encoding="utf-8")


def refusal(**flags: Any) -> str:
    with pytest.raises(InputError) as caught:
        Settings.load(flags)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_without_any_layer_everything_is_a_default(tmp_path: Path) -> None:
    settings = Settings.load()
    assert settings == Settings()
    assert settings.home == default_home() == tmp_path / "cache" / "vqa"
    assert set(settings.origins) == set(setting_names())
    assert set(settings.origins.values()) == {"default"}


def test_each_layer_overrides_the_one_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_user_config("max_new_tokens = 1\nseed = 1\ntop_p = 0.1\nrouter = 'all'\n")
    (folder / "vqa.toml").write_text("max_new_tokens = 2\nseed = 2\ntop_p = 0.2\n")
    monkeypatch.setenv("VQA_MAX_NEW_TOKENS", "3")
    monkeypatch.setenv("VQA_SEED", "3")
    settings = Settings.load({"max_new_tokens": 4, "core": None})
    assert (settings.max_new_tokens, settings.seed, settings.top_p, settings.router) == (4, 3, 0.2, "all")
    assert settings.origins["max_new_tokens"] == "flag"
    assert settings.origins["seed"] == "VQA_SEED"
    assert settings.origins["top_p"] == str(folder / "vqa.toml")
    assert settings.origins["router"] == str(user_config_file())
    assert settings.origins["core"] == "default"


def test_another_project_folder_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "vqa.toml").write_text("seed = 7\n")
    assert Settings.load(folder=tmp_path).seed == 7
    assert Settings.load().seed == 0


def test_text_from_the_environment_becomes_what_the_setting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"EXPERTS": " detect, ocr,,", "TILES": "No", "TEMPERATURE": "0.5", "HOME": "~/weights"}.items():
        monkeypatch.setenv(f"VQA_{name}", text)
    settings = Settings.load()
    assert settings.experts == ("detect", "ocr")
    assert settings.tiles is False
    assert settings.temperature == 0.5
    assert settings.home == Path.home() / "weights"


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in setting_names():
        monkeypatch.setenv(f"VQA_{name.upper()}", "")
    assert Settings.load() == Settings()


def test_lists_are_taken_as_lists() -> None:
    assert Settings.load({"experts": ["ocr"]}).experts == ("ocr",)
    assert Settings.load({"experts": ()}).experts == ()


def test_an_unknown_name_says_where_it_is_and_what_was_meant(folder: Path) -> None:
    (folder / "vqa.toml").write_text("sead = 1\n")
    text = refusal()
    assert str(folder / "vqa.toml") in text
    assert "unknown setting 'sead': did you mean 'seed'?" in text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_new_tokens", "many", "a whole number"),
        ("max_new_tokens", 2.5, "a whole number"),
        ("max_new_tokens", True, "a whole number"),
        ("max_new_tokens", 0, "a whole number, at least 1"),
        ("seed", -1, "a whole number, 0 to"),
        ("temperature", "nan", "a number, at least 0"),
        ("temperature", -0.1, "a number, at least 0"),
        ("top_p", 1.5, "a number, 0 to 1"),
        ("offline", "maybe", "true or false"),
        ("core", 3, "text"),
        ("experts", 3, "words, separated by commas or in a list"),
        ("experts", [1, 2], "words, separated by commas or in a list"),
        ("home", 3, "a folder"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_what_was_expected(name: str, value: Any, expected: str) -> None:
    text = refusal(**{name: value})
    assert text.startswith(f"{name}={value!r} (flag): expected {expected}")


def test_a_refusal_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_SEED", "x")
    assert "VQA_SEED" in refusal()


@pytest.mark.parametrize("content", [b"seed = ", b"\xff\xfe", b"[seed\n"])
def test_a_file_that_is_no_toml_is_named(folder: Path, content: bytes) -> None:
    (folder / "vqa.toml").write_bytes(content)
    assert f"{folder / 'vqa.toml'}: not valid TOML" in refusal()


def test_settings_are_frozen_and_survive_pickling() -> None:
    settings = Settings.load({"experts": "ocr"})
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.origins == settings.origins
    with pytest.raises(AttributeError):
        settings.seed = 1  # type: ignore[misc]


def test_every_setting_explains_itself() -> None:
    assert all(len(setting_help(name)) > 5 for name in setting_names())


def test_strings_that_end_an_answer_stand_in_a_list_as_they_are(folder: Path) -> None:
    (folder / "vqa.toml").write_text('stop = ["\\n", " ", "###"]\n')
    assert Settings.load().stop == ("\n", " ", "###")
    assert Settings.load({"stop": "END, ###"}).stop == ("END", "###")
