"""Every example is a picture one can look at, inside a package that is installed anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqa.errors import InputError, ModelUnavailable
from vqa.examples import Example, examples, get_example
from vqa.images import load_image


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_every_example_is_a_picture_with_a_question(example: Example) -> None:
    image = load_image(example.source)
    assert image.source == f"example:{example.name}"
    assert min(image.pil.size) > 100
    assert example.question.endswith("?")


def test_the_examples_of_the_documentation_exist() -> None:
    assert {"bus", "zidane", "cat", "coffee", "astronaut", "page"} <= {example.name for example in examples()}


def test_an_unknown_example_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown example 'asronaut': did you mean 'astronaut'\?"):
        get_example("asronaut")


def test_a_missing_package_says_how_to_get_it() -> None:
    example = Example("moon", "Is it full?", "no_such_package", "moon.png", "no-such-distribution")
    with pytest.raises(ModelUnavailable, match="not installed: pip install --force-reinstall no-such-distribution"):
        example.path()


def test_a_package_without_the_file_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow_package").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelUnavailable, match="installed without it: pip install --force-reinstall hollow"):
        Example("moon", "Is it full?", "hollow_package", "moon.png", "hollow").path()
