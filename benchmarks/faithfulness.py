"""Measures whether a core says what its evidence says, and abstains where the evidence says nothing.

    vqa instruct synthetic:3000 --held-out --seed 1 -o heldout.jsonl
    python benchmarks/faithfulness.py heldout.jsonl [--adapter NAME ...] [--base] [--free] [--image-root PICTURES]

A row of the file has `question`, `evidence`, `answer` and `task`, as `vqa instruct` writes them; the core reads
exactly these lines. `exact` is the share of answers that are the expected words, `contained` of those that hold them
(case, commas and a final stop aside). Where the expected answer is to abstain, `abstains` is the share that does; the
rest invents. Rows of pictures that are not in `--image-root` are asked without one, as drawn findings are.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from vqa import Settings, load_image
from vqa.adapter_model.presets import preset
from vqa.agent.answering import answered_alone, written
from vqa.agent.batch.pictures import Pictures
from vqa.agent.instructions.row import TRIPLES, UNKNOWN
from vqa.agent.trust.answer_words import abstains
from vqa.errors import InputError
from vqa.protocols import Core
from vqa.registry import cores
from vqa.values import GenerationOptions, LoadedImage, Prompt, Question, Token

STATED = ("presence", "count", "reading", "attribute")
"""Tasks of which the evidence states the answer outright."""
OPTIONS = GenerationOptions()
_BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--core", default="smollm2-135m")
    parser.add_argument("--adapter", action="append", default=[], help="a preset or a folder; may be repeated")
    parser.add_argument("--base", action="store_true", help="also the base model without an adapter")
    parser.add_argument(
        "--image-root", type=Path, action="append", default=[], help="folder, tar or zip; may be repeated"
    )
    parser.add_argument("--free", action="store_true", help="quote nothing: the core writes every answer freely")
    parser.add_argument("--limit", type=int, default=2000, help="rows drawn from the file")
    parser.add_argument("--show", type=int, default=0, help="print so many wrong answers of each task")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.file.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["task"] not in TRIPLES]  # of them the annotators' answer is not in the evidence
    rows = random.Random(0).sample(rows, min(args.limit, len(rows)))
    pictures = pictures_of(rows, args.image_root)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, "config.json").write_text(replace(preset(args.core), groups=()).to_json(), encoding="utf-8")
        adapters = [*(args.adapter or [""]), *([empty] if args.base else [])]
        for adapter in adapters:
            name = "base model" if adapter == empty else adapter or args.core
            core = cores.get(args.core).from_settings(Settings.load({"adapter": adapter}))
            answers = answered(core, rows, pictures, quoting=not args.free)
            report[name] = figures(rows, answers)
            show(name, report[name])
            wrong = [(r, a) for r, a in zip(rows, answers, strict=True) if not right(r, a)]
            for task in sorted({row["task"] for row in rows}):
                for row, answer in [pair for pair in wrong if pair[0]["task"] == task][: args.show]:
                    print(f"  {task}: {row['question']} {row['evidence']} -> {answer!r}, not {row['answer']!r}")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def pictures_of(rows: Sequence[dict[str, Any]], roots: Sequence[Path]) -> list[LoadedImage]:
    """Return each row's picture, or a blank one."""
    found = [load_image(Image.new("RGB", (32, 32)))] * len(rows)
    for root in roots:
        with Pictures(root) as pictures:
            for i, row in enumerate(rows):
                if row["image"]:
                    with suppress(InputError):
                        found[i] = pictures.load(row["image"])
    return found


def answered(
    core: Core, rows: Sequence[dict[str, Any]], pictures: Sequence[LoadedImage], *, quoting: bool
) -> list[str]:
    """Return what the core answers to each row's evidence and question; rows of like length go together."""
    questions = [Question(row["question"]) for row in rows]
    prompts = [Prompt(core.render(r["question"], r["evidence"]), tuple(r["evidence"]), (), 0, 0) for r in rows]
    answers: dict[int, Iterable[Token]] = {}
    for i, asked in enumerate(zip(questions, prompts, strict=True)):
        if quoting and answered_alone(core, *asked, OPTIONS):
            answers[i] = list(written(core, pictures[i], *asked, OPTIONS))
    order = sorted(set(range(len(rows))) - set(answers), key=lambda i: len(prompts[i].text))
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        together = [(pictures[i], prompts[i].text) for i in places]
        answers.update(zip(places, core.generate(together, OPTIONS), strict=True))
    return ["".join(token.text for token in answers[i]).strip() for i in range(len(rows))]


def right(row: dict[str, Any], answer: str) -> bool:
    """Return whether an answer is the expected one; any way of abstaining is as good as another."""
    return abstains(answer) if row["answer"] == UNKNOWN else _plain(answer) == _plain(row["answer"])


def figures(rows: Sequence[dict[str, Any]], answers: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return rows, exact and contained of each task, of the stated ones together, and how often it abstains."""
    groups: dict[str, list[tuple[dict[str, Any], str]]] = defaultdict(list)
    for row, answer in zip(rows, answers, strict=True):
        if row["answer"] == UNKNOWN:
            groups["to abstain"].append((row, answer))
            continue
        groups[row["task"]].append((row, answer))
        groups["answerable"].append((row, answer))
        if row["task"] in STATED:
            groups["stated"].append((row, answer))
    table = {}
    for name, pairs in sorted(groups.items()):
        n = len(pairs)
        table[name] = {
            "rows": n,
            "exact": sum(right(*pair) for pair in pairs) / n,
            "contained": sum(f" {_plain(row['answer'])} " in f" {_plain(answer)} " for row, answer in pairs) / n,
            "abstains": sum(abstains(answer) for _, answer in pairs) / n,
        }
    return table


def show(name: str, table: dict[str, dict[str, float]]) -> None:
    print(f"\n{name:<24}{'rows':>6}{'exact':>9}{'contained':>11}{'abstains':>10}")
    for group, row in table.items():
        exact, contained, silent = (f"{row[key]:.1%}" for key in ("exact", "contained", "abstains"))
        print(f"{group:<24}{row['rows']:>6}{exact:>9}{contained:>11}{silent:>10}")


def _plain(text: str) -> str:
    return " ".join(text.lower().replace(",", " ").rstrip(" .").split())


if __name__ == "__main__":
    main()
