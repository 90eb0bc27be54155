"""`vqa curate`: descriptions continued, mended, kept or dropped, every picture once, however often it is killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from PIL import Image

from vqa.adapter_model.training.examples import BadRows
from vqa.adapter_model.training.readers import read_examples
from vqa.adapter_model.training.recipe import Source
from vqa.agent.batch.pictures import Pictures
from vqa.agent.curation.curate import Job, curate
from vqa.agent.curation.describing import CONTINUE, INSTRUCTION, Describer, Description
from vqa.agent.curation.fixing import PROMPT, by_model, by_rules
from vqa.agent.curation.judging import judge
from vqa.agent.curation.pictures import named
from vqa.agent.curation.rules import mend
from vqa.cli import app
from vqa.commands import run
from vqa.errors import InputError, ModelUnavailable, VQAError
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Token

DOCS = Path(__file__).resolve().parent.parent / "docs"
OPTIONS = GenerationOptions(max_new_tokens=100)
PICTURE = LoadedImage(Image.new("RGB", (4, 4)), "0.png", "0")
LONG = "A man in a red shirt is standing near a wet street. Two dogs play with a small ball behind him."

Vqa = Callable[..., tuple[int, str, str]]


class Reciter:
    """A core that says the next of its lines in every turn, with a picture's width for `#`; a word is a token."""

    name: ClassVar[str] = "reciter"
    description: ClassVar[str] = "says its lines"
    markers: tuple[str, ...] = ()
    max_prompt_tokens = 60

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.asked: list[tuple[str, str, int]] = []

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        return "|".join([*(f"{asked}>{said}" for asked, said in history), question])

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        if image.source == "bad" or self.count_tokens(prompt) > self.max_prompt_tokens:
            raise InputError("too much for me")
        self.asked.append((image.source, prompt, options.seed))
        yield Token(self.lines[prompt.count("|")].replace("#", str(image.pil.width)))

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        return [tuple(self.stream(image, prompt, options)) for image, prompt in batch]


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, without anybody's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VQA_OFFLINE", "1")


@pytest.fixture
def vqa(capfd: pytest.CaptureFixture[str]) -> Vqa:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(app, [str(argument) for argument in arguments])
        return (code, *capfd.readouterr())

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(7):
        place = folder / "more" if number > 4 else folder
        width = 20 + (number if number != 4 else 1)  # two are alike
        Image.new("RGB", (width, 20), (number * 30, 9, 9)).save(place / f"{number}.png")
    (folder / "3x.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Describing.


def test_a_short_answer_is_continued_in_a_second_turn_and_a_long_one_is_not() -> None:
    short, long = Reciter("A dog runs", "It is brown."), Reciter("A dog runs. " * 30)
    one = Describer(short, OPTIONS).describe([PICTURE])[0]
    assert one.text == "A dog runs. It is brown."
    assert one.turns == [(INSTRUCTION, "A dog runs"), (CONTINUE, "It is brown.")]
    assert short.asked == [("0.png", INSTRUCTION, 0), ("0.png", f"{INSTRUCTION}>A dog runs|{CONTINUE}", 1)]
    assert len(Describer(long, OPTIONS).describe([PICTURE])[0].turns) == 1


def test_the_continuation_is_the_second_turn_of_minigpt4_s_template() -> None:
    core = cores.get("minigpt4").from_settings(Settings())
    assert core.render(CONTINUE, (), [(INSTRUCTION, "A dog.")]) == (
        "###Human: <Img><ImageHere></Img> Describe this image in detail. Give as many details as possible. Say "
        "everything you see. ###Assistant: A dog.###Human: Continue ###Assistant:"
    )


def test_an_answer_that_was_cut_off_goes_on_within_its_sentence() -> None:
    core = Reciter("A dog runs on", "the wet beach.")
    options = GenerationOptions(max_new_tokens=4)
    assert Describer(core, options).describe([PICTURE])[0].text == "A dog runs on the wet beach."
    other = Describer(Reciter("A dog runs on", "The beach is wet."), options).describe([PICTURE])[0]
    assert mend(other.text).text == "The beach is wet."


def test_a_turn_that_fails_leaves_what_was_said_and_one_picture_s_failure_is_its_own() -> None:
    bad = LoadedImage(PICTURE.pil, "bad", "1")
    core = Reciter(" ".join(["word"] * 50), "never")
    found = Describer(core, OPTIONS).describe([PICTURE, bad, PICTURE])
    assert [len(one.text.split()) for one in found] == [50, 0, 50]
    assert [one.error and str(one.error) for one in found] == [None, "too much for me", None]


def test_only_so_many_turns_continue() -> None:
    core = Reciter("One.", "Two.", "Three.", "Four.")
    assert Describer(core, OPTIONS, continues=2).describe([PICTURE])[0].text == "One. Two. Three."
    assert Describer(core, OPTIONS, continues=0).describe([PICTURE])[0].text == "One."


# Mending and judging.


def judged(said: str, fixed: str | VQAError, fewest: int = 5) -> tuple[str, str] | None:
    why = judge(Description(PICTURE, [("?", said)], said), fixed, count_tokens=lambda t: len(t.split()), fewest=fewest)
    return None if why is None else (why.reason, why.detail)


@pytest.mark.parametrize(
    ("said", "fixed", "why"),
    [
        (LONG, LONG, None),
        (LONG, "A man is standing near a street. Two dogs are playing behind him.", None),
        (LONG, VQAError("no"), ("fix", "no")),
        ("", "", ("empty", "the model said nothing")),
        ("Der Hund ist da. Der Hund ist da.", "", ("not English", "nothing was left")),
        ("A dog runs. A dog runs.", "A dog runs.", ("too short", "3 tokens, fewer than 5; wrong were repeats")),
        (LONG, "A man is standing near a street. Two dogs", ("fragment", "fragment (1)")),
        (LONG, "A dog is here. A dog is here. It is", ("repeats", "repeats (1); fragment (1)")),
        (LONG, "Certainly, I would gladly improve your essay about finance.", ("strayed", None)),
    ],
)
def test_every_drop_has_its_reason(said: str, fixed: str, why: tuple[str, str | None] | None) -> None:
    found = judged(said, fixed)
    assert (found and found[0]) == (why and why[0])
    if found and why and why[1]:
        assert found[1] == why[1]


def test_any_langchain_chat_model_mends_by_a_function_of_one_line(tmp_path: Path) -> None:
    fixed = "A man in a red shirt is standing near a wet street."
    model = FakeListChatModel(responses=[fixed])

    def fix(descriptions: Sequence[Description]) -> list[str]:
        return [answer.text for answer in model.batch([PROMPT.format(paragraph=one.text) for one in descriptions])]

    job = Job(tmp_path / "long.jsonl", fewest=5)
    found = curate(job, ["a"], lambda name: PICTURE, Reciter(LONG, "And a"), fix, settings=Settings())
    assert found == {"kept": 1}
    assert records(job.output)[0]["caption"] == fixed


def test_another_core_mends_and_reads_the_paragraph(photos: Path) -> None:
    fix = by_model("echo", Settings())
    (said,) = fix([Description(PICTURE, [], "A dog runs. " * 10)])
    assert str(said).startswith("Correct the paragraph below.")  # as many of the prompt's words as it may say
    assert len(str(said).split()) == 37
    with pytest.raises(InputError, match="unknown core 'ecko'"):
        by_model("ecko", Settings())
    with pytest.raises(ModelUnavailable, match="fix 'openai:gpt': "):
        by_model("openai:gpt", Settings(offline=True))


# The run.


def started(job: Job, photos: Path, **changes: Any) -> dict[str, int]:
    names, root = named([str(photos)])
    with Pictures(root) as place:
        given = {
            "load": place.load,
            "core": Reciter(f"{LONG} It is # wide.", "And it"),
            "fix": by_rules,
            "settings": Settings(),
            **changes,
        }
        return dict(curate(job, names, **given))


def test_every_picture_is_a_row_of_one_of_the_two_files(photos: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "long.jsonl", fewest=20)
    assert started(job, photos) == {"kept": 6, "picture": 1, "duplicate": 1}
    names = ["0.png", "1.png", "2.png", "3.png", "more/5.png", "more/6.png"]
    assert [row["image"] for row in records(job.output)] == names
    assert records(job.output)[0] == {
        "image": "0.png",
        "caption": f"{LONG} It is 20 wide.",
        "tokens": 25,
        "turns": 2,
        "described": f"{LONG} It is 20 wide. And it",
    }
    dropped = records(tmp_path / "long.dropped.jsonl")
    assert [(row["image"], row["dropped"]) for row in dropped] == [("3x.jpg", "picture"), ("4.png", "duplicate")]
    assert (dropped[1]["detail"], dropped[1]["fixed"]) == ("the text of 1.png", f"{LONG} It is 21 wide.")


def test_the_dataset_is_what_training_reads(photos: Path, tmp_path: Path) -> None:
    started(Job(tmp_path / "long.jsonl", fewest=20), photos)
    bad = BadRows()
    source = Source(format="captions", path=str(tmp_path / "long.jsonl"), pictures=str(photos))
    examples = list(read_examples(source, bad))
    assert [(e.image, e.question, e.answers) for e in examples][:1] == [("0.png", "", (f"{LONG} It is 20 wide.",))]
    assert (len(examples), bad.count) == (6, 0)


@pytest.mark.parametrize("together", [1, 3])
def test_killed_at_any_picture_and_resumed_it_loses_and_doubles_nothing(
    photos: Path, tmp_path: Path, together: int
) -> None:
    whole = Job(tmp_path / "whole.jsonl", fewest=20, together=together)
    started(whole, photos)
    for fatal in range(8):
        job = Job(tmp_path / f"killed-{fatal}.jsonl", fewest=20, together=together)
        asked = 0
        with Pictures(photos) as place:

            def load(name: str, place: Pictures = place, fatal: int = fatal) -> LoadedImage:
                nonlocal asked
                asked += 1
                if asked > fatal:
                    raise MemoryError
                return place.load(name)

            with pytest.raises(MemoryError):
                started(job, photos, load=load)
        with job.output.open("ab") as file:
            file.write(b'{"image": "half a ro')  # as a kill in the middle of a write leaves it
        found = started(Job(job.output, fewest=20, together=together, resume=True), photos)
        assert found == {"kept": 6, "picture": 1, "duplicate": 1}
        assert job.output.read_bytes() == whole.output.read_bytes()
        assert job.dropped.read_bytes() == whole.dropped.read_bytes()


def test_a_run_that_is_told_to_stop_finishes_its_pictures_and_goes_on_later(photos: Path, tmp_path: Path) -> None:
    job = Job(tmp_path / "long.jsonl", fewest=20, together=2)
    windows: list[int] = []
    found = started(job, photos, stop=lambda: len(windows) == 2, watch=lambda progress: windows.append(progress.rows))
    assert (windows, sum(found.values())) == ([2, 4], 4)
    again = Job(job.output, fewest=20, together=2, resume=True)
    assert started(again, photos, watch=lambda progress: windows.append(progress.rows)) == {
        "kept": 6,
        "picture": 1,
        "duplicate": 1,
    }
    assert windows == [2, 4, 6, 8]
    assert started(again, photos) == {"kept": 6, "picture": 1, "duplicate": 1}
    other = Job(job.output, fewest=9, together=2, resume=True)
    with pytest.raises(InputError, match="fewest=20 and not fewest=9"):
        started(other, photos)


def test_the_python_of_the_documentation_runs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    for name in ("a.jpg", "b.jpg"):
        PICTURE.pil.save(name)
    page = (DOCS / "curation.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    chosen = 'core="minigpt4-smollm2", adapter="runs/stage1/best"'
    assert chosen in code
    names: dict[str, Any] = {"chat_model": FakeListChatModel(responses=["A red picture. " * 9, INSTRUCTION * 3])}
    exec(code.replace(chosen, 'core="echo"'), names)
    assert names["counts"] == {"kept": 0, "repeats": 2}


# The command.


def test_the_command_makes_a_dataset_and_counts_reasons(vqa: Vqa, photos: Path) -> None:
    code, out, err = vqa("curate", photos, "-o", "long.jsonl", "--core", "echo", "--fewest", 5)
    assert (code, err) == (4, "error: 1 of 8 pictures could not be described; long.dropped.jsonl says why\n")
    assert out == "kept                1\ndropped: duplicate  6\ndropped: picture    1\n"
    assert records(Path("long.jsonl"))[0]["caption"] == INSTRUCTION  # the echo of two turns, once
    code, out, _ = vqa("curate", photos, "-o", "long.jsonl", "--core", "echo", "--fewest", 5)
    assert code == 2
    code, out, _ = vqa("curate", photos, "-o", "none.jsonl", "--core", "echo", "--limit", 2)
    assert (code, out) == (0, "kept                0\ndropped: too short  2\n")


def test_annotated_pictures_are_those_of_a_split(vqa: Vqa, photos: Path) -> None:
    rows = [{"image": f"{number}.png", "split": ("train", "val")[number % 2]} for number in range(4)]
    Path("photos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = ("--core", "echo", "--fewest", 5)
    assert vqa("curate", "photos.jsonl", "--split", "val", "-o", "a.jsonl", *common)[0] == 0
    assert [row["image"] for name in ("a", "a.dropped") for row in records(Path(f"{name}.jsonl"))] == ["1.png", "3.png"]
    code, _, err = vqa("curate", "photos.jsonl", "--split", "test", "-o", "b.jsonl", *common)
    assert (code, err) == (2, "error: 'photos.jsonl': no picture of split 'test'\n")
    assert vqa("curate", photos, "--split", "val", "-o", "b.jsonl", *common)[0] == 2


def test_what_people_said_is_a_description_without_a_model(vqa: Vqa, photos: Path) -> None:
    said = ["a man in a red shirt stands near a street .", "Two dogs play with a ball", "Two dogs play with a ball. "]
    rows = [{"image": f"{number}.png", "captions": [f"{number} birds", *said][min(number, 1) :]} for number in range(3)]
    Path("photos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("photos.jsonl", "--captions", "-o", "told.jsonl", "--core", "echo", "--fewest", 5)
    assert vqa("curate", *options)[:2] == (0, "kept                2\ndropped: duplicate  1\n")
    first, second = records(Path("told.jsonl"))
    assert first["caption"] == "A man in a red shirt stands near a street. Two dogs play with a ball. 0 birds."
    assert (second["caption"], second["turns"]) == (
        "A man in a red shirt stands near a street. Two dogs play with a ball.",
        0,
    )
    assert vqa("curate", photos, *options[1:2], "-o", "b.jsonl", "--core", "echo")[0] == 2
    rows[1]["captions"] = []
    Path("photos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = vqa("curate", *options, "--force")
    assert (code, err) == (2, "error: 'photos.jsonl': --captions, but there are none of '1.png'\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "a.json"), "'a.json': expected a name that ends in .jsonl"),
        (("-o", "no/a.jsonl"), "the folder"),
        (("-o", "a.jsonl", "--fix", "ruls"), "unknown core 'ruls'"),
        (("-o", "a.jsonl", "--core", "text:./nowhere"), "core 'text:./nowhere'"),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_is_made(
    vqa: Vqa, photos: Path, options: tuple[str, ...], said: str
) -> None:
    code, _, err = vqa("curate", photos, "--core", "echo", *options)
    assert code in (2, 3)
    assert said in err
    assert err.count("\n") == 1
    assert not list(Path().glob("*.jsonl"))
