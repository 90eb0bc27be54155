"""Vision networks by name: every spatial token, normalised as said, from random tiny networks."""

import json

import pytest
import torch
from PIL import Image

from vqa.adapter_model.backbones import load_backbone, open_clip_backbone, timm_backbone
from vqa.adapter_model.encoder import in_order
from vqa.errors import InputError, ModelUnavailable
from vqa.settings import Settings

pytestmark = pytest.mark.usefixtures("one_thread")
PICTURE = Image.linear_gradient("L").convert("RGB").resize((50, 30))


def small(side):
    return {"img_size": side, "pretrained_cfg_overlay": {"input_size": (3, side, side)}}


@pytest.fixture
def clip_tower():
    """A random CLIP image tower: 28 px in patches of 14, width 16, projected to 8; ln_post is not neutral."""
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(0)
    tower = VisionTransformer(image_size=28, patch_size=14, width=16, layers=2, heads=2, mlp_ratio=2.0, output_dim=8)
    with torch.no_grad():
        tower.ln_post.weight.uniform_(0.5, 1.5)
        tower.ln_post.bias.normal_()
    return tower


def test_clip_gives_every_token_normed_and_projected(clip_tower):
    """Its pooled output is its class token so treated, and the patches are treated alike."""
    backbone = open_clip_backbone(clip_tower)
    pixels = backbone.pixels(PICTURE)[None]
    assert pixels.shape == (1, 3, 28, 28)
    with torch.no_grad():
        tokens = backbone.tokens(pixels)
        raw = clip_tower.transformer(clip_tower._embeds(pixels))
        assert tokens.shape == (1, 5, 8)
        torch.testing.assert_close(tokens, clip_tower.ln_post(raw) @ clip_tower.proj)
        torch.testing.assert_close(tokens[:, 0], clip_tower(pixels))


def test_the_released_encoder_gives_257_tokens_of_768():
    import open_clip

    with torch.device("meta"):
        whole = open_clip.CLIP(**open_clip.get_model_config("ViT-L-14"))
        backbone = open_clip_backbone(whole.visual)
        assert backbone.tokens(torch.empty(2, 3, 224, 224)).shape == (2, 257, 768)
    assert backbone.pixels(PICTURE).shape == (3, 224, 224)


def test_weights_trained_with_quick_gelu_get_it(monkeypatch):
    """open_clip itself only warns when "ViT-L-14" is given OpenAI's weights, and computes something else."""
    asked = {}
    monkeypatch.setattr("open_clip.create_model", lambda *names, **options: asked.update(options))
    with pytest.raises(ModelUnavailable, match="cannot be had"):  # asked for, but nothing came
        load_backbone("open_clip:ViT-L-14/openai", Settings())
    assert asked["force_quick_gelu"] is True
    assert asked["force_preprocess_cfg"]["mean"] == (0.48145466, 0.4578275, 0.40821073)


def test_clip_resnets_give_their_last_map():
    from open_clip.modified_resnet import ModifiedResNet

    tower = ModifiedResNet(layers=(1, 1, 1, 1), output_dim=8, heads=2, image_size=32, width=4)
    backbone = open_clip_backbone(tower)
    with torch.no_grad():
        assert backbone.tokens(backbone.pixels(PICTURE)[None]).shape == (1, 1, 128)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("vit_tiny_patch16_224", {**small(32), "embed_dim": 16, "depth": 1, "num_heads": 2}, (1, 5, 16)),
        ("test_resnet", {}, (1, 25, 96)),
        ("test_efficientnet", {}, (1, 25, 256)),
    ],
)
def test_timm_networks_give_all_their_tokens(name, options, shape):
    import timm

    network = timm.create_model(name, pretrained=False, **options)
    backbone = timm_backbone(network)
    with torch.no_grad():
        tokens = backbone.tokens(backbone.pixels(PICTURE)[None])
    assert tokens.shape == shape


def test_timm_maps_with_channels_last_become_tokens_in_the_same_order():
    import timm

    network = timm.create_model(
        "swin_tiny_patch4_window7_224", pretrained=False, embed_dim=8, depths=(1, 1), num_heads=(1, 2), **small(56)
    )
    backbone = timm_backbone(network)
    with torch.no_grad():
        maps = network.forward_features(pixels := backbone.pixels(PICTURE)[None])  # (1, h, w, F)
        tokens = backbone.tokens(pixels)
    assert tokens.shape == (1, 49, 16)
    assert torch.equal(tokens[0, 8], maps[0, 1, 1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("clip", "lite2:levels, efficientnet-lite2:mirrored, efficientnet-lite2:levels:mirrored, open_clip:"),
        ("open_clip:", "expected efficientnet-lite2"),
        ("open_clip:ViT-Z/openai", "open_clip knows no model 'ViT-Z'"),
        ("open_clip:ViT-L-14/mine", "has no weights 'mine'; known: .*openai"),
        ("timm:resnet5000", "timm knows no model 'resnet5000'"),
    ],
)
def test_a_network_that_does_not_exist_is_refused(name, words):
    with pytest.raises(InputError, match=words):
        load_backbone(name, Settings(offline=True))


@pytest.mark.parametrize(
    "name", ["open_clip:ViT-L-14/openai", "timm:vit_tiny_patch16_224.augreg_in21k", "open_clip:hf-hub:a/b"]
)
def test_offline_weights_that_are_not_here_are_named(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match="offline") as caught:
        load_backbone(name, Settings(offline=True))
    assert name in str(caught.value)


def test_open_clip_weights_load_from_a_file(tmp_path):
    import open_clip

    folder = tmp_path / "tiny"
    folder.mkdir()
    config = {
        "model_cfg": {
            "embed_dim": 8,
            "vision_cfg": {"image_size": 28, "patch_size": 14, "width": 16, "layers": 1, "head_width": 8},
            "text_cfg": {"context_length": 4, "vocab_size": 20, "width": 8, "heads": 1, "layers": 1},
        },
        "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    whole = open_clip.CLIP(
        8,
        open_clip.CLIPVisionCfg(**config["model_cfg"]["vision_cfg"]),
        open_clip.CLIPTextCfg(**config["model_cfg"]["text_cfg"]),
    )
    torch.save(whole.state_dict(), folder / "open_clip_pytorch_model.bin")
    backbone = load_backbone(f"open_clip:local-dir:{folder}", Settings(offline=True))
    assert torch.equal(backbone.network.proj, whole.visual.proj)
    black = backbone.pixels(Image.new("RGB", (28, 28)))
    torch.testing.assert_close(black[:, 0, 0], torch.tensor([-0.2, -0.4, -0.6]))


def test_pictures_come_in_the_order_asked_for():
    red = Image.new("RGB", (2, 2), (255, 10, 0))
    assert in_order(red, "rgb").getpixel((0, 0)) == (255, 10, 0)
    assert in_order(red, "bgr").getpixel((0, 0)) == (0, 10, 255)
