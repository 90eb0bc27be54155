"""Seconds and memory of `vqa ask`: the first question, a second one about the same picture, and a new picture.

    python benchmarks/ask.py                       # example:bus, three rounds
    python benchmarks/ask.py photo.jpg --rounds 5 --json ask.json
    python benchmarks/ask.py --ten                 # ten questions about example:bus against its experts' time

Each round is a fresh process that asks three times: cold (weights still on disk), again about the same picture (experts
and models warm), and about another picture (models warm, experts not). Peak memory is that process's largest resident
set. The table gives medians over the rounds, and their range; below it stands what `vqa --help` takes, against a Python
that does nothing but import typer. With `--ten`, all weights are warmed on another picture
first; then ten questions are timed, in seconds and in CPU seconds of the process.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OTHER_PICTURE = "example:astronaut"
FIRST, SECOND = "What does the bus say?", "How many people are there?"
TEN = (
    "What does the bus say?",
    "How many people are there?",
    "Is there a dog?",
    "Where is the bus?",
    "What is written on the bus?",
    "Is there a car?",
    "How many buses are there?",
    "What is in the picture?",
    "Is there a person?",
    "Are there any bicycles?",
)
WARMING = ("example:page", ("What is the heading?", "How many people are there?"))
MOMENTS = ("first question", "second question, same picture", "another picture")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", default="example:bus")
    parser.add_argument("--first", default=FIRST, help=f"the first question ({FIRST!r})")
    parser.add_argument("--second", default=SECOND, help=f"the second question ({SECOND!r})")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--ten", action="store_true", help="ten questions about example:bus instead")
    parser.add_argument("--one-round", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ten:
        show_ten(args.rounds, args.json, one_round=args.one_round)
        return
    if args.one_round:
        print(json.dumps(one_round(args.picture, args.first, args.second)))
        return
    command = [sys.executable, __file__, args.picture, "--first", args.first, "--second", args.second, "--one-round"]
    rounds = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(args.rounds)
    ]
    table = summarise(rounds)
    print(f"{args.rounds} rounds, {platform.processor() or platform.machine()}, Python {platform.python_version()}\n")
    print(f"{'seconds, median (range)':<34}{'total':>20}   stages")
    for moment in MOMENTS:
        row = table[moment]
        stages = ", ".join(f"{stage} {value:.2f}" for stage, value in row["stages"].items() if value >= 0.005)
        spread = f"{row['total']:.2f} ({row['least']:.2f}-{row['most']:.2f})"
        print(f"{moment:<34}{spread:>20}   {stages}")
    print(f"\nsecond / first: {table['ratio']:.2f}    peak memory: {table['peak_gib']:.2f} GiB")
    python = sys.executable
    of_help = median_seconds([python, "-m", "vqa", "--help"], args.rounds)
    of_typer = median_seconds([python, "-c", "import typer"], args.rounds)
    print(f"vqa --help: {of_help:.2f} s, {of_help / of_typer:.1f} times importing typer")
    if args.json:
        args.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def median_seconds(command: Sequence[str], rounds: int) -> float:
    """Return the median wall time of a command over rounds."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def one_round(picture: str, first: str, second: str) -> dict[str, Any]:
    """Ask three times in this process and return each answer's seconds by stage, and the peak memory in GiB."""
    from vqa import VQAAgent

    agent = VQAAgent.from_pretrained()
    asked = ((picture, first), (picture, second), (OTHER_PICTURE, first))
    seconds = {moment: dict(agent(*ask).seconds) for moment, ask in zip(MOMENTS, asked, strict=True)}
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes on macOS, KiB elsewhere
    return {"seconds": seconds, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30}


def show_ten(rounds: int, file: Path | None, *, one_round: bool) -> None:
    """Print what ten questions cost and how often the first one's experts' time that is, each round a fresh process."""
    if one_round:
        print(json.dumps(ten_questions()))
        return
    command = [sys.executable, __file__, "--ten", "--one-round"]
    found = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(rounds)
    ]
    for unit in ("seconds", "CPU seconds"):
        totals, experts = ([one[unit][part] for one in found] for part in ("ten", "experts"))
        ratios = [total / part for total, part in zip(totals, experts, strict=True)]
        for name, values in (("ten questions", totals), ("experts of the first", experts), ("ratio", ratios)):
            print(f"{unit:<12}{name:<22}{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})")
    print("core's part of each question, last round:", ", ".join(f"{core:.3f}" for core in found[-1]["core"]))
    if file:
        file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def ten_questions() -> dict[str, Any]:
    """Ask ten questions and return what they cost, what the experts' looks did, and the core's seconds of each."""
    from vqa import VQAAgent
    from vqa.agent.events import Answered, Found, Looking

    agent = VQAAgent.from_pretrained()
    picture, questions = WARMING
    for question in questions:
        agent(picture, question)
    started, cpu = time.perf_counter(), time.process_time()
    experts = experts_cpu = 0.0
    core = []
    for question in TEN:
        for event in agent.events("example:bus", question):
            if isinstance(event, Looking):
                since, since_cpu = time.perf_counter(), time.process_time()
            elif isinstance(event, Found):
                experts += time.perf_counter() - since
                experts_cpu += time.process_time() - since_cpu
            elif isinstance(event, Answered):
                core.append(event.answer.seconds["core"])
    total, total_cpu = time.perf_counter() - started, time.process_time() - cpu
    return {
        "seconds": {"ten": total, "experts": experts},
        "CPU seconds": {"ten": total_cpu, "experts": experts_cpu},
        "core": core,
    }


def summarise(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over rounds, for each moment and stage, the ratio of second to first and the largest peak."""
    table: dict[str, Any] = {}
    for moment in MOMENTS:
        runs = [one["seconds"][moment] for one in rounds]
        totals = [run["total"] for run in runs]
        stages = {stage: statistics.median(run[stage] for run in runs) for stage in runs[0] if stage != "total"}
        table[moment] = {
            "total": statistics.median(totals),
            "least": min(totals),
            "most": max(totals),
            "stages": stages,
        }
    table["ratio"] = table[MOMENTS[1]]["total"] / table[MOMENTS[0]]["total"]
    table["peak_gib"] = max(one["peak_gib"] for one in rounds)
    return table


if __name__ == "__main__":
    main()
