"""The values of an answer go through dictionaries, JSON and pickles and come back the same."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vqa.images import load_image
from vqa.values import Answer, Finding, GenerationOptions, Prompt, Question, Region, Route

QUESTION = Question("무엇이 있나요?", "a.jpg", "q1", ("yes", "no"))
REGION = Region((1.0, 2.5, 30.0, 40.5), "person", 0.875)
FINDING = Finding(
    "detect",
    "objects",
    "a person",
    (REGION,),
    "efficientdet-lite2",
    0.25,
    None,
    ("tiles",),
    ("person", "bus"),
    (640, 480),
)
FAILED = Finding("ocr", "text", "", error="no weights")
ROUTE = Route(("detect", "ocr"), "asks how many", "rules", {"detect": "how many", "caption": "nothing to describe"})
PROMPT = Prompt("<|im_start|>…", ("a person",), ("a bus: no room",), 120, 500)
ANSWER = Answer(
    "1", 0.75, QUESTION, ROUTE, (FINDING, FAILED), PROMPT, "echo", {"detect": 0.25, "total": 1.5}, ("note",)
)


@pytest.mark.parametrize("value", [QUESTION, REGION, FINDING, FAILED, ROUTE, PROMPT, ANSWER])
def test_a_value_comes_back_the_same_from_json(value: Any) -> None:
    assert type(value).from_dict(json.loads(json.dumps(value.to_dict()))) == value


@pytest.mark.parametrize("value", [QUESTION, REGION, FINDING, ROUTE, PROMPT, GenerationOptions(), ANSWER])
def test_a_value_comes_back_the_same_from_a_pickle(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_what_may_be_left_out_of_a_dictionary_has_a_default() -> None:
    assert Question.from_dict({"text": "?"}) == Question("?")
    assert Finding.from_dict({"expert": "ocr", "kind": "text", "text": ""}) == Finding("ocr", "text", "")
    assert Route.from_dict({"experts": [], "reason": "r", "router": "none"}) == Route((), "r", "none")


def test_an_unsure_answer_has_no_confidence_in_json_either() -> None:
    data = {**ANSWER.to_dict(), "confidence": None}
    assert Answer.from_dict(data).confidence is None
    assert json.loads(Answer.from_dict(data).to_json())["confidence"] is None


def test_json_rounds_what_no_reader_needs() -> None:
    assert Region((0.123, 1.0, 2.0, 3.96), "cat", 0.123456).to_dict() == {
        "label": "cat",
        "score": 0.1235,
        "xyxy": [0.1, 1.0, 2.0, 4.0],
    }


def test_numbers_of_numpy_become_json() -> None:
    region = Region(tuple(np.array([0, 1, 2, 3], np.float32)), "cat", np.float32(0.5))  # type: ignore[arg-type]
    assert json.loads(json.dumps(region.to_dict())) == {"label": "cat", "score": 0.5, "xyxy": [0, 1, 2, 3]}


def test_json_keeps_every_script_readable() -> None:
    assert "무엇이 있나요?" in ANSWER.to_json()
    assert "\n" not in ANSWER.to_json()
    assert ANSWER.to_json(indent=2).startswith('{\n  "answer": "1"')


def test_the_picture_travels_with_a_pickle_but_not_with_json() -> None:
    image = load_image(Image.new("RGB", (3, 2), "blue"))
    answer = Answer("1", None, QUESTION, ROUTE, (), PROMPT, "echo", {}, image=image)
    again = pickle.loads(pickle.dumps(answer))
    assert again.image.sha256 == image.sha256
    assert again.image.pil.tobytes() == image.pil.tobytes()
    assert "image" not in answer.to_dict()
    assert Answer.from_dict(answer.to_dict()).image is None


def test_values_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ANSWER.text = "2"  # type: ignore[misc]
