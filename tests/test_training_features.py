"""Features are computed once, survive a killed run, and belong to one encoder."""

import hashlib
import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from vqa.adapter_model.training.features import FeatureStore
from vqa.adapter_model.training.pictures import Pictures
from vqa.adapter_model.training.views import is_mirrored, tells_sides, viewed
from vqa.errors import InputError
from vqa.images import load_image


class MeanColours:
    """An encoder whose patches are the mean colours of a picture's left and right half."""

    def __init__(self, name="mean"):
        self.name = name
        self.seen = 0

    def fingerprint(self):
        return hashlib.sha256(self.name.encode()).hexdigest()

    def features(self, images):
        self.seen += len(images)
        return torch.stack([torch.from_numpy(halves(image.pil)) for image in images])


def halves(picture):
    """Return (2, 3): the mean colour of each half, in [0, 1]."""
    array = np.asarray(picture, np.float32) / 255
    middle = array.shape[1] // 2
    return np.stack([array[:, :middle].mean((0, 1)), array[:, middle:].mean((0, 1))])


def picture(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8))


@pytest.fixture
def folder(tmp_path):
    for seed in range(5):
        picture(seed).save(tmp_path / f"{seed}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


NAMES = [f"{seed}.png" for seed in range(5)]


def add(store, folder, names=NAMES, views=("plain",)):
    told = []
    records = store.add(Pictures(str(folder)), names, views, bad=lambda name, why: told.append(name))
    return records, told


def test_features_are_the_encoders_in_every_view(folder):
    store = FeatureStore(folder / "f", MeanColours())
    records, _ = add(store, folder, views=("plain", "flip"))
    assert store.shape == (2, 3)
    expected = np.stack([halves(picture(seed)) for seed in range(5)])
    np.testing.assert_allclose(store.read(records[:, 0]).numpy(), expected, atol=1e-3)
    np.testing.assert_allclose(store.read(records[:, 1]).numpy(), expected[:, ::-1], atol=1e-3)


def test_known_pictures_are_not_computed_again_whatever_they_are_called(folder):
    first = MeanColours()
    add(FeatureStore(folder / "f", first), folder)
    picture(0).save(folder / "copy.png")
    again = MeanColours()
    records, _ = add(FeatureStore(folder / "f", again), folder, ["copy.png", *NAMES])
    assert (first.seen, again.seen) == (5, 0)
    assert records[:, 0].tolist() == [0, 0, 1, 2, 3, 4]


def test_a_changed_picture_is_computed_again(folder):
    add(FeatureStore(folder / "f", MeanColours()), folder)
    Image.new("RGB", (9, 9), "red").save(folder / "3.png")
    again = MeanColours()
    store = FeatureStore(folder / "f", again)
    records, _ = add(store, folder)
    assert again.seen == 1
    np.testing.assert_allclose(store.read(records[3:4, 0]).numpy(), [[[1, 0, 0], [1, 0, 0]]])


def test_another_encoder_has_features_of_its_own(folder):
    add(FeatureStore(folder / "f", MeanColours()), folder)
    other = MeanColours("other")
    add(FeatureStore(folder / "f", other), folder)
    assert other.seen == 5


def test_what_a_killed_run_left_half_written_is_made_anew(folder):
    add(FeatureStore(folder / "f", MeanColours()), folder)
    (home,) = (folder / "f").iterdir()
    (home / "features.f16").write_bytes((home / "features.f16").read_bytes()[:-15])  # in the last but one record
    (home / "index.tsv").write_text((home / "index.tsv").read_text()[:-10])
    again = MeanColours()
    store = FeatureStore(folder / "f", again)
    records, _ = add(store, folder)
    assert again.seen == 2
    np.testing.assert_allclose(
        store.read(records[:, 0]).numpy(), np.stack([halves(picture(seed)) for seed in range(5)]), atol=1e-3
    )


def test_pictures_that_cannot_be_used_are_named_and_have_no_record(folder):
    records, bad = add(FeatureStore(folder / "f", MeanColours()), folder, ["broken.png", "0.png", "missing.png"])
    assert bad == ["broken.png", "missing.png"]
    assert records[:, 0].tolist() == [-1, 0, -1]


def test_tar_members_are_read_where_they_stand(folder):
    with tarfile.open(folder / "p.tar", "w") as tar:
        for seed in range(3):
            data = io.BytesIO()
            picture(seed).save(data, "PNG")
            info = tarfile.TarInfo(f"./in/{seed}.png")
            info.size = len(data.getvalue())
            data.seek(0)
            tar.addfile(info, data)
    pictures = Pictures(str(folder / "*.tar"))
    assert np.array_equal(load_image(pictures.read("in/2.png")).pil, picture(2))
    assert pictures.identity("in/9.png") is None


def test_addresses_are_refused_offline(tmp_path):
    with pytest.raises(InputError, match="offline"):
        Pictures("", rows=str(tmp_path / "rows.csv"), offline=True).read("https://example.com/a.jpg")
    with pytest.raises(InputError, match="no such folder or tar file"):
        Pictures(str(tmp_path / "missing"))


def test_crops_are_parts_and_every_other_one_is_mirrored():
    image = load_image(picture(1).resize((80, 60)))
    crop, same, other = (viewed(image, view, seed=image.sha256) for view in ("crop", "crop", "crop2"))
    assert np.array_equal(crop.pil, same.pil)
    assert crop.pil.size != image.pil.size
    assert len({image.sha256, crop.sha256, other.sha256}) == 3
    assert [is_mirrored(view) for view in ("plain", "flip", "crop", "crop2", "crop3")] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_sides_are_found_as_words():
    assert tells_sides("The dog on the LEFT.")
    assert not tells_sides("Leftovers on a bright plate.")
