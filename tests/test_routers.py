from pathlib import Path

from vqa.registry import experts, routers
from vqa.settings import Settings
from vqa.values import Route

LOOKS = ("detect", "scene")
"""Who finds things, and who tells whether the picture is one of things at all."""


def route(question: str, router: str = "rules") -> Route:
    settings = Settings()
    everybody = [expert.from_settings(settings) for expert in experts]
    return routers.get(router).from_settings(settings).route(question, everybody)


def test_each_question_goes_to_the_experts_that_can_help() -> None:
    assert route("How many people are there?").experts == LOOKS
    assert route("Is there a vase?").experts == LOOKS
    assert set(route("Is there a giraffe?").experts) == {*LOOKS, "classify"}  # or is it a horse?
    assert set(route("Is there a dragon?").experts) == {*LOOKS, "words"}  # which no detector knows
    assert route("What does the sign say?").experts == ("ocr",)
    assert set(route("What does the bus say?").experts) == {"detect", "ocr", "scene"}
    assert "caption" in route("Describe the picture.").experts
    assert "caption" in route("What is this?").experts
    assert "caption" in route("What's this a pic of?").experts
    assert "caption" in route("What is going on?").experts
    assert "caption" not in route("What is this person riding?").experts
    assert "classify" not in route("What is this person riding?").experts
    assert route("Where is the cup?").experts == LOOKS
    assert set(route("Where is the bus?").experts) == {*LOOKS, "words"}  # on the street
    assert set(route("Where was this taken?").experts) == {"classify", "detect", "scene", "words"}
    assert route("Is there a number 22?").experts == ("ocr",)
    assert "ocr" in route("What is the player's number?").experts
    assert set(route("What is the weather like?").experts) == {"detect", "scene"}
    assert set(route("Is there any grass?").experts) == {"detect", "scene", "words"}
    assert set(route("What is the dog running through?").experts) == {"classify", "detect", "scene", "words"}
    assert set(route("What is the man wearing?").experts) == {"detect", "people", "scene", "words"}
    assert "words" not in route("What color is the bus?").experts
    assert "words" not in route("Why is the man laughing?").experts
    assert set(route("Is the dog running or jumping?").experts) == {"classify", "detect", "scene", "words"}
    assert "words" not in route("Is there a dog or a cat?").experts
    assert "classify" in route("Is this a tiger?").experts
    assert "classify" in route("Is it a fox?").experts  # a kind of which the classes are known


def test_who_cannot_see_the_scene_here_is_not_asked_beside_the_detector(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, offline=True)
    everybody = [expert.from_settings(settings) for expert in experts]
    rules = routers.get("rules").from_settings(settings)
    assert rules.route("How many people are there?", everybody).experts == ("detect",)
    assert "scene" in rules.route("What is the weather like?", everybody).experts  # and says what is missing


def test_what_the_detector_counts_is_no_cue_to_read() -> None:
    assert route("How many books are there?").experts == LOOKS
    assert route("Is there a book?").experts == LOOKS
    assert "ocr" in route("What does the book say?").experts
    assert "ocr" in route("How many words are there?").experts


def test_korean_questions_are_routed_like_english_ones() -> None:
    assert route("사람이 몇 명 있나요?").experts == LOOKS
    assert "ocr" in route("간판에 뭐라고 쓰여 있나요?").experts
    assert "caption" in route("이 사진을 설명해 주세요.").experts


def test_every_expert_gets_a_reason_chosen_or_not() -> None:
    chosen = route("How many people are there?")
    assert set(chosen.reasons) == set(experts.names())
    assert chosen.reasons["detect"] == "the question counts something"
    assert chosen.reasons["ocr"] == "no cue in the question"
    assert chosen.reasons["scene"].startswith("whether it is a scene at all")
    assert chosen.reason == f"detect: the question counts something; scene: {chosen.reasons['scene']}"


def test_a_question_without_any_cue_gets_the_cheapest_context() -> None:
    assert set(route("Hm?").experts) == {*LOOKS, "words"}


def test_a_captioner_never_looks_alone() -> None:
    chosen = route("Describe the picture.")
    assert set(chosen.experts) == {"caption", "classify", "detect", "scene"}
    assert chosen.reasons["detect"] == "objects to hold against what the whole picture shows"


def test_all_asks_everybody_and_none_asks_nobody() -> None:
    assert list(route("Hm?", "all").experts) == experts.names()
    assert route("How many people are there?", "none").experts == ()
    assert set(route("Hm?", "none").reasons) == set(experts.names())
