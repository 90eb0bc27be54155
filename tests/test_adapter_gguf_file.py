"""A LLaMA written as GGUF, the way llama.cpp's converter lays it out, comes back as the model it was."""

import json

import gguf
import pytest
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from vqa.adapter_model.base_model import base_fingerprint
from vqa.adapter_model.gguf_file import convert
from vqa.adapter_model.transformers_base import load_base
from vqa.errors import ModelUnavailable

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
TOKENS = ["<|end|>", *map(chr, range(33, 127))]
TOKENS += ["Ġ", "ĠĠ", "Ċ", "hi", "ä", "½"]
MERGES = ["Ġ Ġ", "h i"]


def interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Return q or k rows as llama.cpp stores them: row j of a head's first half beside row j of its second."""
    half = weight.shape[0] // heads // 2
    rows = [h * 2 * half + side * half + j for h in range(heads) for j in range(half) for side in (0, 1)]
    return weight[rows]


def write(path, base: LlamaForCausalLM, *, architecture: str = "llama", extra: str = "") -> None:
    config = base.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for name, value in base.state_dict().items():
        parts = name.removesuffix(".weight").split(".")
        if "layers" in parts:
            kind = NAMES[".".join(parts[3:])]
            stored = interleaved(value, heads[kind]) if kind in heads else value
            writer.add_tensor(f"blk.{parts[2]}.{kind}.weight", stored.numpy())
        else:
            kind = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[parts[-1]]
            writer.add_tensor(f"{kind}.weight", value.numpy())
    if extra:
        writer.add_tensor(extra, torch.zeros(2, 2).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def base(tiny_llama):
    """A model whose weights bfloat16 holds exactly, so that the conversion must not change a bit."""
    model = tiny_llama(vocab_size=len(TOKENS))
    for parameter in model.parameters():  # not `model.bfloat16()`: that would round the RoPE frequencies too
        parameter.data = parameter.data.bfloat16().float()
    return model


def test_the_converted_model_is_the_model(base, tmp_path):
    write(tmp_path / "tiny.gguf", base)
    convert(tmp_path / "tiny.gguf", tmp_path)
    found, fingerprint = load_base(tmp_path, dtype=torch.float32, device=torch.device("cpu"))
    ids = torch.tensor([[3, 50, 7, 91]])
    torch.testing.assert_close(found(ids).logits, base(ids).logits, atol=1e-5, rtol=1e-5)
    assert fingerprint == base_fingerprint(base)
    assert not any(parameter.requires_grad for parameter in found.parameters())


def test_loading_shows_no_progress_bar(base, tmp_path, capfd):
    write(tmp_path / "tiny.gguf", base)
    convert(tmp_path / "tiny.gguf", tmp_path)
    load_base(tmp_path, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert capfd.readouterr() == ("", "")


def test_the_tokenizer_splits_digits_first_and_knows_its_markers(base, tmp_path):
    write(tmp_path / "tiny.gguf", base)
    convert(tmp_path / "tiny.gguf", tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("hi  12<|end|>").tokens == ["hi", "ĠĠ", "1", "2", "<|end|>"]
    assert tokenizer.decode(tokenizer.encode("hi  12\n").ids) == "hi  12\n"
    assert tokenizer.token_to_id("<|end|>") == 0


def test_the_config_says_what_the_file_says(base, tmp_path):
    write(tmp_path / "tiny.gguf", base)
    convert(tmp_path / "tiny.gguf", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["num_key_value_heads"], config["head_dim"], config["eos_token_id"]) == (2, 16, 0)
    assert config["rope_parameters"] == {"rope_theta": 10000.0, "rope_type": "default"}
    assert config["tie_word_embeddings"] is False


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"architecture": "qwen2"}, "expected a LLaMA"), ({"extra": "blk.0.ssm_a.weight"}, "'blk.0.ssm_a.weight'")],
)
def test_another_architecture_is_refused(base, tmp_path, changes, words):
    write(tmp_path / "tiny.gguf", base, **changes)
    with pytest.raises(ModelUnavailable, match=words):
        convert(tmp_path / "tiny.gguf", tmp_path)
