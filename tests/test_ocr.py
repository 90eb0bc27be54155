"""The ocr expert, reading drawn and photographed text with the built-in weights."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vqa.errors import InputError, ModelUnavailable
from vqa.experts.ocr import OcrExpert, capped
from vqa.experts.reading.easyocr import EasyOcr
from vqa.experts.reading.ppocr import PpOcr, finding_size
from vqa.images import load_image
from vqa.protocols import Expert
from vqa.registry import experts
from vqa.settings import Settings
from vqa.values import LoadedImage, Region
from vqa.weights import Store

RECEIPT = [
    *("CORNER CAFE", "12 Mill Street", "Date: 24/03/2019"),
    *("Black coffee        2.20", "Cheese cake         4.80", "TOTAL               7.00"),
]
LEFT = ["The harbour was quiet", "when the first boats", "came back from the", "fishing grounds with"]
RIGHT = ["Prices at the market", "rose again this week", "as farmers waited for", "better weather inland"]


def drawn(
    *columns: list[str], size: int = 26, width: int = 420, ink: str = "black", paper: str = "white"
) -> LoadedImage:
    """Columns of text, one beside the other."""
    font = ImageFont.load_default(size)
    height = round(size * 1.6)
    picture = Image.new("RGB", (width * len(columns), height * max(map(len, columns)) + 40), paper)
    draw = ImageDraw.Draw(picture)
    for column, lines in enumerate(columns):
        for row, line in enumerate(lines):
            draw.text((20 + width * column, 20 + height * row), line, font=font, fill=ink)
    return load_image(picture)


def assert_on_the_ink(image: LoadedImage, expert: OcrExpert) -> None:
    """Check that the one word of a picture, WELCOME, was read where its ink is."""
    ink = np.argwhere(np.asarray(image.pil.convert("L")) < 128)
    (y0, x0), (y1, x1) = ink.min(axis=0), ink.max(axis=0)
    (region,) = expert.look(image).regions
    assert region.label == "WELCOME"
    assert region.score > 0.5
    assert region.xyxy == pytest.approx((x0, y0, x1, y1), abs=0.12 * (x1 - x0))
    assert (region.xyxy[2], region.xyxy[3]) <= image.pil.size


@pytest.fixture(scope="module")
def expert() -> OcrExpert:
    return OcrExpert.from_settings(Settings.load())


@pytest.fixture(scope="module")
def easyocr() -> OcrExpert:
    return OcrExpert.from_settings(Settings.load({"ocr_model": "easyocr"}))


def test_is_an_expert_found_by_name() -> None:
    found = experts.get("ocr").from_settings(Settings())
    assert isinstance(found, Expert)
    assert (found.kind, found.uses_question, found.vocabulary) == ("text", False, ())
    assert {"read", "sign", "price", "number plate", "간판", "가격", "뭐라고"} <= set(found.cues)
    assert all(cue == cue.strip().lower() and cue for cue in found.cues)


@pytest.mark.parametrize(
    ("model", "languages", "reader"),
    [
        ("auto", (), PpOcr),
        ("auto", ("en", "de"), PpOcr),
        ("auto", ("en", "ko"), EasyOcr),
        ("easyocr", ("en",), EasyOcr),
        ("pp-ocrv6", ("fr",), PpOcr),
    ],
)
def test_the_settings_choose_the_reader(model: str, languages: tuple[str, ...], reader: type) -> None:
    settings = Settings(ocr_model=model, ocr_languages=languages)
    assert OcrExpert.from_settings(settings).fingerprint == reader.from_settings(settings).fingerprint  # type: ignore[attr-defined]


def test_an_unknown_reader_or_a_language_it_does_not_read_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(InputError, match="unknown ocr_model 'easy': did you mean 'easyocr'"):
        OcrExpert.from_settings(Settings(ocr_model="easy"))
    with pytest.raises(InputError, match="ocr_languages='ko': pp-ocrv6 does not read that; set ocr_model to easyocr"):
        OcrExpert.from_settings(Settings(ocr_model="pp-ocrv6", ocr_languages=("en", "ko")))


@pytest.mark.parametrize(("model", "weights"), [("pp-ocrv6", "pp-ocrv6-small"), ("easyocr", "easyocr-en")])
def test_offline_without_weights_it_is_absent_and_says_which_command_brings_them(
    model: str, weights: str, tmp_path: Path
) -> None:
    expert = OcrExpert.from_settings(Settings(home=tmp_path, offline=True, ocr_model=model))
    assert f"vqa models pull {weights}" in (expert.available() or "")
    with pytest.raises(ModelUnavailable, match=weights) as caught:
        expert.look(drawn(["text"]))
    assert "\n" not in str(caught.value)
    assert OcrExpert.from_settings(Settings(home=tmp_path, ocr_model=model)).available() is None


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (4000, 3000), (3000, 2), (100_000, 20)])
def test_text_is_looked_for_at_about_the_same_area_in_every_picture(size: tuple[int, int]) -> None:
    width, height = finding_size(size)
    assert (width % 32, height % 32) == (0, 0)
    assert 0 < width * height <= 2.1e6 or min(width, height) == 32
    if min(size) > 32:
        assert width / height == pytest.approx(size[0] / size[1], rel=0.05)


def test_long_and_many_lines_are_cut_and_counted() -> None:
    block = [Region((0, 30.0 * i, 9, 30.0 * i + 20), "x" * (500 if i == 3 else 5), 0.9) for i in range(130)]
    kept, notes = capped([block, block])
    assert [len(b) for b in kept] == [130, 70]
    assert len(kept[0][3].label) == 300
    assert notes == ["2 lines cut to 300 characters", "60 lines after the first 200 left out"]
    assert capped([block[:2]]) == ([block[:2]], [])


@pytest.mark.weights
class TestReading:
    def test_reads_a_receipt_line_by_line(self, expert: OcrExpert) -> None:
        finding = expert.look(drawn(RECEIPT, width=460))
        lines = [region.label for region in finding.regions]
        assert [line.casefold() for line in lines] == [" ".join(line.split()).casefold() for line in RECEIPT]
        assert finding.text.split() == " ".join(lines).split()

    def test_keeps_two_columns_apart(self, expert: OcrExpert) -> None:
        finding = expert.look(drawn(LEFT, RIGHT))
        first, _, second = finding.text.partition("\n\n")
        assert set(first.casefold().split()) >= {"harbour", "quiet", "boats", "fishing", "grounds"}
        assert set(second.casefold().split()) >= {"prices", "market", "farmers", "waited", "inland"}

    def test_puts_a_hyphenated_word_together(self, expert: OcrExpert) -> None:
        finding = expert.look(drawn(["They met at an inter-", "national conference"]))
        assert "international" in finding.text

    def test_boxes_lie_on_the_ink_in_pixels_of_the_picture(self, expert: OcrExpert) -> None:
        image = drawn(["WELCOME"], size=60)
        for picture in (image, load_image(image.pil.resize((image.pil.width * 3, image.pil.height * 3)))):
            assert_on_the_ink(picture, expert)

    def test_light_ink_on_dark_paper_and_small_print_are_read(self, expert: OcrExpert) -> None:
        assert "EXIT ONLY" in expert.look(drawn(["EXIT ONLY"], size=40, ink="white", paper="darkgreen")).text.upper()
        assert "emergency" in expert.look(drawn(["emergency number"], size=13, width=200)).text.casefold()

    def test_reads_a_photographed_bus(self, expert: OcrExpert) -> None:
        spec = importlib.util.find_spec("ultralytics")
        assert spec is not None
        assert spec.origin is not None
        finding = expert.look(load_image(Path(spec.origin).parent / "assets" / "bus.jpg"))
        assert "cero" in finding.text.casefold()
        assert any("unreadable piece" in note for note in finding.notes)
        assert finding.size == (810, 1080)
        assert all(0 <= region.score <= 1 for region in finding.regions)

    def test_reads_a_scanned_page(self, expert: OcrExpert) -> None:
        spec = importlib.util.find_spec("skimage")
        assert spec is not None
        assert spec.origin is not None
        finding = expert.look(load_image(Path(spec.origin).parent / "data" / "page.png"))
        assert "segmentation" in finding.regions[0].label
        words = finding.text.casefold().split()
        order = [
            words.index(word) for word in ("determine", "markers", "pixels", "unambiguously", "extreme", "histogram")
        ]
        assert order == sorted(order)

    @pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (320, 240)])
    def test_a_picture_without_text_says_so(self, expert: OcrExpert, size: tuple[int, int]) -> None:
        finding = expert.look(load_image(Image.new("RGB", size, "steelblue")))
        assert (finding.text, finding.regions, finding.size) == ("no text found", (), size)

    def test_a_slanted_line_and_one_that_runs_down_are_made_level(self, expert: OcrExpert) -> None:
        for degrees in (25, -25, -90):
            turned = drawn(["PLATFORM NINE"], size=40).pil.rotate(degrees, expand=True, fillcolor="white")
            assert expert.look(load_image(turned)).text == "PLATFORM NINE", degrees

    @pytest.mark.parametrize("text", ["Größere Äpfel, süße Öle", "À côté d'un élève naïf", "Zażółć gęślą jaźń"])
    def test_reads_other_languages_of_latin_script(self, expert: OcrExpert, text: str) -> None:
        import matplotlib

        font = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 28)
        picture = Image.new("RGB", (480, 70), "white")
        ImageDraw.Draw(picture).text((20, 16), text, font=font, fill="black")
        assert expert.look(load_image(picture)).text == text


@pytest.mark.weights
class TestEasyOcr:
    def test_reads_a_receipt_line_by_line(self, easyocr: OcrExpert) -> None:
        finding = easyocr.look(drawn(RECEIPT, width=460))
        lines = [region.label.casefold() for region in finding.regions]
        assert lines == [" ".join(line.split()).casefold() for line in RECEIPT]
        assert finding.model == "easyocr en"

    def test_boxes_lie_on_the_ink_whatever_the_size(self, easyocr: OcrExpert) -> None:
        small = drawn(["WELCOME"], size=60)
        for image in (small, load_image(small.pil.resize((small.pil.width * 3, small.pil.height * 3)))):
            assert_on_the_ink(image, easyocr)

    def test_writes_nothing_outside_its_home_and_leaves_the_import_path_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        settings = Settings.load({"ocr_model": "easyocr"})  # its home is the real one, whatever HOME says from here on
        Store.from_settings(settings).fetch("easyocr-en")
        monkeypatch.setenv("HOME", str(tmp_path))
        path = list(sys.path)
        OcrExpert.from_settings(settings).look(drawn(["text"]))
        assert list(tmp_path.iterdir()) == []
        assert sys.path == path

    def test_an_unknown_language_is_an_input_error(self) -> None:
        settings = Settings.load({"ocr_languages": ("tlh",)})
        with pytest.raises(InputError, match="ocr_languages='tlh'"):
            OcrExpert.from_settings(settings).look(drawn(["text"]))

    def test_offline_another_language_is_unavailable_until_it_was_downloaded(self) -> None:
        settings = Settings.load({"ocr_languages": ("ko", "en"), "offline": True})
        korean = OcrExpert.from_settings(settings)
        assert "ko" in (korean.available() or "")
        with pytest.raises(ModelUnavailable, match="ko, en") as caught:
            korean.look(drawn(["text"]))
        assert "\n" not in str(caught.value)

    def test_weights_that_run_code_are_refused(self, tmp_path: Path) -> None:
        """EasyOCR itself loads its files with weights_only=False."""
        import os

        import torch

        from vqa.experts.reading.easyocr_engine import safe_unpickling

        class Evil:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return os.mkdir, (str(tmp_path / "ran"),)

        torch.save({"module.x": Evil()}, tmp_path / "evil.pth")
        with safe_unpickling(), pytest.raises(Exception, match="Weights only load failed"):
            torch.load(tmp_path / "evil.pth", weights_only=False)
        assert not (tmp_path / "ran").exists()
