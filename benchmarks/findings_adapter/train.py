"""Trains the first adapter: the base model learns to listen to its experts (biases, scales and norms only).

    python benchmarks/findings_adapter/train.py runs/findings              # trains, measures, writes runs/findings/
    python benchmarks/findings_adapter/train.py runs/findings --steps 0    # only measures what is there

As it comes, the base model ignores its findings. LLaMA-Adapter V2's linear tuning (section 4.1, eq. 1: y = s (W x + b),
and the norms) on synthetic examples in the agent's own prompt format teaches it to read them. The table compares the
base model with the adapter on labels and wordings that training never saw.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

from vqa import Settings, load_image
from vqa.adapter_model.checkpoints import save_adapter
from vqa.adapter_model.loading import load_for_training
from vqa.adapter_model.parameters import train_only
from vqa.adapter_model.presets import preset
from vqa.agent.instructions.row import TASKS
from vqa.agent.instructions.synthetic import Example, Generator
from vqa.agent.prompting import compose
from vqa.protocols import Core
from vqa.registry import cores, experts
from vqa.values import GenerationOptions, Question

CORE = "smollm2-135m"
END = "<|im_end|>"
SAVE_EVERY = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the adapter")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=50, help="held-out examples of each task in the table")
    parser.add_argument("--json", type=Path, help="also write the table's figures here")
    args = parser.parse_args()

    settings = Settings.load()
    model, tokenizer = load_for_training(settings, preset(CORE))
    if torch.cpu._is_avx512_bf16_supported():  # frozen weights in bfloat16, what is trained in float32: 7 times faster
        for name, parameter in model.named_parameters():
            if name not in model.groups["language"]:
                parameter.data = parameter.data.bfloat16()
    if args.steps:
        train(model, tokenizer, args.out, steps=args.steps, batch=args.batch, lr=args.lr, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(replace(preset(CORE), groups=()).to_json())
        base = measure(core_with(folder), args.examples)
    tuned = measure(core_with(str(args.out)), args.examples)
    print(f"{'held out':<12}{'base: exact':>12}{'contained':>12}{'adapter: exact':>16}{'contained':>12}")
    for task in TASKS:
        (b_exact, b_contained), (t_exact, t_contained) = base[task], tuned[task]
        print(f"{task:<12}{b_exact:>12.0%}{b_contained:>12.0%}{t_exact:>16.0%}{t_contained:>12.0%}")
    if args.json:
        args.json.write_text(json.dumps({"examples": args.examples, "base": base, "adapter": tuned}, indent=2) + "\n")


def train(model, tokenizer: Tokenizer, out: Path, *, steps: int, batch: int, lr: float, seed: int) -> None:  # type: ignore[no-untyped-def]
    """Train the language group of a fresh adapter; `out` holds it at the end and every few steps on the way."""
    torch.manual_seed(seed)
    parameters = train_only(model, model.groups["language"])
    print(f"{sum(p.numel() for p in parameters):,} parameters in {len(parameters)} tensors", file=sys.stderr)
    gates = {id(p) for name, p in model.named_parameters() if name.endswith(".gate")}
    groups = [  # a gate starts at zero and has to open before its prompts get any gradient
        {"params": [p for p in parameters if id(p) in gates], "lr": 10 * lr},
        {"params": [p for p in parameters if id(p) not in gates], "lr": lr},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)
    warmup = min(50, steps // 10 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warmup, 0.5 * (1 + math.cos(math.pi * s / steps)))
    )
    rows = batches(generator(seed, held_out=False), tokenizer, batch)
    losses: list[float] = []
    started = time.perf_counter()
    for step in range(1, steps + 1):
        ids, labels, mask = next(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
            loss = model.answer_loss(ids, labels, attention_mask=mask)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        losses.append(loss.item())
        if step % 25 == 0 or step == steps:
            recent, pace = losses[-25:], (time.perf_counter() - started) / step
            print(f"step {step}/{steps}  loss {sum(recent) / len(recent):.3f}  {pace:.2f} s a step", file=sys.stderr)
        if step % SAVE_EVERY == 0 or step == steps:
            save_adapter(model, out, groups=("language",))


def batches(drawn: Iterator[Example], tokenizer: Tokenizer, size: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield (ids, labels, mask), each (B, T), padded on the right; rows of similar length share a batch."""
    core = core_with("")
    while True:
        rows = []
        for example in (next(drawn) for _ in range(8 * size)):
            prompt = compose(Question(example.question), example.findings, core).text
            before = tokenizer.encode(prompt, add_special_tokens=False).ids
            answer = tokenizer.encode(example.answer + END, add_special_tokens=False).ids
            rows.append((before + answer, [-100] * len(before) + answer))
        rows.sort(key=lambda row: len(row[0]))
        for index in torch.randperm(8).tolist():
            chunk = rows[index * size : (index + 1) * size]
            length = max(len(ids) for ids, _ in chunk)
            yield (
                torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in chunk]),
                torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in chunk]),
                torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids, _ in chunk]),
            )


def generator(seed: int, *, held_out: bool, task: str | None = None) -> Iterator[Example]:
    """Yield examples for ever."""
    drawn = Generator(seed, tuple(experts.get("detect").from_settings(Settings()).vocabulary), held_out=held_out)
    while True:
        yield drawn.draw(task)


def core_with(adapter: str) -> Core:
    """Return the core with the adapter in a folder; "" is the one that ships."""
    return cores.get(CORE).from_settings(Settings.load({"adapter": adapter}))


def measure(core: Core, examples: int) -> dict[str, tuple[float, float]]:
    """Return, for each task on held-out labels and wordings, how often the answer is, and how often it contains, the
    expected words (case and a final stop aside); the second is kinder to a model that answers in sentences."""
    blank = load_image(Image.new("RGB", (32, 32)))
    scores = {}
    for task in TASKS:
        drawn = generator(1, held_out=True, task=task)
        rows = [next(drawn) for _ in range(examples)]
        prompts = [(blank, compose(Question(row.question), row.findings, core).text) for row in rows]
        answers: list[str] = []
        for start in range(0, examples, 10):
            written = core.generate(prompts[start : start + 10], GenerationOptions(max_new_tokens=48))
            answers += ["".join(token.text for token in tokens) for tokens in written]
        pairs = [(_plain(row.answer), _plain(answer)) for row, answer in zip(rows, answers, strict=True)]
        exact = sum(expected == answer for expected, answer in pairs)
        contained = sum(f" {expected} " in f" {answer} " for expected, answer in pairs)
        scores[task] = exact / examples, contained / examples
        for row, answer in list(zip(rows, answers, strict=True))[:4]:
            print(f"  {task}: {row.question} -> {answer!r} (expected {row.answer!r})", file=sys.stderr)
    return scores


def _plain(text: str) -> str:
    return " ".join(text.lower().replace(",", " ").rstrip(" .").split())


if __name__ == "__main__":
    main()
