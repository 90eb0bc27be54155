"""What experts saw stays known: across agents, processes and doors, until something it depends on changes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import ClassVar, Self

import pytest
from PIL import Image

from vqa import Settings, VQAAgent
from vqa.agent.cache import IN_MEMORY, FindingCache, cache_file, on_disk
from vqa.fingerprints import file_identity, fingerprint
from vqa.protocols import CacheableExpert
from vqa.registry import cores, experts, routers
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region

PICTURE = Image.new("RGB", (8, 8), "red")
ROOT = Path(__file__).resolve().parent.parent


class Looker:
    """An expert that sees one dog and counts how often it looks."""

    name: ClassVar[str] = "looker"
    kind: ClassVar[FindingKind] = "objects"
    description: ClassVar[str] = "sees one dog"
    cues: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = False
    vocabulary = ("dog",)

    def __init__(self, fingerprint: str | None = "weights 1") -> None:
        self.fingerprint = fingerprint
        self.looks = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls()

    def available(self) -> str | None:
        return None

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        self.looks += 1
        region = Region((0.123456, 0, 4, 4), "dog", 1 / 3)  # more digits than a printed finding has
        return Finding(self.name, self.kind, "1 dog", (region,), "eyes", 0.5, None, ("blurred",), ("dog",), (8, 8))


class Asking(Looker):
    name: ClassVar[str] = "asking"
    uses_question: ClassVar[bool] = True


def settings(home: Path, **flags: object) -> Settings:
    return Settings.load({"core": "echo", "router": "all", "home": home, **flags})


def look(expert: Looker, home: Path, picture: Image.Image = PICTURE, **flags: object) -> Finding:
    """Let a new agent, as another process would have it, look at the picture."""
    chosen = settings(home, **flags)
    router = routers.get("all").from_settings(chosen)
    agent = VQAAgent([expert], router, core=cores.get("echo").from_settings(chosen), settings=chosen)
    return agent.look(expert.name, picture, Question("Hm?"))


def tamper(home: Path, command: str) -> None:
    with closing(sqlite3.connect(cache_file(settings(home)))) as db:
        assert db.execute(command).rowcount
        db.commit()


def test_another_agent_gets_exactly_what_the_first_one_saw_without_looking(tmp_path: Path) -> None:
    seen = look(Looker(), tmp_path)
    expert = Looker()
    known = look(expert, tmp_path)
    assert expert.looks == 0
    assert known.seconds == 0
    assert known.to_dict() == {**seen.to_dict(), "seconds": 0}
    assert known.regions == seen.regions, "scores and boxes to their last digit"


@pytest.mark.parametrize(
    ("expert", "picture"),
    [(Looker("weights 2"), PICTURE), (Looker(), Image.new("RGB", (8, 8), "blue"))],
    ids=["other weights", "another picture"],
)
def test_what_a_finding_depends_on_makes_the_expert_look_again(
    expert: Looker, picture: Image.Image, tmp_path: Path
) -> None:
    look(Looker(), tmp_path)
    look(expert, tmp_path, picture)
    assert expert.looks == 1


@pytest.mark.parametrize("expert", [Looker(None), Asking()], ids=["no fingerprint", "reads the question"])
def test_what_cannot_be_known_again_is_not_written(expert: Looker, tmp_path: Path) -> None:
    look(expert, tmp_path)
    assert on_disk(settings(tmp_path)).contents() == []


def test_switched_off_nothing_is_read_or_written(tmp_path: Path) -> None:
    look(Looker(), tmp_path / "a", cache=False)
    assert not (tmp_path / "a").exists()
    look(Looker(), tmp_path / "b")
    expert = Looker()
    look(expert, tmp_path / "b", cache=False)
    assert expert.looks == 1


def test_the_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    look(Looker(), tmp_path)
    assert cache_file(settings(tmp_path)).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE findings SET finding = substr(finding, 1, 40)",
        "UPDATE findings SET finding = replace(finding, 'dog', 'cat')",
        "UPDATE findings SET finding = x'ff00', checksum = 0",
    ],
    ids=["cut off", "changed", "no text"],
)
def test_a_damaged_entry_is_seen_again_and_mended(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    look(Looker(), tmp_path)
    tamper(tmp_path, damage)
    expert = Looker()
    assert look(expert, tmp_path).regions[0].label == "dog"
    assert expert.looks == 1
    assert "a finding of looker is damaged" in caplog.text
    look(expert, tmp_path)
    assert expert.looks == 1


@pytest.mark.parametrize("content", [b"no database at all " * 100, None], ids=["rubbish", "overwritten pages"])
def test_a_damaged_file_is_replaced(content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    look(Looker(), tmp_path)
    file = cache_file(settings(tmp_path))
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100) if content is None else content)
    expert = Looker()
    look(expert, tmp_path)
    look(expert, tmp_path)
    look(expert, tmp_path)
    assert expert.looks <= 2
    assert "starting a new one" in caplog.text
    assert len(on_disk(settings(tmp_path)).contents()) == 1


def test_a_place_that_cannot_be_written_costs_the_cache_and_not_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert look(Looker(), tmp_path / "file").regions
    assert "going on without" in caplog.text


def test_the_file_stays_within_its_size_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache, expert = FindingCache(tmp_path / "findings.sqlite", most_bytes=300_000), Looker()
    finding = expert.look(LoadedImage(PICTURE, "", ""))
    long = Finding(**{**vars(finding), "text": "x" * 5_000})
    for number in range(200):
        cache.put(f"picture {number}", expert, long)
    assert (tmp_path / "findings.sqlite").stat().st_size <= 300_000
    fresh = FindingCache(tmp_path / "findings.sqlite", most_bytes=300_000)
    assert fresh.get("picture 199", expert)
    assert fresh.get("picture 0", expert) is None
    assert 20 < cache.contents()[0].findings < 60


def test_an_entry_that_served_lately_outlives_those_that_did_not(tmp_path: Path) -> None:
    file, expert = tmp_path / "findings.sqlite", Looker()
    long = Finding(**{**vars(expert.look(LoadedImage(PICTURE, "", ""))), "text": "x" * 5_000})
    for number in range(20):
        FindingCache(file, most_bytes=300_000).put(f"picture {number}", expert, long)
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE findings SET used = 0")
        db.commit()
    assert FindingCache(file, most_bytes=300_000).get("picture 0", expert)
    for number in range(20, 45):
        FindingCache(file, most_bytes=300_000).put(f"picture {number}", expert, long)
    left = [FindingCache(file, most_bytes=300_000).get(f"picture {number}", expert) for number in range(20)]
    assert left[0]
    assert None in left[1:]


def test_memory_is_bounded_too() -> None:
    cache, expert = FindingCache(None, most_bytes=0), Looker()
    finding = expert.look(LoadedImage(PICTURE, "", ""))
    for number in range(IN_MEMORY + 1):
        cache.put(str(number), expert, finding)
    assert cache.get("0", expert) is None
    assert cache.get("1", expert)


def test_threads_share_one_cache(tmp_path: Path) -> None:
    cache, expert = FindingCache(tmp_path / "findings.sqlite", most_bytes=10**7), Looker()
    finding = expert.look(LoadedImage(PICTURE, "", ""))
    workers = [
        threading.Thread(target=lambda start=start: [cache.put(f"{start} {i}", expert, finding) for i in range(20)])
        for start in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert cache.contents()[0].findings == 80


@pytest.mark.parametrize("name", ["detect", "ocr", "caption"])
def test_the_built_in_experts_tell_what_they_depend_on_and_load_nothing(name: str, tmp_path: Path) -> None:
    tell = f"""
import sys
from vqa.registry import experts
from vqa.settings import Settings
print(experts.get({name!r}).from_settings(Settings.load({{"home": {str(tmp_path)!r}}})).fingerprint)
heavy = "torch easyocr onnxruntime cv2 ultralytics transformers ai_edge_litert numpy".split()
print(*sorted(set(heavy) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", tell], cwd=ROOT, capture_output=True, text=True, check=True)
    mark, loaded = done.stdout.split("\n")[:2]
    assert loaded == ""
    assert mark == str(experts.get(name).from_settings(settings(tmp_path)).fingerprint), "the same in every process"


def test_a_setting_that_changes_what_an_expert_sees_changes_its_fingerprint(tmp_path: Path) -> None:
    def mark(name: str, **flags: object) -> str | None:
        expert = experts.get(name).from_settings(settings(tmp_path, **flags))
        assert isinstance(expert, CacheableExpert)
        return expert.fingerprint

    assert mark("detect") != mark("detect", tiles=False)
    assert mark("detect", seed=5) == mark("detect"), "and one that does not leaves it"
    assert mark("ocr") == mark("ocr", ocr_languages="de"), "the built-in reader reads both at once"
    others: list[dict[str, object]] = [{}, {"ocr_languages": "de"}, {"dtype": "float32"}]
    assert len({mark("ocr"), *(mark("ocr", ocr_model="easyocr", **other) for other in others)}) == 4
    assert mark("caption", caption_model="") is None, "nobody captions"
    assert mark("classify") == mark("classify", tiles=False) is not None


def test_the_built_in_detector_never_stands_for_a_yolo_that_was_asked_for(tmp_path: Path) -> None:
    for flags in ({"detector": "yolo"}, {"yolo_model": "yolo11s.pt"}, {"yolo_model": str(tmp_path / "own.pt")}):
        expert = experts.get("detect").from_settings(settings(tmp_path, **flags))
        assert isinstance(expert, CacheableExpert)
        assert expert.fingerprint is None


def test_own_weights_are_told_apart_by_their_file(tmp_path: Path) -> None:
    weights = tmp_path / "own.pt"
    weights.write_bytes(b"one")
    expert = experts.get("detect").from_settings(settings(tmp_path, yolo_model=str(weights)))
    assert isinstance(expert, CacheableExpert)
    before = expert.fingerprint
    assert before
    os.utime(weights, ns=(1, 1))
    assert expert.fingerprint != before


def test_a_fingerprint_follows_the_code(tmp_path: Path) -> None:
    code = tmp_path / "expert.py"
    code.write_text("one")
    first = fingerprint("settings", code=(code,), packages=("no such package",))
    other = tmp_path / "other.py"
    other.write_text("two")
    assert first == fingerprint("settings", code=(code,), packages=("no such package",))
    assert first != fingerprint("settings", code=(other,), packages=("no such package",))
    assert first != fingerprint("other settings", code=(code,), packages=("no such package",))
    assert first != fingerprint("settings", code=(code,), packages=("pillow",))
    assert file_identity(code) != file_identity(other)


@pytest.fixture
def vqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    from vqa.cli import app
    from vqa.commands import run

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VQA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(app, arguments)
        return (code, *capsys.readouterr())

    return call


def test_the_command_lists_and_clears(vqa, tmp_path: Path) -> None:
    assert vqa("cache")[:2] == (0, f"0 kB of at most 256 MB in {tmp_path / 'findings.sqlite'}\n")
    assert not cache_file(settings(tmp_path)).exists(), "looking makes no file"
    look(Looker(), tmp_path)
    code, out, _ = vqa("cache", "--json")
    listed = json.loads(out)
    assert code == 0
    assert [(row["expert"], row["findings"]) for row in listed["experts"]] == [("looker", 1)]
    assert 0 < listed["experts"][0]["bytes"] < listed["bytes"] <= listed["most_bytes"] == 256_000_000
    assert "looker" in vqa("cache", "list")[1]
    assert vqa("cache", "clear", "ocr")[:2] == (0, "no findings forgotten\n")
    assert vqa("cache", "clear", "looker")[:2] == (0, "1 finding forgotten\n")
    assert vqa("cache", "clear")[:2] == (0, "no findings forgotten\n")
    assert on_disk(settings(tmp_path)).contents() == []


def test_clearing_what_nobody_sees_is_refused_with_the_nearest_name(vqa) -> None:
    code, out, err = vqa("cache", "clear", "detekt")
    assert (code, out) == (2, "")
    assert "did you mean 'detect'" in err


@pytest.mark.weights
@pytest.mark.slow
def test_a_second_process_does_not_load_the_detector() -> None:
    ask = """
import sys
from vqa import VQAAgent
print(len(VQAAgent.from_pretrained("echo").look("detect", "example:bus").regions), "ai_edge_litert" in sys.modules)
"""
    command = [sys.executable, "-c", ask]
    environment = {**os.environ, "VQA_DETECTOR": "efficientdet"}
    first, second = (
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    )
    assert second == [first[0], "False"]
