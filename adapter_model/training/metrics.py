"""What a run tells about itself: `metrics.jsonl`, `curves.png`, a progress bar, and a table at the end."""

from __future__ import annotations

import json
import logging
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

_log = logging.getLogger(__name__)

_FILE = "metrics.jsonl"
_SMOOTHED = 50  # steps that a curve's point is the mean of


class Journal:
    """Writes a run's metrics as they come.

    Args:
        folder: The run's.
        steps: How many there will be.
        done: Steps done before; lines about later ones, of a run that was killed, are removed.
        quiet: No bar and no files: one of several processes does it.
    """

    def __init__(self, folder: Path, *, steps: int, done: int, quiet: bool = False) -> None:
        self._path = folder / _FILE
        self._quiet = quiet
        if not quiet:
            kept = [line for line in _lines(self._path) if line["step"] <= done]
            self._path.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="utf-8")
        self._bar = tqdm(total=steps, initial=done, unit="step", disable=quiet or not sys.stderr.isatty())

    def step(self, step: int, told: Mapping[str, Any]) -> None:
        self._write({"step": step, **told})
        self._bar.update()
        self._bar.set_postfix_str(f"{told['source']} {told['loss']:.3f}", refresh=False)

    def measured(self, step: int, source: str, loss: float, accuracy: float) -> None:
        self._write({"step": step, "validation": source, "loss": loss, "accuracy": accuracy})
        told = f"step {step}: {source}: loss {loss:.4f}, tokens right {accuracy:.1%}"
        if self._bar.disable:
            _log.info("%s", told)
        else:
            self._bar.write(told, file=sys.stderr)  # above the bar

    def close(self) -> None:
        self._bar.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        if not self._quiet:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({k: _short(v) for k, v in line.items()}) + "\n")


def draw_curves(folder: Path) -> Path | None:
    """Draw the losses of `metrics.jsonl` to `curves.png`; return its path, None if there is nothing to draw."""
    from matplotlib.figure import Figure

    trained, measured = curves(folder)
    if not trained and not measured:
        return None
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, points in trained.items():
        axes.plot(*zip(*_smoothed(points), strict=True), label=f"{name} (training)", linewidth=1)
    for name, points in measured.items():
        axes.plot(*zip(*points, strict=True), label=f"{name} (validation)", marker="o", markersize=3)
    axes.set(xlabel="step", ylabel="loss, nats a token")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(folder / "curves.png", dpi=120)
    return folder / "curves.png"


def curves(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], dict[str, list[tuple[int, float]]]]:
    """Return the losses by source, in training and in validation, as (step, loss)."""
    trained, measured = defaultdict(list), defaultdict(list)
    for line in _lines(folder / _FILE):
        if line["loss"] is None:
            continue
        if "validation" in line:
            measured[line["validation"]].append((line["step"], line["loss"]))
        else:
            trained[line["source"]].append((line["step"], line["loss"]))
    return dict(trained), dict(measured)


def _smoothed(points: list[tuple[int, float]]) -> list[tuple[float, float]]:
    size = max(min(_SMOOTHED, len(points) // 20), 1)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [(sum(s for s, _ in part) / len(part), sum(v for _, v in part) / len(part)) for part in parts]


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # half a line of a killed run
    return found


def _short(value: Any) -> Any:
    """Return a number with as many digits as matter; None if it is not finite, which JSON cannot say."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if value - value == 0 else None
