"""Measures what each choice of the folding is worth: the same findings, folded otherwise, to the same core.

    python benchmarks/folding.py questions.jsonl [more.jsonl ...] --image-root photos.tar [--limit N] [--json FILE]

The files are what `vqa eval` reads. Experts look once at each picture (and not at all where their findings are
cached); every way of folding then only asks the core again, unless it gives the same prompt. The core writes freely.
VQA_ROUTER=all has every expert look; `nothing left out` then tells what the folding keeps from the core. `whole
sentences` is the plain textual context of LLaMA-Adapter V2, section 4.4: each expert's finding in words, whatever was
asked. The figure is the data set's main one; `changed` counts answers that differ from those of the folding as it is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from vqa import Settings, VQAAgent
from vqa.agent.batch.pictures import Pictures
from vqa.agent.evaluation.cases import Case, Prediction
from vqa.agent.evaluation.datasets import read_cases
from vqa.agent.evaluation.scoring import evaluate
from vqa.agent.prompting import compose, evidence
from vqa.protocols import Core
from vqa.values import Finding, LoadedImage, Question

_BATCH = 32
_PLACES = re.compile(r" \((?:top|bottom|left|right|center)[a-z, ]*\)")
_RELATION = re.compile(r"^Detector: (?!maybe|no |\d).* (?:of|above|below|on or in front of|behind or under) ")
_ALL_THE_REST = re.compile(r"^Detector: \d+ [^,()]+(?:, \d+ [^,()]+)+$")

_ROOM = 0.9  # of the prompt's budget for the lines of `nothing left out`; the rest is the question's

Fold = Callable[[Question, Sequence[Finding], Sequence[str]], list[str]]


def without(pattern: re.Pattern[str]) -> Fold:
    return lambda _question, _findings, lines: [line for line in lines if not pattern.search(line)]


def in_reading_order(_question: Question, findings: Sequence[Finding], lines: Sequence[str]) -> list[str]:
    """Return the lines with text as it was read: not marked as unsure, as on a thing, or as the asked value."""
    return [re.sub(r"^Text(?: on the [^:(]+)?(?: \([a-z ]+\))*:", "Text:", line) for line in lines]


def whole_sentences(_question: Question, findings: Sequence[Finding], _lines: Sequence[str]) -> list[str]:
    return [f"{f.expert.capitalize()}: {' '.join(f.text.split())}" for f in findings if f.text and f.error is None]


def nothing_left_out(core: Core) -> Fold:
    """Return the folding that drops no line but for want of room."""

    def fold(question: Question, findings: Sequence[Finding], _lines: Sequence[str]) -> list[str]:
        room = _ROOM * core.max_prompt_tokens
        lines = []
        for line in sorted(evidence(question.text, findings), key=lambda line: line.rank):
            room -= core.count_tokens(line.text + "\n") + 1
            lines += [" ".join(line.text.split())] if room > 0 else []
        return lines

    return fold


WAYS: dict[str, Fold] = {
    "as it is": lambda _question, _findings, lines: list(lines),
    "without relations": without(_RELATION),
    "without places": lambda _question, _findings, lines: [_PLACES.sub("", line) for line in lines],
    "without other things": without(_ALL_THE_REST),
    "without captions": without(re.compile("^Caption:")),
    "text unmarked": in_reading_order,
    "whole sentences": whole_sentences,
    "nothing": lambda _question, _findings, _lines: [],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--image-root", type=Path)
    parser.add_argument("--limit", type=int, help="questions of each file")
    parser.add_argument("--adapter", default="")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    agent = VQAAgent.from_pretrained(settings=Settings.load({"adapter": args.adapter} if args.adapter else {}))
    report = {}
    for file in args.files:
        cases = read_cases(file)[: args.limit]
        with Pictures(args.image_root) as pictures:
            looked = [look(agent, case, pictures) for case in cases]
        said: dict[tuple[str, str], str] = {}
        ways = {**WAYS, "nothing left out": nothing_left_out(agent.core)}
        answers = {name: answered(agent, cases, looked, fold, said) for name, fold in ways.items()}
        print(f"\n{file.stem}, {len(cases)} questions")
        for name, given in answers.items():
            main_figure = evaluate(cases, [Prediction(text) for text in given], resamples=200).sections[0].figures[0]
            changed = sum(a != b for a, b in zip(given, answers["as it is"], strict=True))
            report[f"{file.stem}: {name}"] = {**main_figure.to_dict(), "changed": changed}
            print(f"  {name:<24}{main_figure.figure.name:<28}{main_figure.value:>8.3f}{changed:>6} changed")
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def look(agent: VQAAgent, case: Case, pictures: Pictures) -> tuple[LoadedImage, list[Finding]]:
    """Return a case's picture and what the experts that the router chooses find in it."""
    image = pictures.load(case.row.image)
    question = Question(case.row.question)
    return image, [agent.look_or_say_why(name, image, question) for name in agent.route(question.text).experts]


def answered(
    agent: VQAAgent,
    cases: Sequence[Case],
    looked: Sequence[tuple[LoadedImage, list[Finding]]],
    fold: Fold,
    said: dict[tuple[str, str], str],
) -> list[str]:
    """Return the core's answers to all cases, folded one way; prompts of like length go together.

    Args:
        agent: Whose core is asked.
        cases: The questions.
        looked: Each one's picture and findings.
        fold: Makes lines of evidence of them.
        said: What the core has answered to a picture and a prompt; receives the new answers.
    """
    asked = []
    for case, (image, findings) in zip(cases, looked, strict=True):
        question = Question(case.row.question)
        lines = fold(question, findings, compose(question, findings, agent.core).used)
        asked.append((image.sha256, agent.core.render(question.text, lines)))
    new = sorted({key: i for i, key in enumerate(asked) if key not in said}.values(), key=lambda i: len(asked[i][1]))
    for start in range(0, len(new), _BATCH):
        places = new[start : start + _BATCH]
        together = [(looked[i][0], asked[i][1]) for i in places]
        for i, tokens in zip(places, agent.core.generate(together, agent.options), strict=True):
            said[asked[i]] = "".join(token.text for token in tokens).strip()
    return [said[key] for key in asked]


if __name__ == "__main__":
    main()
