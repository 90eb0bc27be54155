"""Vision networks as one thing: a picture's pixels, and every spatial token of the last layer.

"efficientnet-lite2" (`efficientnet_lite`): the last feature map at 224 px, 7 by 7 tokens of 1280 channels, no norm
after it. "efficientnet-lite2:levels": each token has those of four earlier stages before them, 2048 channels.
"efficientnet-lite2:mirrored": the picture's tokens and those of its mirror image, 98;
"efficientnet-lite2:levels:mirrored": both.
"open_clip:MODEL/WEIGHTS" (https://github.com/mlfoundations/open_clip), e.g. "open_clip:ViT-L-14/openai"; WEIGHTS may be
a path: the class token and every patch, each through the last norm and CLIP's projection, as LLaMA-Adapter V2's
released code takes them (ViT-L-14: 257 tokens of 768). "open_clip:hf-hub:OWNER/NAME" and "open_clip:local-dir:PATH"
name both at once. ResNets: the last feature map, no norm. Towers that are timm's: as follows, without projection.
"blip2:OWNER/NAME" or "blip2:FOLDER" (`blip2`): BLIP-2's EVA-ViT and Q-Former, 32 tokens of 768.
"timm:MODEL" (https://github.com/huggingface/pytorch-image-models): what `forward_features` gives; for transformers all
tokens, the prefix ones first, after the last norm; for convolutional networks the last feature map.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vqa.errors import InputError, ModelUnavailable
from vqa.networks.efficientnet_lite import NAME as BUILT_IN
from vqa.networks.efficientnet_lite import load_efficientnet, squeezed, tokens
from vqa.networks.sight import SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

    from vqa.settings import Settings

_LEVELS, _MIRRORED = ":levels", ":mirrored"
SHARED = BUILT_IN + _LEVELS + _MIRRORED
"""What `vqa.networks.sight` keeps for all."""
_BUILT_IN = tuple(BUILT_IN + levels + mirrored for mirrored in ("", _MIRRORED) for levels in ("", _LEVELS))


@dataclass(frozen=True)
class Backbone:
    """A frozen vision network.

    Attributes:
        network: Its weights.
        tokens: Maps pixels (B, 3, S, S) to tokens (B, P, F).
        pixels: Maps an RGB picture to its pixels (3, S, S), resized and normalised as the network wants them.
    """

    network: nn.Module
    tokens: Callable[[Tensor], Tensor]
    pixels: Callable[[Image], Tensor]


def check_name(name: str) -> None:
    """Raise InputError if no vision network can be called that."""
    kind, _, model = name.partition(":")
    if name not in _BUILT_IN and not (kind in ("open_clip", "timm", "blip2") and model):
        own = ", ".join(_BUILT_IN)
        raise InputError(f"vision={name!r}: expected {own}, open_clip:MODEL/WEIGHTS, timm:MODEL or blip2:MODEL")


def load_backbone(name: str, settings: Settings) -> Backbone:
    """Return the named network with its weights, on the CPU, in eval mode.

    Raises:
        InputError: No network is called that.
        ModelUnavailable: Its weights are not here and cannot be had.
    """
    check_name(name)
    kind, _, model = name.partition(":")
    if kind == "open_clip":
        return open_clip_backbone(_open_clip_visual(model, offline=settings.offline))
    if kind == "timm":
        return timm_backbone(_timm_network(model, offline=settings.offline))
    if kind == "blip2":
        from vqa.adapter_model.blip2 import blip2_backbone, load_blip2

        return blip2_backbone(load_blip2(model, offline=settings.offline))
    network = load_efficientnet(settings)
    of_places = partial(tokens, network, levels=_LEVELS in name, mirrored=name.endswith(_MIRRORED))
    return Backbone(network, of_places, lambda picture: squeezed(picture, SIDE))


def open_clip_backbone(visual: nn.Module) -> Backbone:
    """Return open_clip's image tower with the preprocessing it was made with."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    trunk = getattr(visual, "trunk", None)

    def tokens(pixels: Tensor) -> Tensor:
        return _open_clip_tokens(visual, pixels) if trunk is None else _timm_tokens(trunk, pixels)

    config = {"size": visual.image_size, **getattr(visual, "preprocess_cfg", {})}
    return Backbone(visual.eval(), tokens, image_transform_v2(PreprocessCfg(**config), is_train=False))


def timm_backbone(network: nn.Module) -> Backbone:
    """Return a timm network with the preprocessing of its weights."""
    from timm.data.config import resolve_model_data_config
    from timm.data.transforms_factory import create_transform

    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    transform = create_transform(**config, is_training=False)
    return Backbone(network.eval(), lambda pixels: _timm_tokens(network, pixels), transform)


def _open_clip_tokens(visual: Any, pixels: Tensor) -> Tensor:
    if not hasattr(visual, "ln_post"):  # a ResNet
        (last,) = visual.forward_intermediates(pixels, indices=1, intermediates_only=True)["image_intermediates"]
        return _flat(last)
    found = visual.forward_intermediates(
        pixels,
        indices=1,
        normalize_intermediates=True,
        intermediates_only=True,
        output_fmt="NLC",
        output_extra_tokens=True,
    )
    tokens = torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], dim=1)  # (B, P, F)
    pools_first = getattr(visual, "attn_pool", None) is not None  # then the projection is not one of tokens
    return tokens if visual.proj is None or pools_first else tokens @ visual.proj


def _timm_tokens(network: Any, pixels: Tensor) -> Tensor:
    found: Tensor = network.forward_features(pixels)
    if found.ndim == 3:
        return found  # (B, P, F)
    return _flat(found) if found.shape[1] == network.num_features else found.flatten(1, 2)  # (B, F, h, w), (B, h, w, F)


def _flat(maps: Tensor) -> Tensor:
    return maps.flatten(2).transpose(1, 2).contiguous()  # (B, F, h, w) to (B, P, F)


def _open_clip_visual(name: str, *, offline: bool) -> nn.Module:
    import open_clip

    options: dict[str, Any]
    if name.startswith(("hf-hub:", "local-dir:")):
        if offline and name.startswith("hf-hub:"):
            raise ModelUnavailable(f"open_clip:{name}: the network is not to be used (offline); name a local-dir:")
        model, weights, tag, options = name, None, {}, {"require_pretrained": True}
    else:
        model, _, weights = name.partition("/")
        if model not in open_clip.list_models():
            raise InputError(f"vision: open_clip knows no model {model!r}; see open_clip.list_models()")
        tag = open_clip.get_pretrained_cfg(model, weights)
        if not tag and not Path(weights).is_file():
            known = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
            raise InputError(f"vision: {model} has no weights {weights!r}; known: {known}, or a file's path")
        repo, _, file = tag.get("hf_hub", "").rpartition("/")
        cached = _cached(repo, [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
        if tag and offline and not cached:
            raise ModelUnavailable(
                f"open_clip:{name} is not in the Hugging Face cache and offline is set; unset it once"
            )
        style = {key: tag[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in tag}
        options = {"force_quick_gelu": tag.get("quick_gelu", False), "force_preprocess_cfg": style}
        weights = cached or weights
    try:
        with _no_root_logging():
            visual: nn.Module = open_clip.create_model(model, pretrained=weights, **options).visual
    except Exception as error:  # whatever the libraries that fetch and read the weights raise
        raise ModelUnavailable(f"open_clip:{name} cannot be had: {_line(error)}") from None
    return visual


def _timm_network(name: str, *, offline: bool) -> nn.Module:
    import timm

    if not timm.is_model(name):
        raise InputError(f"vision: timm knows no model {name!r}; see timm.list_models()")
    config = timm.get_pretrained_cfg(name)
    cached = _cached(getattr(config, "hf_hub_id", None) or "", ["model.safetensors", "pytorch_model.bin"])
    if offline and not cached:
        raise _offline(f"timm:{name}")
    try:
        network: nn.Module = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"file": cached} if cached else None
        )
    except Exception as error:  # whatever the libraries that fetch and read the weights raise
        raise ModelUnavailable(f"timm:{name} cannot be had: {_line(error)}") from None
    return network


def _offline(name: str) -> ModelUnavailable:
    return ModelUnavailable(f"{name} is not in the Hugging Face cache and the network is not to be used (offline)")


def _cached(repo: str, names: Sequence[str]) -> str | None:
    """Return the first of some files that the Hugging Face cache has."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repo, name) for name in names] if repo else []
    return next((path for path in found if isinstance(path, str)), None)


@contextmanager
def _no_root_logging() -> Iterator[None]:
    """Keep a library that logs to the root logger from giving it a handler and filling stderr."""
    quiet = logging.NullHandler()
    logging.root.addHandler(quiet)
    try:
        yield
    finally:
        logging.root.removeHandler(quiet)


def _line(error: Exception) -> str:
    return (str(error) or repr(error)).strip().splitlines()[0]
