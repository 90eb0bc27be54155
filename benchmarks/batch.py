"""Questions per second and peak memory of `vqa batch`, against asking one after the other.

    python benchmarks/batch.py photos.tar                            # pictures in a folder, .tar or .zip
    python benchmarks/batch.py photos.tar --rows 128 --rounds 3 --json batch.json
    python benchmarks/batch.py photos.tar --per-picture 8 --reading  # questions that need the text reader

For 1, 8, 64 and 512 questions a picture, the same rows are answered four ways, each in a fresh process whose models
are warm (questions about another picture come first), without findings kept on disk but for `command`:

- batch: `answer_windows`, what `vqa batch` runs on;
- loop: `agent(picture, question)` for each row, the agent remembering what its experts saw;
- command: `vqa ask` for each of the first rows, a process each, what the experts saw kept on disk;
- plain: the models one after the other for each row, nothing remembered and no router: detector, then core (with
  --reading the text reader too).

The first line answers a tenth of the second's rows: how cost grows with the work. Contenders take turns; the table
gives medians over the rounds and their range, and CPU seconds a row, which say more where cores are shared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

PER_PICTURE = (1, 8, 64, 512)
WAYS = ("batch", "loop", "command", "plain")
_COMMANDS = 8  # rows that are asked by a process each, which takes seconds
_THINGS = (
    "person dog cat car bus chair table cup bottle book laptop phone clock vase horse bird boat train truck bicycle "
    "motorcycle bench backpack umbrella handbag tie suitcase kite skateboard surfboard fork knife spoon bowl banana "
    "apple sandwich orange broccoli carrot pizza donut cake couch bed toilet mouse remote keyboard oven sink scissors"
).split()
_WORDINGS = (
    "Is there a {}?",
    "How many {}s are there?",
    "Where is the {}?",
    "Is a {} in the picture?",
    "Do you see a {}?",
    "What is left of the {}?",
    "Are there any {}s?",
    "Can you find a {}?",
    "What is next to the {}?",
    "Count the {}s.",
)
_READING = ("What does the sign say?", "What is written here?", "What text can you read?", "What is the number on it?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", help="a folder, .tar or .zip")
    parser.add_argument("--rows", type=int, default=64, help="rows of each set, but at least one picture's (64)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--per-picture", type=int, nargs="*", default=PER_PICTURE)
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--reading", action="store_true", help="every fourth question needs the text reader")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.pictures, args.rows, args.per_picture[0], reading=args.reading)))
        return
    table = measure(args)
    print(f"{args.rounds} rounds, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    others = [way for way in args.ways if way != "batch"]
    columns = "".join(f"{f'{way}, rows/s':<22}" for way in args.ways) + f"{'CPU s a row':<22}{'MiB':<22}"
    columns += "".join(f"{f'times {way}: wall, CPU':<28}" for way in others if "batch" in args.ways)
    print(f"{'questions a picture':<20}{'rows':>6}  {columns}")
    for row in table:
        ways = [row["ways"][way] for way in args.ways]
        rates = "".join(f"{spread(way['rates']):<22}" for way in ways)
        cpu = " ".join(f"{statistics.median(way['cpu_seconds_a_row']):.3f}" for way in ways)
        memory = " ".join(f"{way['peak_mib']:.0f}" for way in ways)
        saved = "".join(f"{'{wall:.2f}, {cpu:.2f}'.format_map(ratio):<28}" for ratio in row["times"].values())
        print(f"{row['per_picture']:<20}{row['rows']:>6}  {rates}{cpu:<22}{memory:<22}{saved}")
    if args.json:
        args.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return rates and memory of every way for every number of questions a picture, and for a tenth of the rows."""
    sets = [(max(args.rows, per), per) for per in args.per_picture]
    table = []
    for rows, per in [(max(sets[0][0] // 10, 1), sets[0][1]), *sets]:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in args.ways}
        for number in range(args.rounds):
            turn = number % len(args.ways)
            for way in (*args.ways[turn:], *args.ways[:turn]):
                command = [sys.executable, __file__, args.pictures, "--one", way, "--rows", str(rows)]
                command += ["--per-picture", str(per), *(["--reading"] if args.reading else [])]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found[way].append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{rows} rows, {per} a picture, {way}: {found[way][-1]['rate']:.2f} rows/s", file=sys.stderr)
        ways = {
            way: {
                "rates": [run["rate"] for run in runs],
                "cpu_seconds_a_row": [run["cpu_seconds_a_row"] for run in runs],
                "peak_mib": max(run["peak_mib"] for run in runs),
            }
            for way, runs in found.items()
        }
        table.append({"per_picture": per, "rows": rows, "ways": ways, "times": times(ways)})
    return table


def times(ways: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how many times as fast as each other way the batch is, and how many times as much CPU time they take."""
    return {
        way: {
            "wall": median(ways, "batch", "rates") / median(ways, way, "rates"),
            "cpu": median(ways, way, "cpu_seconds_a_row") / median(ways, "batch", "cpu_seconds_a_row"),
        }
        for way in ways
        if "batch" in ways and way != "batch"
    }


def median(ways: dict[str, dict[str, Any]], way: str, figure: str) -> float:
    return float(statistics.median(ways[way][figure]))


def spread(rates: list[float]) -> str:
    return f"{statistics.median(rates):.2f} ({min(rates):.2f}-{max(rates):.2f})"


def one(way: str, pictures: str, rows: int, per_picture: int, *, reading: bool) -> dict[str, float]:
    """Answer the rows by this process, or by its children; return rows and CPU seconds a row, and peak MiB."""
    from vqa import Settings, VQAAgent
    from vqa.agent.batch.pictures import Pictures, ask_about
    from vqa.devices import sleep_while_waiting

    found, root = ask_about([pictures], ["?"])
    names = [row.image for row in found][: -(-rows // per_picture) + 1]
    asked = [(name, question) for name in names for question in questions(per_picture, reading=reading)][:rows]
    warm = [(names[-1], question) for question in (*list(questions(2, reading=False)), *_READING[: int(reading)])]
    who = resource.RUSAGE_SELF
    with Pictures(root) as source:
        if way == "command":
            asked = warm = asked[:_COMMANDS]
            agent, answer, who = None, command, resource.RUSAGE_CHILDREN
        else:
            if way == "batch":
                sleep_while_waiting()  # as `vqa batch` does
            agent = VQAAgent.from_pretrained(settings=Settings.load({"cache": False}))
            answer = {"batch": batch, "loop": loop, "plain": plain}[way]
        answer(agent, source.load, warm)
        wall, cpu = time.perf_counter(), cpu_seconds(who)
        assert answer(agent, source.load, asked) == len(asked)
        wall, cpu = time.perf_counter() - wall, cpu_seconds(who) - cpu
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes on macOS, KiB elsewhere
    peak = resource.getrusage(who).ru_maxrss * unit / 2**20
    return {"rate": len(asked) / wall, "cpu_seconds_a_row": cpu / len(asked), "peak_mib": peak}


def cpu_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def questions(number: int, *, reading: bool) -> Iterator[str]:
    """Yield different questions; with `reading` every fourth is about text."""
    for index, (thing, wording) in zip(range(number), product(_THINGS, _WORDINGS), strict=False):
        yield _READING[index // 4 % len(_READING)] if reading and index % 4 == 3 else wording.format(thing)


def batch(agent: Any, load: Callable[[object], Any], rows: list[tuple[str, str]]) -> int:
    from vqa.agent.batching import answer_windows
    from vqa.values import Answer

    return sum(isinstance(result, Answer) for window in answer_windows(agent, rows, load=load) for result in window)


def loop(agent: Any, load: Callable[[object], Any], rows: list[tuple[str, str]]) -> int:
    return sum(bool(agent(load(name), question)) for name, question in rows)


def command(agent: Any, load: Callable[[object], Any], rows: list[tuple[str, str]]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        for name, question in rows:
            picture = Path(folder, "picture.png")
            load(name).pil.save(picture)
            subprocess.run([sys.executable, "-m", "vqa", "ask", picture, question], check=True, capture_output=True)
    return len(rows)


def plain(agent: Any, load: Callable[[object], Any], rows: list[tuple[str, str]]) -> int:
    from vqa.agent.prompting import compose
    from vqa.values import Question

    for name, question in rows:
        image = load(name)
        experts = ("detect", "ocr") if question in _READING else ("detect",)
        findings = [agent.experts[expert].look(image) for expert in experts]
        prompt = compose(Question(question), findings, agent.core)
        list(agent.core.stream(image, prompt.text, agent.options))
    return len(rows)


if __name__ == "__main__":
    main()
