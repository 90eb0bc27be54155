"""The mean of several adapters: of one shape only, written whole, and read like any other adapter."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from cli import app
from vqa.adapter_model.averaging import average
from vqa.adapter_model.checkpoints import write_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.errors import InputError
from vqa.settings import Settings

CONFIG = AdapterConfig(base_model="tiny", groups=("language",))


@pytest.fixture
def adapters(tmp_path):
    """Three folders whose one tensor is full of 1, 2 and 6."""
    folders = []
    for number in (1.0, 2.0, 6.0):
        folders.append(tmp_path / f"of-{number:.0f}")
        write_adapter(folders[-1], CONFIG, {"layer.bias": torch.full((2, 3), number)}, dtype="float16")
    return [str(folder) for folder in folders]


def test_the_mean_is_written_in_the_adapters_own_precision(adapters, tmp_path):
    told = average(adapters, tmp_path / "mean", Settings())
    weights = load_file(tmp_path / "mean" / "adapter.safetensors")
    assert torch.equal(weights["layer.bias"], torch.full((2, 3), 3.0, dtype=torch.float16))
    assert AdapterConfig.from_file(tmp_path / "mean" / "config.json") == CONFIG
    assert told == ["the mean of 3 adapters: 1 tensors, 6 parameters, for tiny"]


def test_an_adapter_named_twice_counts_twice(adapters, tmp_path):
    average([adapters[0], adapters[2], adapters[2]], tmp_path / "mean", Settings())
    weights = load_file(tmp_path / "mean" / "adapter.safetensors")["layer.bias"]
    assert torch.allclose(weights, torch.full((2, 3), 13 / 3, dtype=torch.float16))


def test_the_command_says_what_it_wrote_and_overwrites_nothing(adapters, tmp_path):
    out = str(tmp_path / "mean")
    assert CliRunner().invoke(app, ["models", "average", out, *adapters]).output.startswith("the mean of 3 adapters")
    again = CliRunner().invoke(app, ["models", "average", out, *adapters])
    assert again.exit_code == 2
    assert "there is an adapter already" in again.output


def test_what_has_no_mean_is_refused_in_one_line(adapters, tmp_path):
    def refused(*names):
        with pytest.raises(InputError) as error:
            average(names, tmp_path / "mean", Settings())
        assert not (tmp_path / "mean").exists()
        return str(error.value)

    assert "at least two" in refused(adapters[0])
    other = tmp_path / "other"
    write_adapter(other, replace(CONFIG, adapter_len=7), {"layer.bias": torch.ones(2, 3)})
    assert "another shape or base model" in refused(adapters[0], str(other))
    write_adapter(other, CONFIG, {"layer.bias": torch.ones(2, 4)})
    assert "layer.bias is (2, 4), expected (2, 3)" in refused(adapters[0], str(other))
    (other / "adapter.safetensors").write_bytes(b"no safetensors")
    assert "damaged" in refused(adapters[0], str(other))
    (other / "adapter.safetensors").unlink()
    assert "it is not trained" in refused(adapters[0], str(other))
    (other / "vision.safetensors").write_bytes(b"")
    assert "a vision encoder of its own" in refused(adapters[0], str(other))
