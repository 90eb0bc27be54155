"""The weights store, fed by a web server on loopback."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from vqa.errors import InputError, ModelUnavailable
from vqa.settings import Settings
from vqa.weights import MODELS, Model, Store
from vqa.weights.sources import File
from vqa.weights.url import Url

ROOT = Path(__file__).resolve().parents[1]
ONE = b"first weights " * 1000


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file(name: str, data: bytes) -> File:
    return File(name, len(data), digest(data))


class Site(ThreadingHTTPServer):
    """A web server that answers with `replies` in turn, the last one for ever, and counts."""

    def __init__(self) -> None:
        self.replies: list[str] = ["whole"]
        self.requests = 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/one.bin"


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        reply = self.server.replies[min(self.server.requests, len(self.server.replies) - 1)]
        self.server.requests += 1
        if reply == "silent":
            time.sleep(9)
            return
        status = int(reply) if reply.isdigit() else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "ftp://127.0.0.1/one.bin")
        body = {"whole": ONE, "half": ONE[: len(ONE) // 2], "long": ONE * 2, "other": ONE[::-1]}.get(reply, b"")
        self.send_header("Content-Length", str(len(ONE) if reply == "half" else len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign] # clients hang up
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def linked(site: Site, *, builtin: bool = True, timeout_s: float = 5.0) -> Model:
    source = Url(site.url, timeout_s=timeout_s, schemes=("http", "https"))
    return Model("linked", "testing", "CC0-1.0", source, (file("one.bin", ONE),), builtin=builtin)


def store_of(model: Model, home: Path, *, offline: bool = False) -> Store:
    return Store(home / "home", offline=offline, models=[model], back_off_s=0.0)


def test_what_is_here_needs_no_network_and_no_lock(site: Site, tmp_path: Path) -> None:
    folder = store_of(linked(site), tmp_path).fetch("linked")
    shutil.rmtree(tmp_path / "home" / "locks")
    assert store_of(linked(site), tmp_path, offline=True).fetch("linked") == folder
    assert not (tmp_path / "home" / "locks").exists()


# Damage


@pytest.mark.parametrize("damage", ["flipped byte", "truncated", "deleted"])
def test_damage_is_named_and_mended(damage: str, site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = store_of(linked(site), tmp_path)
    path = store.fetch("linked") / "one.bin"
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"X" + ONE[1:] if damage == "flipped byte" else ONE[:100])
    with caplog.at_level(logging.WARNING):
        folder = store.fetch("linked")
    assert (folder / "one.bin").read_bytes() == ONE
    assert "one.bin is" in caplog.text
    assert site.requests == 2
    assert store.present("linked")


def test_damage_that_hides_its_time_is_found_by_verify_and_then_mended(site: Site, tmp_path: Path) -> None:
    store = store_of(linked(site), tmp_path)
    path = store.fetch("linked") / "one.bin"
    before = path.stat()
    path.write_bytes(b"X" + ONE[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.present("linked")
    (fault,) = store.verify("linked")
    assert fault.startswith("one.bin is corrupted")
    assert store.fetch("linked") == path.parent
    assert path.read_bytes() == ONE


def test_damage_offline_is_one_line_that_names_the_file(site: Site, tmp_path: Path) -> None:
    path = store_of(linked(site), tmp_path).fetch("linked") / "one.bin"
    path.write_bytes(ONE[:-1])
    with pytest.raises(ModelUnavailable, match=r"one\.bin is corrupted.*offline"):
        store_of(linked(site), tmp_path, offline=True).fetch("linked")


def test_a_copied_home_is_hashed_once_and_not_fetched(site: Site, tmp_path: Path) -> None:
    folder = store_of(linked(site), tmp_path).fetch("linked")
    os.utime(folder / "one.bin", (1, 1))
    site.replies = ["404"]
    assert store_of(linked(site), tmp_path, offline=True).fetch("linked") == folder
    assert json.loads((folder / "verified.json").read_text())["one.bin"]["mtime_ns"] == 10**9


def test_files_put_in_place_by_hand_are_verified_and_used(site: Site, tmp_path: Path) -> None:
    site.replies = ["404"]
    folder = tmp_path / "home" / "weights" / "linked"
    folder.mkdir(parents=True)
    (folder / "one.bin").write_bytes(ONE)
    assert store_of(linked(site), tmp_path, offline=True).fetch("linked") == folder


# Absence


def test_offline_names_file_size_and_command(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        store_of(linked(site), tmp_path, offline=True).fetch("linked")
    message = str(caught.value)
    assert "one.bin" in message
    assert "14 kB" in message
    assert "`vqa models pull linked`" in message
    assert not (tmp_path / "home").exists()


def test_offline_comes_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_OFFLINE", "1")
    monkeypatch.setenv("VQA_HOME", str(tmp_path))
    store = Store.from_settings(Settings.load(folder=tmp_path))
    with pytest.raises(ModelUnavailable, match="offline"):
        store.fetch("smollm2-135m-instruct")


def test_an_unknown_name_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'yolo11n'"):
        Store(tmp_path).fetch("yolo11")


@pytest.mark.parametrize("method", ["path", "verify"])
def test_path_and_verify_of_an_absent_model_say_how_to_get_it(method: str, site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="vqa models pull linked"):
        getattr(store_of(linked(site), tmp_path), method)("linked")


def test_too_little_room_is_said_before_anything_is_fetched(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 10, 10))
    with pytest.raises(ModelUnavailable, match=r"needs 28 kB.*VQA_HOME"):
        store_of(linked(site), tmp_path).fetch("linked")
    assert site.requests == 0


def test_a_home_that_is_a_file_is_one_line(site: Site, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(ModelUnavailable, match=r"cannot write to .*VQA_HOME"):
        store_of(linked(site), tmp_path).fetch("linked")


# From an address


def test_an_interrupted_download_is_tried_again(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site.replies = ["half", "503", "whole"]
    folder = store_of(linked(site), tmp_path).fetch("linked")
    assert (folder / "one.bin").read_bytes() == ONE
    assert site.requests == 3
    assert "ended after" in caplog.text
    assert "answered 503" in caplog.text


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("other", "was refused: its sha256"),
        ("long", "more than the expected"),
        ("404", "answered 404"),
        ("302", "only http"),
    ],
)
def test_a_wrong_answer_is_final(reply: str, message: str, site: Site, tmp_path: Path) -> None:
    site.replies = [reply]
    store = store_of(linked(site), tmp_path)
    with pytest.raises(ModelUnavailable, match=message):
        store.fetch("linked")
    assert site.requests == 1
    assert not (store.home / "weights").exists()


def test_only_https_is_accepted_unless_told_otherwise(site: Site, tmp_path: Path) -> None:
    model = replace(linked(site), source=Url(site.url))
    with pytest.raises(ModelUnavailable, match="only https addresses"):
        store_of(model, tmp_path).fetch("linked")
    assert site.requests == 0


def test_a_server_that_never_answers_costs_its_time_limit(site: Site, tmp_path: Path) -> None:
    site.replies = ["silent"]
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.2 s|cannot be reached"):
        store_of(linked(site, builtin=False, timeout_s=0.2), tmp_path).fetch("linked")
    assert time.monotonic() - started < 6


def test_an_extra_is_tried_once_an_hour_unless_asked_for(site: Site, tmp_path: Path) -> None:
    site.replies = ["503"]
    store = store_of(linked(site, builtin=False), tmp_path)
    with pytest.raises(ModelUnavailable, match="answered 503"):
        store.fetch("linked")
    with pytest.raises(ModelUnavailable, match=r"1 min ago .*503.*vqa models pull linked"):
        store.fetch("linked")
    assert site.requests == 1
    with pytest.raises(ModelUnavailable, match="answered 503"):
        store.fetch("linked", insist=True)
    assert site.requests == 4
    stamp = store.home / "unreachable" / "linked"
    os.utime(stamp, (time.time() - 3700, time.time() - 3700))
    site.replies = ["whole"]
    assert (store.fetch("linked") / "one.bin").read_bytes() == ONE
    assert not stamp.exists()


# Several processes


def test_two_processes_download_once(site: Site, tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from vqa.weights import Model, Store
        from vqa.weights.sources import File
        from vqa.weights.url import Url
        source = Url({site.url!r}, schemes=("http",))
        model = Model("linked", "testing", "CC0-1.0", source, (File("one.bin", {len(ONE)}, {digest(ONE)!r}),))
        print(Store(Path({str(tmp_path)!r}), models=[model]).fetch("linked"))
        """
    )
    site.replies = ["half", "whole"]  # the first try fails, so that the lock is held for a second
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert {out.strip() for out, _ in outputs} == {str(tmp_path / "weights" / "linked")}
    assert site.requests == 2


def test_what_a_killed_process_left_is_swept_away(site: Site, tmp_path: Path) -> None:
    leftover = tmp_path / "home" / "partial" / "weights-linked" / "half.whl"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    store = store_of(linked(site), tmp_path)
    store.fetch("linked")
    assert list((store.home / "partial").iterdir()) == []


# Derived folders


def test_a_derived_folder_is_built_once_and_again_when_damaged(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(linked(site), tmp_path)
    builds = []

    def build(folder: Path) -> None:
        assert list(folder.iterdir()) == []
        builds.append(folder)
        (folder / "inner").mkdir()
        (folder / "inner" / "model.safetensors").write_bytes(ONE)

    folder = store.derive("linked-converted", build)
    assert store.derive("linked-converted", build) == folder
    assert len(builds) == 1
    (folder / "inner" / "model.safetensors").write_bytes(ONE[:-1])
    assert store.derive("linked-converted", build) == folder
    assert len(builds) == 2
    assert "inner/model.safetensors is corrupted" in caplog.text
    assert (folder / "inner" / "model.safetensors").read_bytes() == ONE


def test_a_build_that_fails_leaves_nothing_and_keeps_its_error(site: Site, tmp_path: Path) -> None:
    store = store_of(linked(site), tmp_path)

    def build(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise RuntimeError("conversion failed")

    with pytest.raises(RuntimeError, match="conversion failed"):
        store.derive("linked-converted", build)
    assert not (store.home / "derived" / "linked-converted").exists()
    assert list((store.home / "partial").iterdir()) == []


def test_remove_frees_the_model_and_what_was_made_of_it(site: Site, tmp_path: Path) -> None:
    store = store_of(linked(site), tmp_path)
    store.fetch("linked")
    store.derive("linked-converted", lambda folder: (folder / "x").write_bytes(ONE))
    kept = store.derive("linkedish", lambda folder: (folder / "x").write_bytes(ONE))
    assert store.remove("linked") >= 2 * len(ONE)
    assert not store.present("linked")
    assert list((store.home / "derived").iterdir()) == [kept]
    assert store.remove("linked") == 0


# The catalogue


def test_statuses_tell_what_a_table_needs(site: Site, tmp_path: Path) -> None:
    store = store_of(linked(site), tmp_path)
    (absent,) = store.statuses()
    assert absent.to_dict()["present"] is False
    assert (absent.folder, absent.where) == (None, "not here")
    folder = store.fetch("linked")
    (status,) = store.statuses()
    assert status.to_dict() == {
        "name": "linked",
        "purpose": "testing",
        "size": len(ONE),
        "licence": "CC0-1.0",
        "source": site.url,
        "builtin": True,
        "note": "",
        "present": True,
        "path": str(folder),
    }


def test_a_truncated_model_is_not_present_but_has_a_place(site: Site, tmp_path: Path) -> None:
    store = store_of(linked(site), tmp_path)
    folder = store.fetch("linked")
    (folder / "one.bin").write_bytes(ONE[:9])
    (status,) = store.statuses()
    assert (status.folder, status.complete, status.where) == (folder, False, "damaged or incomplete")
    assert not store.present("linked")


def test_every_file_of_the_catalogue_is_pinned_once() -> None:
    hashes = [file.sha256 for model in MODELS for file in model.files]
    assert len(set(hashes)) == len(hashes)
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in hashes)
    assert len({model.name for model in MODELS}) == len(MODELS)
