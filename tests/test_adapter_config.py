"""AdapterConfig: JSON there and back, and one clear line for what cannot be."""

import json
from dataclasses import asdict, replace

import pytest

from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.presets import preset
from vqa.errors import InputError

GOOD = AdapterConfig(base_model="tiny", tuned_linears=("q_proj", "o_proj"), groups=("language",))


def test_json_round_trip_keeps_every_field():
    assert AdapterConfig.from_dict(json.loads(GOOD.to_json())) == GOOD


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fusion": "late"}, "fusion='late'"),
        ({"tuning": "lora"}, "tuning='lora'"),
        ({"adapter_len": -1}, "adapter_len=-1"),
        ({"visual_heads": 5}, "multiple of visual_heads=5"),
        ({"visual_len": 0}, "exactly when visual_blocks is 0"),
        ({"tuned_linears": ["lm_head"]}, "tuned_linears"),
        ({"early_layers": "1"}, "early_layers='1': expected a int"),
        ({"norm_tuning": 1}, "norm_tuning=1: expected a bool"),
        ({"fusoin": "added"}, "did you mean 'fusion'"),
        ({"fusion": "added", "adapter_layers": 0}, "adapter_layers=0"),
        ({"fusion": "added", "adapter_layers": 2, "visual_len": 4}, "'added' sums the two"),
    ],
)
def test_a_bad_field_is_refused_by_name(changes, words):
    with pytest.raises(InputError, match="adapter config") as caught:
        AdapterConfig.from_dict({**json.loads(GOOD.to_json()), **changes})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_without_its_base_model_is_refused():
    with pytest.raises(InputError, match="base_model is missing"):
        AdapterConfig.from_dict({"fusion": "early"})


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_a_file_that_is_no_config_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        AdapterConfig.from_file(tmp_path / "config.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no adapter config there"):
        AdapterConfig.from_file(tmp_path / "config.json")


def test_early_fusion_never_mixes_visual_and_static_layers():
    config = replace(GOOD, fusion="early", early_layers=2, adapter_layers=3)
    assert list(config.visual_layers(6)) == [0, 1]
    assert list(config.static_layers(6)) == [3, 4, 5]
    with pytest.raises(InputError, match="wants 5 layers of its own, the base model has 4"):
        config.static_layers(4)


def test_added_fusion_shows_the_picture_to_the_static_layers():
    config = replace(GOOD, fusion="added", adapter_layers=3)
    assert config.visual_layers(4) == config.static_layers(4) == range(1, 4)


def test_a_preset_comes_as_if_untrained():
    config = preset("smollm2-135m")
    assert (config.base_model, config.base_fingerprint, config.groups) == ("smollm2-135m-instruct", "", ())
    assert asdict(config)["vision"] == "efficientnet-lite2:levels:mirrored"
    with pytest.raises(InputError, match="did you mean 'smollm2-135m'"):
        preset("smollm2-136m")
