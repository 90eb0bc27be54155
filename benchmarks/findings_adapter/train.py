"""Trains the first adapter: the base model learns to listen to its experts (biases, scales and norms only).

    python benchmarks/findings_adapter/train.py runs/findings --steps 1500     # writes runs/findings/
    python benchmarks/findings_adapter/train.py runs/findings --steps 0        # only measures what is there

As it comes, the base model ignores its findings. LLaMA-Adapter V2's linear tuning (section 4.1, eq. 1: y = s (W x + b),
and the norms) on synthetic examples in the agent's own prompt format teaches it to read them. The table compares the
base model with the adapter on labels and wordings that training never saw.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from examples import TASKS, Example, Generator
from PIL import Image

from vqa import Settings, load_image
from vqa.adapter_model.checkpoints import save_adapter
from vqa.adapter_model.loading import load_for_training, preset
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.agent.prompting import compose
from vqa.protocols import Core
from vqa.registry import cores, experts
from vqa.values import GenerationOptions, Question

END = "<|im_end|>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the adapter")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=40, help="held-out examples of each task in the table")
    parser.add_argument("--json", type=Path, help="also write the table's figures here")
    args = parser.parse_args()

    settings = Settings.load()
    core = cores.get("smollm2-135m").from_settings(settings)
    core.count_tokens("")  # fetches the base model before anything is measured
    if args.steps:
        train(args.out, core, settings, steps=args.steps, batch=args.batch, lr=args.lr, seed=args.seed)
    table = {
        "base model": measure(core_with("none", settings), args.examples),
        "adapter": measure(core_with(str(args.out), settings), args.examples),
    }
    print(f"{'exact match, held out':<24}{'base model':>12}{'adapter':>12}")
    for task in TASKS:
        print(f"{task:<24}{table['base model'][task]:>12.0%}{table['adapter'][task]:>12.0%}")
    if args.json:
        args.json.write_text(json.dumps({"examples": args.examples, "exact_match": table}, indent=2) + "\n")


def train(out: Path, core: Core, settings: Settings, *, steps: int, batch: int, lr: float, seed: int) -> None:
    """Train the language group of a fresh adapter and write it to `out`, also every 200 steps on the way."""
    model, tokenizer = load_for_training(settings, preset("smollm2-135m"))
    model.train()
    parameters = train_only(model, model.groups["language"])
    print(f"{sum(p.numel() for p in parameters):,} parameters in {len(parameters)} tensors", file=sys.stderr)
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
    warmup = min(50, steps // 10 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warmup, 0.5 * (1 + math.cos(math.pi * s / steps)))
    )
    rows = batches(generator(seed, held_out=False), core, tokenizer, batch)
    started = time.perf_counter()
    log: list[float] = []
    for step in range(1, steps + 1):
        ids, labels, mask = next(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
            loss = model.answer_loss(ids, labels, attention_mask=mask)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        log.append(loss.item())
        if step % 25 == 0 or step == steps:
            mean = sum(log[-25:]) / len(log[-25:])
            print(
                f"step {step}/{steps}  loss {mean:.3f}  {(time.perf_counter() - started) / step:.2f} s a step",
                file=sys.stderr,
            )
        if step % 200 == 0 or step == steps:
            save(model, out)


def save(model: AdapterLlama, out: Path) -> None:
    save_adapter(model, out, groups=("language",))


def batches(drawn: Iterator[Example], core: Core, tokenizer, size: int) -> Iterator[tuple[torch.Tensor, ...]]:  # type: ignore[no-untyped-def]
    """Yield (ids, labels, mask), each (B, T), padded on the right; rows of similar length share a batch."""
    while True:
        rows = []
        for example in (next(drawn) for _ in range(8 * size)):
            prompt = compose(Question(example.question), example.findings, core).text
            before = tokenizer.encode(prompt, add_special_tokens=False).ids
            answer = tokenizer.encode(example.answer + END, add_special_tokens=False).ids
            rows.append((before + answer, [-100] * len(before) + answer))
        rows.sort(key=lambda row: len(row[0]))
        order = torch.randperm(8).tolist()
        for chunk in (rows[i * size : (i + 1) * size] for i in order):
            length = max(len(ids) for ids, _ in chunk)
            yield (
                torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in chunk]),
                torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in chunk]),
                torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in chunk]),
            )


def generator(tokenizer: Tokenizer, seed: int, *, held_out: bool, task: str | None = None) -> Iterator[Example]:
    """Yield examples for ever. The words on drawn signs are the base model's own whole-word tokens."""
    words = sorted(w[1:] for w in tokenizer.get_vocab() if re.fullmatch(r"Ġ[A-Za-z]{3,10}", w))
    labels = tuple(experts.get("detect").from_settings(Settings()).vocabulary)
    drawn = Generator(seed, labels, words, held_out)
    while True:
        yield drawn.draw(task)


def core_with(adapter: str, settings: Settings) -> Core:
    return cores.get("smollm2-135m").from_settings(Settings.load({"adapter": adapter}))


def measure(core: Core, examples: int) -> dict[str, float]:
    """Return each task's exact match (case and final stops ignored) on held-out labels and wordings."""
    blank = load_image(Image.new("RGB", (32, 32)))
    scores = {}
    for task in TASKS:
        drawn = generator(1, held_out=True, task=task)
        rows = [next(drawn) for _ in range(examples)]
        prompts = [(blank, compose(Question(r.question), r.findings, core).text) for r in rows]
        answers = [
            a
            for i in range(0, examples, 8)
            for a in core.generate(prompts[i : i + 8], GenerationOptions(max_new_tokens=48))
        ]
        scores[task] = sum(_same(a, r.answer) for a, r in zip(answers, rows, strict=True)) / examples
        for answer, row in list(zip(answers, rows, strict=True))[:4]:
            print(f"  {task}: {row.question} -> {answer!r} (expected {row.answer!r})", file=sys.stderr)
    return scores


def _same(answer: str, expected: str) -> bool:
    return answer.strip().rstrip(".").lower() == expected.rstrip(".").lower()


if __name__ == "__main__":
    main()
