"""Rows about real pictures: experts look, the agent's own router and folding decide, annotations answer the rest."""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import InputError, Settings, VQAAgent
from vqa.agent.instructions.annotations import Annotated, Triple, chosen, read_annotations
from vqa.agent.instructions.grounded import Grounded
from vqa.agent.instructions.make import Recipe, make
from vqa.agent.instructions.row import UNKNOWN, Row
from vqa.cli import app
from vqa.commands import run
from vqa.experts.detectors.coco import LABELS
from vqa.images import load_image
from vqa.registry import cores, routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region


class Detect:
    """Sees two dogs and suspects a cup, in every picture."""

    name: ClassVar[str] = "detect"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "two dogs"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = LABELS

    def __init__(self) -> None:
        self.looks = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        boxes = (Region((0, 0, 3, 4), "dog", 0.9), Region((5, 0, 8, 4), "dog", 0.8), Region((0, 6, 2, 8), "cup", 0.2))
        return Finding(self.name, self.kind, "", boxes, vocabulary=LABELS, size=image.pil.size)


class Ocr(Detect):
    name: ClassVar[str] = "ocr"
    kind: ClassVar[FindingKind] = "text"
    cues: ClassVar[tuple[str, ...]] = ("say", "written", "number")
    vocabulary = ()

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = texts

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        rows = tuple(Region((0, i, 8, i + 1), text, 0.9) for i, text in enumerate(self.texts))
        return Finding(self.name, self.kind, "", rows, size=image.pil.size)


class Nobody(Detect):
    """A captioner that is not installed."""

    name: ClassVar[str] = "caption"
    kind: ClassVar[FindingKind] = "caption"
    cues: ClassVar[tuple[str, ...]] = ("color", "doing")
    vocabulary = ()

    def available(self) -> str | None:
        return "no captioner"


def agent(*texts: str) -> VQAAgent:
    settings = Settings.load({"core": "echo", "cache": False})
    core = cores.get("echo").from_settings(settings)
    router = routers.get("rules").from_settings(settings)
    return VQAAgent([Nobody(), Detect(), Ocr(*texts)], router, core=core, settings=settings)


PICTURE = load_image(Image.new("RGB", (8, 8), "red"))


def rows(*triples: Triple, captions: tuple[str, ...] = (), texts: tuple[str, ...] = (), seed: int = 0) -> list[Row]:
    grounded = Grounded(agent(*texts), seed=seed, per_picture=6)
    return list(grounded.rows(Annotated("a.jpg", "", captions, triples), PICTURE))


def answers(*triples: Triple, texts: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
    asked = {triple.question for triple in triples}
    return {row.question: (row.task, row.answer) for row in rows(*triples, texts=texts) if row.question in asked}


def test_what_a_finding_settles_is_answered_by_the_finding_and_not_by_the_annotators() -> None:
    told = answers(Triple("How many dogs are there?", "3"), Triple("Is there a cat in the picture?", "yes"))
    assert told == {"How many dogs are there?": ("count", "2"), "Is there a cat in the picture?": ("presence", "No")}


def test_questions_about_part_of_what_is_counted_are_the_annotators() -> None:
    told = answers(
        Triple("How many black dogs are there?", "1"),
        Triple("How many dogs are sleeping?", "2"),
        Triple("How many dogs are barking?", "5"),
        Triple("Are the dogs asleep?", "no"),
        Triple("What are the dogs lying on?", "rug"),
    )
    assert told == {
        "How many black dogs are there?": ("number", "1"),
        "How many dogs are sleeping?": ("number", "2"),
        "Are the dogs asleep?": ("yesno", "No"),
        "What are the dogs lying on?": ("phrase", "rug"),
    }, "and none is taught that says more than was seen"


def test_what_the_detector_does_not_know_is_a_task_of_its_own() -> None:
    assert answers(Triple("How many helmets are there?", "2")) == {"How many helmets are there?": ("guess", "2")}


def test_text_that_was_not_read_is_not_invented() -> None:
    says = Triple("What does the shirt say?", "Boston")
    assert answers(says, texts=("BOSTON 7",))["What does the shirt say?"] == ("phrase", "Boston")
    assert answers(says)["What does the shirt say?"] == ("cannot", UNKNOWN)
    assert answers(says, texts=("Chicago",)) == {}
    assert answers(Triple("What time is it?", "10:20")) == {}, "a figure that nobody read"


def test_answers_on_which_annotators_disagree_are_left_out() -> None:
    assert answers(Triple("What are the dogs lying on?", "rug", agreement=0.3)) == {}


def test_the_evidence_is_that_of_the_agents_own_route() -> None:
    made = rows(Triple("What are the dogs lying on?", "rug"), Triple("What does the shirt say?", "x"), texts=("x",))
    by_question = {row.question: row for row in made}
    assert not any(line.startswith("Text") for line in by_question["What are the dogs lying on?"].evidence)
    assert "Text: x" in by_question["What does the shirt say?"].evidence
    asked = agent("x")(PICTURE, "What does the shirt say?")
    assert asked.prompt.used == by_question["What does the shirt say?"].evidence


def test_an_annotated_caption_stands_in_only_where_nobody_captions() -> None:
    made = [row for seed in range(8) for row in rows(captions=("A black dog runs.",), seed=seed)]
    assert {row.task for row in made} >= {"describe", "attribute", "presence"}
    for row in made:
        if row.task == "describe":
            assert (row.evidence[-1], row.answer) == ("Caption: A black dog runs.", "A black dog runs.")
        if row.question in ("What color is the dog?", "Which color does the dog have?"):
            assert row.answer == "black"


def test_nothing_is_asked_about_a_caption_that_the_detector_belies() -> None:
    belied = ("A black cow and a horse and a white sheep.",)  # the detector sees dogs alone
    made = [row for seed in range(8) for row in rows(captions=belied, seed=seed)]
    made = [row for row in made if row.task != "describe"]  # of which a sure captioner is believed before a detector
    assert not any(row.task in ("attribute", "contradiction") or "cow" in row.answer for row in made)


def test_what_captions_tell_is_asked_without_them() -> None:
    told = ("A black dog is running.", "A dog is running on grass.")
    seen = [row for seed in range(8) for row in rows(captions=told, seed=seed) if row.task == "seen"]
    assert {row.answer for row in seen} >= {"running", "black"}
    assert not any(line.startswith("Caption") for row in seen for line in row.evidence)


def test_only_pictures_that_somebody_asks_to_read_are_read() -> None:
    asked = agent("x")
    grounded = Grounded(asked, seed=0, per_picture=4)
    list(grounded.rows(Annotated("a.jpg", triples=(Triple("Are the dogs asleep?", "no"),)), PICTURE))
    reader = asked.experts["ocr"]
    assert isinstance(reader, Ocr)
    assert reader.looks == 0
    list(grounded.rows(Annotated("a.jpg", triples=(Triple("What does it say?", "x"),)), PICTURE))
    assert reader.looks == 1


def test_rows_about_a_picture_do_not_depend_on_the_pictures_before_it() -> None:
    first = rows(Triple("Are the dogs asleep?", "no"))
    grounded = Grounded(agent(), seed=0, per_picture=6)
    list(grounded.rows(Annotated("b.jpg"), PICTURE))
    assert list(grounded.rows(Annotated("a.jpg", triples=(Triple("Are the dogs asleep?", "no"),)), PICTURE)) == first
    assert rows(seed=1) != rows(seed=0)


def jpeg(colour: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "JPEG")
    return file.getvalue()


def packed(place: Path, files: dict[str, bytes]) -> None:
    if place.suffix == ".tar":
        with tarfile.open(place, "w") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, BytesIO(data))
    elif place.suffix == ".zip":
        with zipfile.ZipFile(place, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data)


def annotations(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


@pytest.mark.parametrize("place", ["set.tar", "set.zip", "set"])
def test_pictures_lie_beside_their_annotations_in_a_tar_a_zip_or_a_folder(place: str, tmp_path: Path) -> None:
    packed(tmp_path / place, {"a.jpg": jpeg("red"), "b.jpg": jpeg("blue")})
    file = annotations(tmp_path / "set.jsonl", {"image": "a.jpg"}, {"image": "b.jpg"}, {"image": "c.jpg"})
    steps = list(make(Recipe([str(file), "synthetic:3"]), agent()))
    assert [len(step.rows) > 0 for step in steps] == [True, True, False, True, True, True]
    assert "c.jpg" in str(steps[2].skipped)
    assert [row.image for row in steps[3].rows] == [None]


def test_coco_captions_are_read_as_they_are_published(tmp_path: Path) -> None:
    path = tmp_path / "captions.json"
    told = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [{"image_id": 7, "caption": "A dog."}]}
    path.write_text(json.dumps(told))
    assert read_annotations(path) == [Annotated("a.jpg", captions=("A dog.",))]


def test_annotations_keep_their_answers_and_how_many_agree(tmp_path: Path) -> None:
    triple = {"question": "What?", "answer": "trash_can", "answers": ["trash_can", "bin", "trash_can", "can"]}
    file = annotations(tmp_path / "set.jsonl", {"image": "a.jpg", "split": "train", "vqa": [triple]})
    assert read_annotations(file) == [Annotated("a.jpg", "train", (), (Triple("What?", "trash can", 0.5),))]


def test_a_split_and_a_sample_can_be_chosen() -> None:
    those = [Annotated(f"{i}.jpg", "train" if i % 2 else "val") for i in range(20)]
    assert len(chosen(those, split="train", limit=None, seed=0)) == 10
    picked = chosen(those, split="val", limit=4, seed=0)
    assert [int(row.image[:-4]) for row in picked] == sorted(int(row.image[:-4]) for row in picked)
    assert picked == chosen(those, split="val", limit=4, seed=0) != chosen(those, split="val", limit=4, seed=1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{oops", r"set.jsonl:1: not JSON"),
        ('{"captions": []}', "image"),
        ('{"image": 3}', "3 is no text"),
        ("[]", "expected"),
    ],
)
def test_a_damaged_line_is_named(line: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(line)
    with pytest.raises(InputError, match=why):
        read_annotations(file)


def test_sources_are_checked_before_anything_looks(tmp_path: Path) -> None:
    packed(tmp_path / "set.tar", {"a.jpg": jpeg("red")})
    file = str(annotations(tmp_path / "set.jsonl", {"image": "a.jpg"}))
    alone = str(annotations(tmp_path / "alone.jsonl", {"image": "a.jpg"}))
    for sources, why in (([file, "nowhere.jsonl"], "no such file"), ([file, alone], "no pictures beside it")):
        asked = agent()
        with pytest.raises(InputError, match=why):
            list(make(Recipe(sources), asked))
        detect = asked.experts["detect"]
        assert isinstance(detect, Detect)
        assert detect.looks == 0
    with pytest.raises(InputError, match="no picture of split 'val'"):
        list(make(Recipe([str(annotations(tmp_path / "set.jsonl", {"image": "a.jpg", "split": "train"}))], split="val"),
                  agent()))  # fmt: skip


@pytest.fixture
def vqa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VQA_OFFLINE", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(app, arguments)
        return (code, *capsys.readouterr())

    return call


def test_the_command_writes_rows_that_training_reads(vqa: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, err = vqa("instruct", "synthetic:5", "--core", "echo", "-o", "rows.jsonl", "-v")
    assert (code, out) == (0, "")
    assert "5 rows: " in err
    made = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [set(row) for row in made] == [{"image", "question", "evidence", "answer", "task"}] * 5
    code, out, _ = vqa("instruct", "synthetic:5", "--core", "echo")
    assert out == (tmp_path / "rows.jsonl").read_text(), "the same seed, the same rows"


def test_the_command_refuses_in_one_line_what_it_cannot_use(vqa: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = vqa("instruct", "nowhere.jsonl", "--core", "echo")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "no such file" in err
