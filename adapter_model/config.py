"""What an adapter is made of: one frozen dataclass, readable as JSON.

The paper (LLaMA-Adapter V2, arXiv 2304.15010) and its released code are two models; `fusion`, `tuning` and
`tuned_linears` say which of them, or what mixture, a checkpoint holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from vqa.errors import InputError
from vqa.registry import unknown_name

Fusion = Literal["added", "early", "input"]
Tuning = Literal["none", "bias", "scale_bias", "input_scale_bias"]
Channels = Literal["rgb", "bgr"]
Group = Literal["visual", "language"]

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class AdapterConfig:
    """The adapter's shape. Sizes that the base model fixes (hidden width, heads, layers) are not repeated here.

    Attributes:
        base_model: Name of the frozen language model in the weights store.
        fusion: "added": visual queries are added to the static prompts of the last layers (released code);
            "early": projected visual tokens enter the first layers through gates of their own (paper, section 4.3);
            "input": they stand among the prompt's tokens, where its placeholder is (MiniGPT-4, arXiv 2304.10592).
        early_layers: K, the first layers that see the picture; "early" only.
        adapter_layers: L, the last layers that carry static prompts.
        adapter_len: Static prompt tokens in each of those layers.
        visual_len: Visual queries; 0 passes every projected patch on, with no query and no block ("early" only). With
            "input" the number of vectors that a picture becomes; without blocks it must be the encoder's.
        vision: The frozen vision encoder: a name in the weights store, "open_clip:MODEL/WEIGHTS" or "timm:MODEL".
        channels: Order in which that encoder gets a picture's colours: "bgr" where the adapter was trained so.
        vision_width: Channels of one of its patch tokens.
        visual_width: Width of the visual projection and its blocks; 0: one linear from the encoder's tokens to the
            base's width is all there is ("input" only).
        visual_words: Tokens of the base that a picture may be told in: the `visual_len` likeliest stand in the prompt
            ("input" only, no blocks); `visual_width` is then the rank of the map that tells them. Empty: no such path.
        visual_blocks: Transformer blocks over queries and patches.
        visual_heads: Attention heads of those blocks.
        tuning: How linears are tuned: "bias" `Wx + b`, "scale_bias" `s (Wx + b)` (paper, eq. 1),
            "input_scale_bias" `W (s x) + b` (released 65B chat code).
        tuned_linears: Which linears of each layer are.
        lora_rank: Rank of the LoRA on all seven linears of each layer; 0: none.
        norm_tuning: Whether the norms are trained too.
        new_gate: Whether each gated layer also has one factor for all its heads (released LoRA checkpoints).
        base_fingerprint: Identity of the base the weights beside this file were trained on; empty before that.
        groups: Parameter groups those weights hold; what is missing stays as initialised, its gates closed.
    """

    base_model: str
    fusion: Fusion = "early"
    early_layers: int = 1
    adapter_layers: int = 0
    adapter_len: int = 10
    visual_len: int = 10
    vision: str = "efficientnet-lite2"
    channels: Channels = "rgb"
    vision_width: int = 1280
    visual_width: int = 384
    visual_words: tuple[int, ...] = ()
    visual_blocks: int = 4
    visual_heads: int = 6
    tuning: Tuning = "scale_bias"
    tuned_linears: tuple[str, ...] = LINEARS
    lora_rank: int = 0
    norm_tuning: bool = True
    new_gate: bool = False
    base_fingerprint: str = ""
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("fusion", Fusion), ("tuning", Tuning), ("channels", Channels)):
            _require(getattr(self, name) in get_args(kind), name, getattr(self, name), f"one of {get_args(kind)}")
        counts = ("early_layers", "adapter_layers", "adapter_len", "visual_len", "visual_width", "visual_blocks")
        for name in (*counts, "lora_rank"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        for name in ("vision_width", "visual_heads"):
            _require(getattr(self, name) > 0, name, getattr(self, name), "more than 0")
        _require(set(self.tuned_linears) <= set(LINEARS), "tuned_linears", self.tuned_linears, f"some of {LINEARS}")
        _require(set(self.groups) <= set(get_args(Group)), "groups", self.groups, f"some of {get_args(Group)}")
        divides = self.visual_width % self.visual_heads == 0
        _require(divides, "visual_width", self.visual_width, f"a multiple of visual_heads={self.visual_heads}")
        if self.fusion == "input":
            _require(self.visual_len > 0, "visual_len", self.visual_len, "1 or more with fusion 'input'")
            has_width = self.visual_width > 0 or not self.visual_blocks
            _require(has_width, "visual_blocks", self.visual_blocks, "0 when visual_width is 0")
        else:
            both_or_none = (self.visual_len == 0) == (self.visual_blocks == 0)
            _require(both_or_none, "visual_len", self.visual_len, "0 exactly when visual_blocks is 0")
            _require(self.visual_width > 0, "visual_width", self.visual_width, f"1 or more with {self.fusion!r}")
        if self.fusion == "added":
            same = self.visual_len == self.adapter_len > 0
            _require(same, "visual_len", self.visual_len, f"adapter_len={self.adapter_len}: 'added' sums the two")
            _require(self.adapter_layers > 0, "adapter_layers", self.adapter_layers, "1 or more with fusion 'added'")
        if self.visual_words:
            alone = self.fusion == "input" and not self.visual_blocks and self.visual_width > 0
            _require(alone, "visual_words", f"{len(self.visual_words)} tokens", "none but with 'input', no blocks")
        if self.adapter_layers > 0:
            _require(self.adapter_len > 0, "adapter_len", self.adapter_len, "1 or more when adapter_layers is")

    @property
    def vision_weights(self) -> str:
        """Name of the encoder's weights in the store; of an encoder that is not there, its own."""
        return self.vision.removesuffix(":mirrored").removesuffix(":levels")

    def static_layers(self, num_layers: int) -> range:
        """Return the layers that carry static prompts, of a base with `num_layers`. Raises InputError if too many."""
        taken = self.adapter_layers + (self.early_layers if self.fusion == "early" else 0)
        if taken > num_layers:
            raise InputError(f"the adapter wants {taken} layers of its own, the base model has {num_layers}")
        return range(num_layers - self.adapter_layers, num_layers)

    def visual_layers(self, num_layers: int) -> range:
        """Return the layers whose gate lets the picture in, of a base with `num_layers`. Raises InputError."""
        static = self.static_layers(num_layers)
        return {"added": static, "early": range(self.early_layers), "input": range(0)}[self.fusion]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AdapterConfig:
        """Return the config in `data`. Raises InputError for an unknown name or a value of the wrong type."""
        known = [f.name for f in fields(cls)]
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in known:
                raise InputError(f"adapter config: {unknown_name('field', name, known)}")
            if isinstance(value, list):
                value = tuple(value)
            kind = kinds[name] if kinds[name] in (str, int, bool) else type(getattr(cls, name))
            _require(type(value) is kind, name, value, f"a {kind.__name__}")
            values[name] = value
        if "base_model" not in values:
            raise InputError("adapter config: base_model is missing; name the language model it adapts")
        return cls(**values)

    @classmethod
    def from_file(cls, path: Path) -> AdapterConfig:
        """Return the config in a JSON file. Raises InputError when it is missing or not one."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            raise InputError(f"{path}: no adapter config there; expected a JSON file") from None
        except ValueError as error:
            raise InputError(f"{path}: not valid JSON ({error})") from None
        if not isinstance(data, dict):
            raise InputError(f"{path}: expected one JSON object")
        return cls.from_dict(data)

    def to_json(self) -> str:
        """Return it as JSON, a field a line."""
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(self).items())
        return f"{{\n{lines}\n}}\n"


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise InputError(f"adapter config: {name}={value!r}: expected {expected}")
