import hashlib
from pathlib import Path

import pytest

from vqa.errors import ModelUnavailable

np = pytest.importorskip("numpy")


def test_anchors_are_three_scales_and_ratios_on_five_levels() -> None:
    from vqa.experts.detectors.efficientdet import anchors

    table = anchors()
    assert len(table) == 9 * (56**2 + 28**2 + 14**2 + 7**2 + 4**2)
    assert table[0] == pytest.approx([4, 4, 24, 24])  # level 3: stride 8, side 3 · 8
    assert table[1] == pytest.approx([4, 4, 24 / 2**0.5, 24 * 2**0.5])  # twice as wide as high
    assert table[3] == pytest.approx([4, 4, 24 * 2 ** (1 / 3), 24 * 2 ** (1 / 3)])
    assert table[9] == pytest.approx([4, 12, 24, 24])  # the next cell to the right
    assert table[-9] == pytest.approx([448, 448, 384, 384])  # level 7: stride 128, fourth cell of four


def test_boxes_are_decoded_relative_to_their_anchor() -> None:
    from vqa.experts.detectors.efficientdet import decode

    anchor = np.array([[100, 50, 40, 20], [100, 50, 40, 20]], np.float32)  # cy, cx, h, w
    deltas = np.array([[0, 0, 0, 0], [0.5, -1, np.log(2), 0]], np.float32)
    assert decode(deltas, anchor)[0] == pytest.approx([40, 80, 60, 120])
    assert decode(deltas, anchor)[1] == pytest.approx([20, 80, 40, 160])


def test_thinning_equals_torchvisions_non_maximum_suppression() -> None:
    torch = pytest.importorskip("torch")
    from torchvision.ops import batched_nms

    from vqa.experts.detectors.efficientdet import OVERLAP, thin

    random = np.random.default_rng(0)
    corner = random.uniform(0, 60, (400, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 40, (400, 2))], axis=1).astype(np.float32)
    scores = random.permutation(400).astype(np.float32) / 400
    classes = random.integers(0, 3, 400)
    expected = batched_nms(torch.tensor(boxes), torch.tensor(scores), torch.tensor(classes), OVERLAP).tolist()
    assert thin(boxes, scores, classes) == expected
    assert 3 < len(expected) < 300
    assert thin(boxes[:0], scores[:0], classes[:0]) == []


def test_the_picture_keeps_its_proportions_in_the_input() -> None:
    from PIL import Image

    from vqa.experts.detectors.efficientdet import INPUT_SIDE, PADDING, letterbox

    for size, box in (((896, 448), (0, 0, 448, 224)), ((100, 400), (0, 0, 112, 448)), ((1, 1), (0, 0, 448, 448))):
        square = letterbox(Image.new("RGB", size, (255, 0, 0)))
        assert square.size == (INPUT_SIDE, INPUT_SIDE)
        red = square.split()[0].point(lambda value: 255 if value == 255 else 0)
        assert red.getbbox() == box
        assert size == (1, 1) or square.getpixel((447, 447)) == PADDING


def test_the_file_that_ships_is_the_one_that_is_told() -> None:
    from vqa.experts.detectors.efficientdet import FILE, SHA256

    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    from vqa.experts.detectors.efficientdet import EfficientDetLite2

    for content in (b"", b"not a model"):
        file = tmp_path / "efficientdet.tflite"
        file.write_bytes(content)
        with pytest.raises(ModelUnavailable, match=r"efficientdet\.tflite: not the EfficientDet-Lite2 file"):
            EfficientDetLite2(file)


@pytest.mark.weights
def test_threads_that_look_at_once_see_what_each_would_alone() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from vqa import Settings, load_image
    from vqa.experts.detect import DetectExpert

    expert = DetectExpert.from_settings(Settings.load({"detector": "efficientdet"}))
    pictures = [load_image(f"example:{name}") for name in ("bus", "zidane", "coffee")]
    alone = [expert.look(picture).regions for picture in pictures]
    assert all(alone)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda picture: expert.look(picture).regions, pictures * 2))
    assert together == alone * 2
