"""Doubles that several test files share; heavy packages load only when a test asks for one."""

import pytest


@pytest.fixture
def one_thread():
    """Tensors on one thread: in short work, and on a busy machine, threads mostly wait for one another."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny_llama(one_thread):
    """A function that makes a random LLaMA with grouped-query attention: hidden 64, 3 layers, 4 heads, 2 KV heads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(seed: int = 0, **changes):
        sizes = {
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": 101,
            "max_position_embeddings": 128,
            "initializer_range": 0.2,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})).eval()

    return make


@pytest.fixture(scope="session")
def blip2(tmp_path_factory):
    """A folder of a random BLIP-2: 5 tokens of a ViT 32 wide, 3 queries 24 wide through two Q-Former layers."""
    import torch
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    vision = {"hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4}
    qformer = {"hidden_size": 24, "intermediate_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3}
    text = {"model_type": "opt", "hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 16, "num_hidden_layers": 1}
    config = Blip2Config(
        vision_config={**vision, "image_size": 28, "patch_size": 14},
        qformer_config={**qformer, "vocab_size": 10},
        text_config={**text, "num_attention_heads": 2, "vocab_size": 30},
        num_query_tokens=3,
    )
    model, draw = Blip2ForConditionalGeneration(config), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.3)
    folder = tmp_path_factory.mktemp("blip2")
    model.save_pretrained(folder, max_shard_size="40KB")
    return folder
