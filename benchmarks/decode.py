"""Speed of answering: our engine with the adapter active, transformers' `generate`, and llama.cpp, side by side.

    python benchmarks/decode.py                                          # ours and transformers
    python benchmarks/decode.py --llama-python llama/bin/python --json decode.json
    python benchmarks/decode.py --random-7b --device cuda                # a 7B of random weights, on a GPU

All read the same random prompt and continue it greedily, never stopping; rounds interleave the contenders, and the
table gives medians and ranges. The adapter's gates are forced open on a random picture, so that it costs what a
trained one costs. transformers runs the same model, adapter and all, and the base alone; llama.cpp the base alone.
Ours is what the core chooses by itself: in bfloat16 on a CPU, compact weights for decoding.

llama.cpp runs on the GGUF that our weights come from, by llama-cpp-python in an environment of its own. Its build for
the very processor dies of an illegal instruction on some virtual machines; where AVX-512 is there, build it so:

    CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON
    -DGGML_AVX512_BF16=ON" llama/bin/pip install --no-binary llama-cpp-python llama-cpp-python

Memory's speed is that of summing 1 GiB of float32; what decoding can reach at most is that over the bytes of weights
a token reads.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.base_model import base_folder
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.generation import decode
from vqa.adapter_model.loading import load
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.presets import preset, preset_folder
from vqa.adapter_model.transformers_base import load_base
from vqa.devices import choose_device
from vqa.settings import Settings
from vqa.values import GenerationOptions
from vqa.weights import Store

PRESET = "smollm2-135m"
ANSWER = 12  # tokens of a short answer
BATCH = 8

# Times, in seconds from the start, at which each new token is there: (prompt ids, tokens wanted, rows) -> times.
Contender = Callable[[list[int], int, int], list[float]]

LLAMA_WORKER = """
import json, sys, time
from llama_cpp import Llama
llama = Llama(sys.argv[1], n_ctx=2048, n_threads=int(sys.argv[2]), n_threads_batch=int(sys.argv[2]), verbose=False)
for line in sys.stdin:
    prompt, wanted = json.loads(line)
    llama.reset()
    start, times = time.perf_counter(), []
    for _ in llama.generate(prompt, temp=0.0):
        times.append(time.perf_counter() - start)
        if len(times) == wanted:
            break
    print(json.dumps(times), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="on a CPU; 0: as many as PyTorch takes by itself")
    parser.add_argument("--prompt", type=int, default=200, help="tokens of the prompt")
    parser.add_argument("--new", type=int, default=48, help="tokens decoded")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--llama-python", help="Python of the environment that has llama-cpp-python")
    parser.add_argument("--random-7b", action="store_true", help="a LLaMA-7B of random weights, in bfloat16")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = choose_device(args.device)
    contenders, weight_bytes = seven_billion(device) if args.random_7b else small(device)
    if args.llama_python and not args.random_7b:
        contenders["llama.cpp Q4_1"] = llama_cpp(args.llama_python)
    prompt = random.Random(0).choices(range(1000, 30000), k=args.prompt)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    bandwidth = []
    for number in range(args.rounds + 1):
        bandwidth.append(read_speed(device))
        for name in rotated(list(contenders), number):
            figures = measure(contenders[name], prompt, args.new, batched="llama" not in name)
            if number:  # the first round warms up
                runs[name].append(figures)
    speed = statistics.median(bandwidth)
    table = {name: summarise(rows, weight_bytes.get(name), speed) for name, rows in runs.items()}
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else f", {torch.cuda.get_device_name()}"
    print(f"{platform.processor() or platform.machine()}{threads}, PyTorch {torch.__version__}; {args.rounds} rounds,")
    print(f"prompt {args.prompt} tokens, {args.new} decoded; memory read at {speed / 1e9:.1f} GB/s\n")
    show(table)
    if not args.random_7b and not args.llama_python:
        print("\nllama.cpp: not measured; name its environment with --llama-python")
    if args.json:
        args.json.write_text(json.dumps({"read_bytes_a_second": speed, "contenders": table}, indent=2) + "\n")


def rotated(names: list[str], by: int) -> list[str]:
    """Return the names with another one first: who follows whom must not matter."""
    by %= len(names)
    return names[by:] + names[:by]


def measure(contender: Contender, prompt: list[int], new: int, *, batched: bool) -> dict[str, float]:
    """Return tokens a second of reading and of writing, seconds of a short answer, and the rate of a batch."""
    times = contender(prompt, new + 1, 1)
    figures = {
        "prefill": len(prompt) / times[0],
        "decode": new / (times[-1] - times[0]),
        "answer": contender(prompt, ANSWER, 1)[-1],
    }
    if batched:
        times = contender(prompt, new + 1, BATCH)
        figures["batch"] = BATCH * new / (times[-1] - times[0])
    return figures


def small(device: torch.device) -> tuple[dict[str, Contender], dict[str, int]]:
    """Return the contenders on the built-in core's weights, and the bytes of weights a token reads."""
    settings = Settings.load({"device": str(device)})
    model = load(settings, preset_folder(PRESET))
    model.fold()
    base, _ = load_base(base_folder(preset(PRESET).base_model, settings), dtype=model.dtype, device=device)
    dense, adapter = Engine(model), opened(model)
    engines = {"ours": dense}
    if device.type == "cpu" and model.dtype == torch.bfloat16:  # as the core chooses by itself
        engines = {"ours": Engine(model, weights="compact"), "ours, dense weights": dense}
    contenders = {name: ours(engine, adapter) for name, engine in engines.items()}
    contenders["transformers, adapter"] = transformers_generate(model, adapter=adapter)
    contenders["transformers, base"] = transformers_generate(base)
    weight_bytes = {name: engine.bytes_a_token for name, engine in engines.items()}
    return contenders, {**dict.fromkeys(contenders, dense.bytes_a_token), **weight_bytes}


def seven_billion(device: torch.device) -> tuple[dict[str, Contender], dict[str, int]]:
    """Return the contenders on a LLaMA-7B (arXiv 2302.13971, table 2) of random weights with an adapter."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)  # drawn in this width: float32 would need twice the memory
    try:
        with device:
            base: Any = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=32000, max_position_embeddings=2048))
    finally:
        torch.set_default_dtype(before)
    base.requires_grad_(False).eval()
    config = AdapterConfig(base_model="random", fusion="added", adapter_layers=31, tuning="bias", norm_tuning=False)
    model = AdapterLlama(base, config, fingerprint="random")
    model.fold()
    engine = Engine(model.eval())
    adapter = opened(model)
    contenders = {"ours": ours(engine, adapter), "transformers, adapter": transformers_generate(model, adapter=adapter)}
    return contenders, dict.fromkeys(contenders, engine.bytes_a_token)


@torch.inference_mode()
def opened(model: AdapterLlama) -> AdapterKeysValues:
    """Return the adapter's keys and values for a random picture, every gate forced open."""
    for layer in model.model.layers:
        if hasattr(layer.self_attn, "gate"):
            layer.self_attn.gate.data.fill_(0.5)
    tokens = model.adapter.visual_len
    return model.adapter_keys_values(torch.randn(1, tokens, model.config.hidden_size, device=model.device))


def ours(engine: Engine, adapter: AdapterKeysValues) -> Contender:
    def run(prompt: list[int], wanted: int, rows: int) -> list[float]:
        options = GenerationOptions(max_new_tokens=wanted)
        start = time.perf_counter()
        steps = decode(engine, [prompt] * rows, adapter, options, stop_ids=frozenset())
        return [time.perf_counter() - start for _ in steps]  # a step's ids are on the host, so the device has ended

    return run


def transformers_generate(model: Any, **inputs: Any) -> Contender:
    class Clock:
        """What `generate` calls a streamer: it is given the prompt first, then every step's ids."""

        def __init__(self) -> None:
            self.start, self.times = time.perf_counter(), list[float]()

        def put(self, _: torch.Tensor) -> None:
            self.times.append(time.perf_counter() - self.start)

        def end(self) -> None: ...

    model.generation_config.eos_token_id = None

    @torch.inference_mode()
    def run(prompt: list[int], wanted: int, rows: int) -> list[float]:
        ids = torch.tensor([prompt] * rows, device=model.device)
        clock = Clock()
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=wanted,
            do_sample=False,
            pad_token_id=0,
            streamer=clock,
            **inputs,
        )
        return clock.times[1:]

    return run


def llama_cpp(python: str) -> Contender:
    folder = Store.from_settings(Settings.load()).fetch(preset(PRESET).base_model)
    command = [python, "-c", LLAMA_WORKER, str(next(folder.glob("*.gguf"))), str(torch.get_num_threads())]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(prompt: list[int], wanted: int, rows: int) -> list[float]:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps([prompt, wanted]) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        if not line:
            sys.exit(f"llama.cpp died (exit status {worker.wait()}); an illegal instruction? build it as --help says")
        times: list[float] = json.loads(line)
        return times

    return run


def read_speed(device: torch.device) -> float:
    """Return bytes a second of reading memory that no cache holds."""
    numbers = torch.ones(2**28, device=device)
    start = time.perf_counter()
    numbers.sum().item()
    return numbers.nbytes / (time.perf_counter() - start)


def summarise(rows: list[dict[str, float]], weight_bytes: int | None, speed: float) -> dict[str, Any]:
    """Return median, least and most of each figure; and the decoding rate's share of what memory allows."""
    found: dict[str, Any] = {}
    for figure in rows[0]:
        values = [row[figure] for row in rows]
        found[figure] = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    if weight_bytes:
        found["weight_bytes_a_token"] = weight_bytes
        found["share_of_memory_bound"] = found["decode"]["median"] * weight_bytes / speed
    return found


def show(table: dict[str, dict[str, Any]]) -> None:
    heads = {"prefill": "read, tokens/s", "decode": "written, tokens/s", "answer": f"{ANSWER} tokens, ms"}
    heads["batch"] = f"batch {BATCH}, tokens/s"
    print(f"{'median (range)':<24}" + "".join(f"{head:>24}" for head in heads.values()) + f"{'of the bound':>16}")
    for name, found in table.items():
        line = f"{name:<24}"
        for figure in heads:
            unit = 1e3 if figure == "answer" else 1
            value = found.get(figure)
            median, least, most = (value[key] * unit for key in ("median", "least", "most")) if value else (0, 0, 0)
            line += f"{f'{median:.0f} ({least:.0f}-{most:.0f})' if value else '-':>24}"
        share = found.get("share_of_memory_bound")
        print(line + f"{'-' if share is None else f'{share:.0%}':>16}")
    mine = table["ours"]
    for name, found in table.items():
        if name != "ours":
            decoding = mine["decode"]["median"] / found["decode"]["median"]
            answering = found["answer"]["median"] / mine["answer"]["median"]
            print(f"ours against {name}: decoding {decoding:.2f} times as fast, a short answer {answering:.2f} times")
    print(f"ours, batch of {BATCH} against one row: {mine['batch']['median'] / mine['decode']['median']:.2f} times")


if __name__ == "__main__":
    main()
