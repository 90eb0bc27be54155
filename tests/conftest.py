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
