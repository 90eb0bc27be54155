"""BLIP-2's eyes (arXiv 2301.12597), frozen: EVA-ViT-g/14, and a Q-Former that makes 32 vectors of what it sees.

They are transformers' Blip2VisionModel and Blip2QFormerModel. Of a whole BLIP-2 only these parts are read, and only the
files that hold them are fetched; its language model stays where it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import Blip2Config, Blip2QFormerModel, Blip2VisionModel

from vqa.adapter_model.backbones import Backbone
from vqa.adapter_model.base_model import tensor_reader
from vqa.adapter_model.hub import is_repo, repo_folder
from vqa.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

_CONFIG, _INDEX, _SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
_PARTS = ("vision_model.", "qformer.", "query_tokens")

_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's, as EVA's are


class Blip2Eyes(nn.Module):
    """A picture's pixels to the Q-Former's answer to its learned queries; untrained until weights are loaded."""

    def __init__(self, config: Blip2Config) -> None:
        super().__init__()
        vision: Any = config.vision_config
        qformer: Any = config.qformer_config
        self.side = int(vision.image_size)  # pixels
        self.vision_model = Blip2VisionModel(vision)
        self.qformer = Blip2QFormerModel(qformer)
        self.query_tokens = nn.Parameter(torch.zeros(1, config.num_query_tokens, qformer.hidden_size))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (B, 3, S, S) to vectors (B, queries, width)."""
        patches = self.vision_model(pixels).last_hidden_state  # (B, 1 + patches, C_vit)
        queries = self.query_tokens.expand(len(pixels), -1, -1)  # (B, queries, width)
        answered: Tensor = self.qformer(query_embeds=queries, encoder_hidden_states=patches).last_hidden_state
        return answered


def blip2_backbone(eyes: Blip2Eyes) -> Backbone:
    """Return BLIP-2's eyes with the preprocessing of the released evaluation: the picture squeezed into a square."""
    from PIL.Image import Resampling

    side = eyes.side
    mean, std = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))

    def pixels(picture: Image) -> Tensor:
        squeezed = np.array(picture.resize((side, side), Resampling.BICUBIC))
        return (torch.from_numpy(squeezed).permute(2, 0, 1).float() / 255 - mean) / std  # (3, S, S)

    return Backbone(eyes, eyes, pixels)


def load_blip2(name: str, *, offline: bool) -> Blip2Eyes:
    """Return the eyes of a BLIP-2, in float32 and eval mode, on the CPU.

    Args:
        name: A folder in transformers' format with safetensors weights, or "owner/name", with "@revision" or without,
            on the hub.
        offline: Never use the network.

    Raises:
        InputError: It is neither, or the folder holds no BLIP-2.
        ModelUnavailable: The hub's files are not here and cannot be had.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if not is_repo(name):
            raise InputError(f"vision='blip2:{name}': no such folder; expected one, or owner/name on the hub")
        folder = _fetched(name, offline=offline)
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        if config.get("model_type") != "blip-2":
            raise InputError(f"{folder}: a model of type {config.get('model_type')!r}; expected 'blip-2'")
        with torch.device("meta"):
            eyes = Blip2Eyes(Blip2Config.from_dict(config))
        read = tensor_reader(folder)
        eyes.load_state_dict({key: read(key).float() for key in eyes.state_dict()}, assign=True)
    except KeyError as error:
        raise InputError(f"{folder}: no BLIP-2 with {error.args[0]!r} there; get the files again") from None
    except (OSError, ValueError, AttributeError, RuntimeError, SafetensorError) as error:
        why = " ".join(str(error).split()) or repr(error)
        raise InputError(f"{folder}: the BLIP-2 there cannot be read ({why})") from None
    return eyes.eval()


def _fetched(name: str, *, offline: bool) -> Path:
    """Return the folder of the hub's cache with the files that hold the eyes."""

    def begun(folder: Path) -> bool:
        return (folder / _CONFIG).is_file() and any((folder / file).is_file() for file in (_INDEX, _SINGLE))

    folder = repo_folder(name, (_CONFIG, _INDEX, _SINGLE), has=begun, offline=offline)
    if not (folder / _INDEX).is_file():
        return folder
    places = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"]
    needed = {_CONFIG, _INDEX, *(file for key, file in places.items() if key.startswith(_PARTS))}
    return repo_folder(name, sorted(needed), has=lambda f: all((f / x).is_file() for x in needed), offline=offline)
