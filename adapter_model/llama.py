"""A LLaMA's sizes, and its weights as modules under transformers' names; `engine` runs them.

transformers itself is not imported here: on two slow cores that takes as long as answering a question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqa.adapter_model.linear import EmptyLinear
from vqa.adapter_model.rope import rotary

Read = Callable[[str], Tensor]  # from a tensor's name to the tensor, as stored; KeyError if there is none

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu, "relu": F.relu}


@dataclass(frozen=True)
class LlamaSizes:
    """What `config.json` says, under transformers' names and with its defaults.

    Attributes:
        num_key_value_heads: 0: as many as `num_attention_heads`.
        head_dim: 0: `hidden_size` over `num_attention_heads`.
        rope_parameters: `rope_type`, `rope_theta` and what that type needs.
    """

    vocab_size: int = 32_000
    hidden_size: int = 4096
    intermediate_size: int = 11_008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int = 0
    head_dim: int = 0
    hidden_act: str = "silu"
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    rope_parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        heads = self.num_key_value_heads or self.num_attention_heads
        rope = {"rope_theta": 10_000.0, **self.rope_parameters}
        rope.setdefault("rope_type", rope.get("type", "default"))
        for name, value in (
            ("num_key_value_heads", heads),
            ("head_dim", self.head_dim or self.hidden_size // self.num_attention_heads),
            ("rope_parameters", rope),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LlamaSizes:
        """Return the sizes in a `config.json`, of any version of transformers; other fields do not matter."""
        known = {f.name: data[f.name] for f in fields(cls) if data.get(f.name) is not None}
        beside = {name: data[name] for name in ("rope_theta", "partial_rotary_factor") if data.get(name) is not None}
        rope = {**beside, **(data.get("rope_scaling") or data.get("rope_parameters") or {})}
        return cls(**{**known, "rope_parameters": rope})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class LlamaWeights(nn.Module):
    """A LLaMA's modules, frozen, without a forward pass.

    Args:
        sizes: Its shape.
        read: Gives its tensors.
        dtype: Of all its weights.
        device: Where they go.

    Raises:
        ValueError: A tensor is missing, or not of the shape that the sizes mean.
    """

    model: Any
    lm_head: Any

    def __init__(self, sizes: LlamaSizes, read: Read, *, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.config = sizes
        self.model = nn.Module()
        vocabulary = torch.empty(sizes.vocab_size, sizes.hidden_size, device="meta")
        self.model.embed_tokens = nn.Embedding.from_pretrained(vocabulary)  # type: ignore[no-untyped-call]
        self.model.layers = nn.ModuleList(_layer(sizes) for _ in range(sizes.num_hidden_layers))
        self.model.norm = _Norm(sizes)
        self.lm_head = EmptyLinear(sizes.hidden_size, sizes.vocab_size, bias=False)
        if sizes.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight
        fill(self, read, dtype=dtype, device=device)
        self.model.rotary_emb = rotary(sizes, device)
        self.eval()


def fill(model: Any, read: Read, *, dtype: torch.dtype, device: torch.device) -> None:
    """Replace a LLaMA's parameters, on the meta device so far, by those of the same names, frozen.

    Raises:
        ValueError: A tensor is missing, or of another shape.
    """
    tied = model.lm_head.weight is model.model.embed_tokens.weight
    missing = []
    for name, expected in list(model.named_parameters()):
        try:
            tensor = read(name)
        except KeyError as error:
            missing.append(str(error.args[0]))  # as the file would call it
            continue
        if tensor.shape != expected.shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, the config means {tuple(expected.shape)}")
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, nn.Parameter(tensor.to(device, dtype), requires_grad=False))
    if missing:
        raise ValueError(f"{len(missing)} missing: {', '.join(missing)}; get the files again")
    if tied:
        model.lm_head.weight = model.model.embed_tokens.weight


class _Norm(nn.Module):
    def __init__(self, sizes: LlamaSizes) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(sizes.hidden_size, device="meta"))
        self.variance_epsilon = sizes.rms_norm_eps


def _layer(sizes: LlamaSizes) -> Any:
    hidden, inner = sizes.hidden_size, sizes.intermediate_size
    queries, keys = (sizes.head_dim * n for n in (sizes.num_attention_heads, sizes.num_key_value_heads))
    layer: Any = nn.Module()
    layer.input_layernorm, layer.post_attention_layernorm = _Norm(sizes), _Norm(sizes)
    layer.self_attn, layer.mlp = nn.Module(), nn.Module()
    layer.self_attn.head_dim = sizes.head_dim
    layer.self_attn.num_key_value_groups = sizes.num_attention_heads // sizes.num_key_value_heads
    layer.self_attn.scaling = sizes.head_dim**-0.5
    for name, shape in {
        "q": (hidden, queries),
        "k": (hidden, keys),
        "v": (hidden, keys),
        "o": (queries, hidden),
    }.items():
        setattr(layer.self_attn, f"{name}_proj", EmptyLinear(*shape, bias=sizes.attention_bias))
    for name, shape in {"gate": (hidden, inner), "up": (hidden, inner), "down": (inner, hidden)}.items():
        setattr(layer.mlp, f"{name}_proj", EmptyLinear(*shape, bias=sizes.mlp_bias))
    layer.mlp.act_fn = _activation(sizes.hidden_act)
    return layer


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    if name in _ACTIVATIONS:
        return _ACTIVATIONS[name]
    from transformers.activations import ACT2FN

    found: Callable[[Tensor], Tensor] = ACT2FN[name]
    return found
