"""What a run writes, and how far it has come: lines are only ever added, and a checkpoint says which of them count.

Beside the output `answers.jsonl` lies `answers.jsonl.run.json`: what the answers were made with, and after each window
the number of rows done and the length of each file. Going on after a crash cuts the files back to the last checkpoint,
which also drops a half-written line, and answers the rows after it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from vqa.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """How far a run has come.

    Attributes:
        rows: Rows done, failed ones included.
        failed: How many of them have an error instead of an answer.
        digest: Hash of these rows' ids, pictures and questions: whether an input is the same one.
        lengths: Bytes of each file that belong to these rows, by the file's name.
        finished: There are no more rows, and the output is complete.
    """

    rows: int = 0
    failed: int = 0
    digest: str = ""
    lengths: Mapping[str, int] = field(default_factory=dict)
    finished: bool = False


class RunRecord:
    """The record beside an output; `made_with` is everything that an answer depends on."""

    def __init__(self, path: Path, made_with: Mapping[str, Any], checkpoint: Checkpoint | None = None) -> None:
        self.path = path
        self.made_with = made_with
        self.checkpoint = checkpoint or Checkpoint()

    @staticmethod
    def beside(output: Path) -> Path:
        return output.with_name(f"{output.name}.run.json")

    @classmethod
    def begin(cls, output: Path, made_with: Mapping[str, Any], *, resume: bool, force: bool) -> Self:
        """Return the record of a new run, or of the one to go on with.

        Raises:
            InputError: The output is there and neither option was given, or it was made with something else.
        """
        path = cls.beside(output)
        if not resume:
            if (output.exists() or path.exists()) and not force:
                there = output if output.exists() else path  # a table is written in the end
                raise InputError(f"{str(there)!r} is there already; --resume goes on with it, --force overwrites it")
            return cls(path, made_with)
        if not path.exists():
            if output.exists() and not force:
                raise InputError(
                    f"{str(output)!r} has no {path.name} beside it that says how it was made; --force starts anew"
                )
            return cls(path, made_with)
        before, checkpoint = cls._read(path)
        if (changes := _differences(before, made_with)) and not force:
            raise InputError(
                f"{str(output)!r} was made with {'; '.join(changes)}; use the same again, or mix the two with --force"
            )
        gone = [name for name, length in checkpoint.lengths.items() if length and not path.with_name(name).exists()]
        if gone:
            raise InputError(
                f"{gone[0]!r} is gone, with which {str(path)!r} would go on; --force without --resume starts anew"
            )
        return cls(path, made_with, checkpoint)

    @staticmethod
    def _read(path: Path) -> tuple[Mapping[str, Any], Checkpoint]:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return data["made_with"], Checkpoint(**data["checkpoint"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{str(path)!r} cannot be read ({error}); start anew without --resume") from None

    def advance(self, checkpoint: Checkpoint) -> None:
        """Write down that a run has come so far; call it once the files' content is on disk."""
        self.checkpoint = checkpoint
        data = {"made_with": self.made_with, "checkpoint": asdict(checkpoint)}
        new = self.path.with_name(f".{self.path.name}.tmp")
        with new.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)

    def finish(self) -> None:
        self.advance(replace(self.checkpoint, finished=True))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[str]:
    """Return "core=echo and not core=smollm2-135m" for everything that differs."""
    plain = json.loads(json.dumps(now))  # as it would be read back: tuples are lists
    names = dict.fromkeys((*before, *plain))
    return [
        f"{name}={before.get(name)!r} and not {name}={plain.get(name)!r}"
        for name in names
        if before.get(name) != plain.get(name)
    ]
