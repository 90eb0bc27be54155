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
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from vqa import Settings, load_image
from vqa.adapter_model.presets import preset
from vqa.agent.instructions.row import TASKS, Asked, folded
from vqa.agent.instructions.synthetic import Example, Generator
from vqa.agent.prompting import compose
from vqa.protocols import Core
from vqa.registry import cores, experts
from vqa.values import GenerationOptions, Question

CORE = "smollm2-135m"
RECIPE = Path(__file__).parents[1] / "recipes" / "findings.yaml"


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

    if args.steps:
        train(args.out, steps=args.steps, batch=args.batch, lr=args.lr, seed=args.seed)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(replace(preset(CORE), groups=()).to_json())
        base = measure(core_with(folder), args.examples)
    tuned = measure(core_with(str(args.out / "last")), args.examples)
    print(f"{'held out':<12}{'base: exact':>12}{'contained':>12}{'adapter: exact':>16}{'contained':>12}")
    for task in TASKS:
        (b_exact, b_contained), (t_exact, t_contained) = base[task], tuned[task]
        print(f"{task:<12}{b_exact:>12.0%}{b_contained:>12.0%}{t_exact:>16.0%}{t_contained:>12.0%}")
    if args.json:
        args.json.write_text(json.dumps({"examples": args.examples, "base": base, "adapter": tuned}, indent=2) + "\n")


def train(out: Path, *, steps: int, batch: int, lr: float, seed: int) -> None:
    """Train the language group of a fresh adapter as `benchmarks/recipes/findings.yaml` says; it lands in `out`."""
    core: Any = core_with("")
    rows = out.absolute() / "instructions.jsonl"
    rows.parent.mkdir(parents=True, exist_ok=True)
    with rows.open("w", encoding="utf-8") as file:
        for example in islice(generator(seed, held_out=False), steps * batch):
            row = folded(Asked(example.task, example.question, example.answer), example.findings, core)
            file.write(json.dumps(row.to_dict()) + "\n")
    changes = [f"rows={rows}", f"steps={steps}", f"batch={batch}", f"rate={lr}", f"seed={seed}"]
    print("\n".join(core.train(RECIPE, changes=changes, output=out)), file=sys.stderr)


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
