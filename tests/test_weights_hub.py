"""Weights of the Hugging Face hub: the real client, in a process of its own, against a small hub on loopback.

A process of its own, because huggingface_hub reads its environment variables once, when it is imported.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[1]
REPO = "someone/tiny"
REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b'{"tiny": true}', "model.bin": b"weights " * 1000, "unwanted.h5": b"not asked for"}
WANTED = ("config.json", "model.bin")

SCRIPT = f"""
import json, sys
from pathlib import Path
from vqa.errors import VQAError
from vqa.weights import Model, Store
from vqa.weights.hub import HubRepo
from vqa.weights.sources import File
files = tuple(File(*row) for row in json.loads(sys.argv[2]))
model = Model("tiny", "testing", "CC0-1.0", HubRepo({REPO!r}, {REVISION!r}), files, builtin=False)
store = Store(Path(sys.argv[1]), models=[model])
try:
    result = {{"before": store.present("tiny")}}
    result["folder"] = str(store.fetch("tiny"))
    result["after"] = store.present("tiny")
    result["faults"] = store.verify("tiny")
    if "remove" in sys.argv:
        result["freed"] = store.remove("tiny")
        result["after"] = store.present("tiny")
except VQAError as error:
    result["error"] = str(error)
print(json.dumps(result))
"""


class Hub(ThreadingHTTPServer):
    """Serves one repository; `damaged` makes the weights another file of the same size."""

    def __init__(self) -> None:
        self.downloads: list[str] = []
        self.damaged = False
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        self._answer(FILES[name], {"ETag": f'"{_git_id(FILES[name])}"', "X-Repo-Commit": REVISION})

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == f"/api/models/{REPO}/revision/{REVISION}":
            self._json({"id": REPO, "sha": REVISION, "siblings": [{"rfilename": name} for name in FILES]})
        elif path == f"/api/models/{REPO}/tree/{REVISION}":
            rows = [{"type": "file", "path": n, "size": len(d), "oid": _git_id(d)} for n, d in FILES.items()]
            self._json(rows)
        elif path.startswith(f"/{REPO}/resolve/{REVISION}/"):
            name = path.rsplit("/", 1)[-1]
            self.server.downloads.append(name)
            self._answer(FILES[name][::-1] if self.server.damaged else FILES[name], {"X-Repo-Commit": REVISION})
        else:
            self.send_error(404)

    def _json(self, value: object) -> None:
        self._answer(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(hub: Hub, folder: Path, *arguments: str, **environment: str) -> dict[str, object]:
    """Fetch the model in a fresh process whose hub is `hub` and whose hub cache is under `folder`."""
    rows = [(name, len(FILES[name]), hashlib.sha256(FILES[name]).hexdigest()) for name in WANTED]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "VQA_"))}
    settings = {"HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(folder / "hf"), "NO_PROXY": "*"}
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder / "home"), json.dumps(rows), *arguments],
        cwd=ROOT,
        env={**inherited, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    result: dict[str, object] = json.loads(process.stdout)
    return result


def test_a_hub_model_lives_in_the_hubs_own_cache_and_then_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    first = run(hub, tmp_path)
    folder = tmp_path / "hf" / "hub" / "models--someone--tiny" / "snapshots" / REVISION
    assert first == {"before": False, "folder": str(folder), "after": True, "faults": []}
    assert {name: (folder / name).read_bytes() for name in WANTED} == {name: FILES[name] for name in WANTED}
    assert sorted(hub.downloads) == list(WANTED)
    second = run(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert second == {"before": True, "folder": str(folder), "after": True, "faults": []}
    assert len(hub.downloads) == 2


def test_a_damaged_file_of_the_hubs_cache_alone_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    folder = Path(str(run(hub, tmp_path)["folder"]))
    (folder / "model.bin").resolve().write_bytes(b"damaged")
    assert run(hub, tmp_path)["faults"] == []
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    assert sorted(hub.downloads) == ["config.json", "model.bin", "model.bin"]


def test_another_file_from_the_hub_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.damaged = True
    assert "was refused: its sha256 is" in str(run(hub, tmp_path)["error"])


def test_the_hubs_offline_variable_is_honoured_and_not_remembered(hub: Hub, tmp_path: Path) -> None:
    assert "HF_HUB_OFFLINE" in str(run(hub, tmp_path, HF_HUB_OFFLINE="1")["error"])
    assert hub.downloads == []
    assert run(hub, tmp_path)["after"] is True


def test_a_hub_that_is_down_is_one_line_and_remembered(hub: Hub, tmp_path: Path) -> None:
    error = str(run(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")["error"])
    assert "hub: someone/tiny" in error
    assert "\n" not in error
    assert "1 min ago" in str(run(hub, tmp_path)["error"])


def test_removing_a_hub_model_frees_its_files(hub: Hub, tmp_path: Path) -> None:
    result = run(hub, tmp_path, "remove")
    assert result["after"] is False
    assert int(str(result["freed"])) >= sum(len(FILES[name]) for name in WANTED)
    assert not list((tmp_path / "hf" / "hub").rglob("model.bin"))
