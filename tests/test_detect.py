from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from vqa.errors import InputError, ModelUnavailable
from vqa.experts.detect import DetectExpert
from vqa.experts.detectors import coco, yolo_weights
from vqa.protocols import Expert
from vqa.settings import Settings
from vqa.values import COUNT_SCORE, PRESENCE_SCORE, Finding, Region
from vqa.weights import Store


@pytest.fixture(scope="module")
def built_in() -> DetectExpert:
    return DetectExpert.from_settings(Settings.load({"detector": "efficientdet"}))


@pytest.fixture(scope="module")
def bus(built_in: DetectExpert) -> Finding:
    from vqa.images import load_image

    return built_in.look(load_image("example:bus"))


def holds(region: Region, point: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = region.xyxy
    return x0 < point[0] < x1 and y0 < point[1] < y1


def test_it_is_an_expert_that_loads_nothing_to_be_made(tmp_path: Path) -> None:
    detect = DetectExpert.from_settings(Settings(home=tmp_path / "nowhere"))
    assert isinstance(detect, Expert)
    assert detect.vocabulary == coco.LABELS
    assert not (tmp_path / "nowhere").exists()


def test_the_default_vocabulary_is_cocos_eighty_classes() -> None:
    assert len(set(coco.LABELS)) == 80
    assert {"person", "hair drier", "stop sign", "potted plant"} <= set(coco.LABELS)


def test_own_yolo_weights_have_an_unknown_vocabulary_until_loaded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, yolo_model=str(tmp_path / "mine.pt"))
    assert DetectExpert.from_settings(settings).vocabulary == ()


def test_an_unknown_detector_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown detector 'yolov': did you mean 'yolo'\?"):
        DetectExpert.from_settings(Settings(home=tmp_path, detector="yolov"))


@pytest.mark.parametrize("detector", ["auto", "yolo"])
@pytest.mark.parametrize(
    ("model", "reason"),
    [("folder/mine.pt", "there is no such file"), ("mine.h5", "ends in .pt or .onnx")],
)
def test_weights_the_user_points_at_are_never_replaced(tmp_path: Path, detector, model: str, reason: str) -> None:
    from vqa.images import load_image

    detect = DetectExpert.from_settings(Settings(home=tmp_path, detector=detector, yolo_model=model))
    assert reason in (detect.available() or "")
    with pytest.raises(InputError, match=reason):
        detect.look(load_image("example:bus"))


@pytest.mark.skipif(find_spec("onnx") is not None, reason="onnx is installed")
def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    from vqa.images import load_image

    (tmp_path / "mine.onnx").touch()
    detect = DetectExpert.from_settings(Settings(home=tmp_path, yolo_model=str(tmp_path / "mine.onnx")))
    assert "pip install onnx" in (detect.available() or "")
    with pytest.raises(ModelUnavailable, match="pip install onnx"):
        detect.look(load_image("example:bus"))


def test_offline_without_weights_yolo_cannot_look_and_the_built_in_one_can(tmp_path: Path) -> None:
    from vqa.images import load_image

    yolo = DetectExpert.from_settings(Settings(home=tmp_path, offline=True, detector="yolo"))
    assert "give the path of a file" in (yolo.available() or "")
    with pytest.raises(ModelUnavailable, match="give the path of a file"):
        yolo.look(load_image("example:bus"))
    for detector in ("auto", "efficientdet"):
        built_in = DetectExpert.from_settings(Settings(home=tmp_path, offline=True, detector=detector))
        assert built_in.available() is None
        assert built_in.look(load_image("example:cat")).regions[0].label == "cat"


def test_an_action_that_hangs_is_left_alone_in_time() -> None:
    from threading import Event

    with pytest.raises(TimeoutError):
        yolo_weights.within(0.05, Event().wait)
    with pytest.raises(ZeroDivisionError):
        yolo_weights.within(5, lambda: 1 / 0)


def test_published_models_and_files_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path, offline=True)
    weights = tmp_path / "mine.onnx"
    weights.touch()
    assert yolo_weights.problem(str(weights), store) is None
    assert yolo_weights.find(str(weights), store) == weights
    for name in ("yolo11n", "yolo11n.pt", "yolov8s.pt"):
        assert "run once without offline" in (yolo_weights.problem(name, store) or "")
        assert yolo_weights.problem(name, Store(tmp_path)) is None


@pytest.mark.weights
def test_the_built_in_detector_finds_the_people_and_the_bus(bus: Finding) -> None:
    # Points on each of the four people and on the bus, read off the picture by eye.
    people = [r for r in bus.regions if r.label == "person" and r.score >= COUNT_SCORE]
    for point in ((130, 580), (285, 590), (770, 600)):
        assert sum(holds(r, point) for r in people) == 1, point
    assert len(people) == 3  # the fourth, cut off by the picture's edge, is too unsure
    (vehicle,) = [r for r in bus.regions if r.label == "bus" and r.score >= COUNT_SCORE]
    assert holds(vehicle, (450, 480))
    assert vehicle.xyxy == pytest.approx((12, 228, 801, 750), abs=20)  # its outline, by eye


@pytest.mark.weights
def test_its_finding_is_complete_and_in_order(bus: Finding) -> None:
    assert (bus.expert, bus.kind, bus.model, bus.notes) == ("detect", "objects", "efficientdet-lite2", ())
    assert bus.size == (810, 1080)
    assert set(bus.vocabulary) == set(coco.LABELS)
    scores = [r.score for r in bus.regions]
    assert scores == sorted(scores, reverse=True)
    assert PRESENCE_SCORE <= scores[-1] < COUNT_SCORE
    for x0, y0, x1, y1 in (r.xyxy for r in bus.regions):
        assert 0 <= x0 < x1 <= 810
        assert 0 <= y0 < y1 <= 1080
    assert "3 people" in bus.text
    assert "1 bus: center" in bus.text
    assert "handbag" not in bus.text  # there is one, but too weak to be told
    assert Finding.from_dict(bus.to_dict()).text == bus.text


@pytest.mark.weights
@pytest.mark.parametrize(
    ("example", "expected"),
    [("cat", {"cat": 1}), ("coffee", {"cup": 1, "spoon": 1}), ("astronaut", {"person": 1})],
)
def test_other_pictures_hold_what_anybody_sees(built_in: DetectExpert, example: str, expected: dict[str, int]) -> None:
    from vqa.images import load_image

    finding = built_in.look(load_image(f"example:{example}"))
    counts = Counter(r.label for r in finding.regions if r.score >= COUNT_SCORE)
    assert {label: counts[label] for label in expected} == expected


@pytest.mark.weights
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (3000, 20)])
def test_odd_shapes_are_no_trouble(built_in: DetectExpert, size: tuple[int, int]) -> None:
    from PIL import Image

    from vqa.images import load_image

    finding = built_in.look(load_image(Image.new("RGB", size, (40, 90, 160))))
    assert finding.size == size
    assert finding.error is None


@pytest.mark.weights
def test_auto_says_which_detector_it_fell_back_to() -> None:
    from vqa.images import load_image

    settings = Settings.load({"detector": "auto", "yolo_model": "yolov8x.pt", "offline": True})
    finding = DetectExpert.from_settings(settings).look(load_image("example:cat"))
    assert finding.model == "efficientdet-lite2"
    (note,) = finding.notes
    assert note.startswith("efficientdet-lite2 instead of yolov8x.pt: no weights for")


@pytest.mark.weights
def test_auto_without_the_default_yolo_is_the_built_in_detector_and_no_fallback() -> None:
    from vqa.images import load_image

    settings = Settings.load({"detector": "auto", "offline": True})
    finding = DetectExpert.from_settings(settings).look(load_image("example:cat"))
    assert finding.model in ("efficientdet-lite2", "yolo11n")
    assert finding.notes == ()
