"""The echo core repeats its prompt, the same in every way of asking."""

import pytest
from PIL import Image

from vqa.protocols import Core
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Token

PICTURE = LoadedImage(Image.new("RGB", (4, 4)), "blank", "0")


@pytest.fixture
def core():
    return cores.get("echo").from_settings(Settings())


def test_it_is_a_core_that_needs_nothing(core):
    assert isinstance(core, Core)
    assert core.available() is None


def test_the_answer_is_the_prompt(core):
    prompt = core.render("What is it?", ["person (0.91)", "bus (0.95)"])
    assert prompt == "person (0.91)\nbus (0.95)\nWhat is it?"
    assert (
        core.render("Why?", ["bus"], [("What?", "A bus."), ("Red?", "Yes.")]) == "What?\nA bus.\nRed?\nYes.\nbus\nWhy?"
    )
    pieces = [token.text for token in core.stream(PICTURE, prompt, GenerationOptions())]
    assert "".join(pieces) == prompt
    assert len(pieces) == core.count_tokens(prompt) == 7


def test_the_answer_is_cut_at_max_new_tokens(core):
    options = GenerationOptions(max_new_tokens=2)
    found = core.generate([(PICTURE, "one  two three"), (PICTURE, " ")], options)
    assert found == [(Token("one  ", 0.0), Token("two ", 0.0)), (Token(" ", 0.0),)]


def test_a_prompt_of_nothing_has_no_tokens(core):
    assert core.count_tokens("") == 0
    assert core.generate([(PICTURE, "")], GenerationOptions()) == [()]
