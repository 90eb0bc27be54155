"""A real YOLO, built from a small configuration of its own and fitted here to a few drawn squares and discs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vqa.errors import InputError, ModelUnavailable
from vqa.settings import Settings
from vqa.weights import Store

pytestmark = pytest.mark.slow

SIDE = 96
STEPS = 80
PICTURES = 24
COLOURS = {"square": (220, 30, 30), "disc": (30, 60, 220)}


def draw(random):
    """Return a grey picture with one square and one disc, and their boxes by class name."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIDE, SIDE), (127, 127, 127))
    pen = ImageDraw.Draw(picture)
    boxes = {}
    for name, half in zip(random.permutation(list(COLOURS)), (0, SIDE // 2), strict=True):
        side = int(random.integers(20, 32))
        x, y = half + int(random.integers(0, SIDE // 2 - side)), int(random.integers(0, SIDE - side))
        boxes[str(name)] = (x, y, x + side, y + side)
        (pen.rectangle if name == "square" else pen.ellipse)(boxes[str(name)], fill=COLOURS[str(name)])
    return picture, boxes


@pytest.fixture(scope="module")
def shapes(tmp_path_factory) -> Path:
    """A .pt file of a YOLO that knows squares and discs."""
    import numpy as np
    import torch
    import yaml

    from vqa.experts.detectors.yolo import import_ultralytics

    folder = tmp_path_factory.mktemp("yolo")
    ultralytics = import_ultralytics(folder)
    from ultralytics.utils import DEFAULT_CFG

    published = Path(ultralytics.__file__).parent / "cfg/models/11/yolo11.yaml"
    tiny = {**yaml.safe_load(published.read_text()), "nc": 2, "scales": {"n": [0.33, 0.125, 256]}}
    (folder / "yolo11n.yaml").write_text(yaml.safe_dump(tiny))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small convolutions are slower on several
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            yolo = ultralytics.YOLO(str(folder / "yolo11n.yaml"))
        network = yolo.model
        network.names = dict(enumerate(COLOURS))
        network.args = DEFAULT_CFG
        drawn = [draw(np.random.default_rng(seed)) for seed in range(PICTURES)]
        pictures = torch.stack([torch.from_numpy(np.array(p)).permute(2, 0, 1) / 255 for p, _ in drawn])
        rows = torch.tensor(
            [
                (
                    i,
                    list(COLOURS).index(name),
                    (x0 + x1) / 2 / SIDE,
                    (y0 + y1) / 2 / SIDE,
                    (x1 - x0) / SIDE,
                    (y1 - y0) / SIDE,
                )
                for i, (_, boxes) in enumerate(drawn)
                for name, (x0, y0, x1, y1) in boxes.items()
            ]
        )
        batch = {"img": pictures, "batch_idx": rows[:, 0], "cls": rows[:, 1:2], "bboxes": rows[:, 2:]}
        network.train()
        optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=STEPS, pct_start=0.2)
        for _ in range(STEPS):
            optimizer.zero_grad()
            network(batch)[0].sum().backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            schedule.step()
        # So few steps leave the running statistics of batch normalisation behind: take them from the pictures.
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None
        with torch.no_grad():
            network(pictures)
        network.eval()
        yolo.ckpt["train_args"] = {"imgsz": SIDE}  # as ultralytics' trainer does: what predicting scales pictures to
        yolo.save(str(folder / "shapes.pt"))
    finally:
        torch.set_num_threads(threads)
    return folder / "shapes.pt"


def expert(home: Path, model: str | Path, **changes):
    from vqa.experts.detect import DetectExpert

    return DetectExpert.from_settings(Settings(home=home, yolo_model=str(model), tiles=False, **changes))


def overlap(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("enlarged", [1, 5])
def test_boxes_of_a_yolo_given_by_path_lie_on_the_shapes(shapes: Path, tmp_path: Path, enlarged: int) -> None:
    import numpy as np
    import torch

    from vqa.images import load_image

    threads = torch.get_num_threads()
    detect = expert(tmp_path, shapes)
    assert detect.available() is None
    assert detect.vocabulary == ()
    for seed in (100, 101, 102):  # pictures it was not fitted to
        picture, boxes = draw(np.random.default_rng(seed))
        picture = picture.resize((SIDE * enlarged, SIDE * enlarged))
        finding = detect.look(load_image(picture))
        assert (finding.model, finding.notes, finding.size) == ("shapes", (), picture.size)
        for name, box in boxes.items():
            best = next(r for r in finding.regions if r.label == name)
            assert best.score > 0.5
            assert overlap(best.xyxy, [enlarged * v for v in box]) > 0.6
            assert name in finding.text
    assert finding.vocabulary == detect.vocabulary == ("square", "disc")
    assert torch.get_num_threads() == threads


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    from vqa.images import load_image

    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"nothing that torch wrote")
    for detector in ("auto", "yolo"):
        with pytest.raises(ModelUnavailable, match=r"ultralytics cannot use .*broken\.pt") as failure:
            expert(tmp_path, broken, detector=detector).look(load_image("example:bus"))
        assert "\n" not in str(failure.value)


def test_a_model_that_draws_no_boxes_is_refused(tmp_path: Path) -> None:
    from vqa.experts.detectors.yolo import Yolo, import_ultralytics

    classifier = import_ultralytics(tmp_path).YOLO("yolo11n-cls.yaml")
    classifier.save(str(tmp_path / "classes.pt"))
    with pytest.raises(InputError, match=r"classes\.pt: a classify model"):
        Yolo(tmp_path / "classes.pt", home=tmp_path)


def test_an_unreachable_server_costs_one_short_attempt_an_hour(tmp_path: Path, monkeypatch) -> None:
    from vqa.experts.detectors import yolo_weights

    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    store = Store(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"cannot fetch yolo11s\.pt from"):
        yolo_weights.find("yolo11s.pt", store)
    with pytest.raises(ModelUnavailable, match=r"yolo11s\.pt could not be fetched within the last hour"):
        yolo_weights.find("yolo11s", store)
    with pytest.raises(InputError, match="neither a file nor a model that ultralytics publishes"):
        yolo_weights.find("yolo99z", store)
    (stamp,) = (tmp_path / "unreachable").iterdir()
    os.utime(stamp, (0, 0))
    with pytest.raises(ModelUnavailable, match=r"cannot fetch yolo11s\.pt from"):
        yolo_weights.find("yolo11s.pt", store)


# Run in a process of its own: there the expert, and nobody before it, imports ultralytics.
OBSERVED = """
import socket, sys
from pathlib import Path

calls = []
def refuse(*args, **kwargs):
    calls.append(args)
    raise OSError("no network here")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse

import os, torch
from vqa.errors import ModelUnavailable
threads, before = torch.get_num_threads(), dict(os.environ)
from vqa.experts.detectors.yolo import Yolo
from PIL import Image
yolo = Yolo(Path(sys.argv[1]), home=Path(sys.argv[2]))
for _ in range(2):
    yolo.detect(Image.new("RGB", (96, 96)), 0.15)
try:
    Yolo(Path(sys.argv[3]), home=Path(sys.argv[2]))
except ModelUnavailable as error:
    print(error, file=sys.stderr)
watched = [k for k in {*before, *os.environ} if k.startswith(("YOLO", "ULTRALYTICS", "OMP"))]
changed = {k for k in watched if before.get(k) != os.environ.get(k)}
print(calls, torch.get_num_threads() == threads, sorted(changed), file=sys.stderr)
"""


class Payload:
    """Pickled, it asks whoever loads it to make a file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self):
        return (Path.touch, (self.proof,))


def test_ultralytics_stays_off_the_network_the_output_the_users_folders_and_pickled_code(
    shapes: Path, tmp_path: Path
) -> None:
    import torch

    torch.save({"model": Payload(tmp_path / "ran")}, tmp_path / "evil.pt")
    home, work, weights_home = tmp_path / "home", tmp_path / "work", tmp_path / "vqa"
    home.mkdir()
    work.mkdir()
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "ULTRALYTICS_", "XDG_", "PYTEST_"))}
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", OBSERVED, str(shapes), str(weights_home), str(tmp_path / "evil.pt")],
        cwd=work,
        env={**variables, "HOME": str(home), "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    refusal, observed = done.stderr.splitlines()[-2:]
    assert "evil.pt" in refusal
    assert not (tmp_path / "ran").exists()
    assert observed == "[] True []"  # no call to the network, torch's threads and the environment as before
    assert [*home.rglob("*"), *work.rglob("*")] == []
    assert weights_home.is_dir()  # where its settings file went
