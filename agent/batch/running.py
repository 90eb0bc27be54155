"""Runs a question file through the agent: exactly one output row for each input row, in the same order."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vqa import __version__
from vqa.agent.batch.ledger import Ledger
from vqa.agent.batch.outcomes import Outcome
from vqa.agent.batch.record import RunRecord
from vqa.agent.batch.report_page import ReportPage
from vqa.agent.batch.rows import BadRow, Row
from vqa.agent.batch.writing import CONVERTED, convert, line_of
from vqa.agent.batching import MOST_LANES, answer_windows
from vqa.agent.windows import BATCH_ROWS, Failed
from vqa.devices import sleep_while_waiting
from vqa.errors import InputError
from vqa.settings import Settings, setting_names
from vqa.values import Question

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent
    from vqa.agent.windows import Load

_NOT_IN_ANSWERS = frozenset({"home", "offline", "cache", "cache_size"})  # where things are, not what they say


@dataclass(frozen=True)
class Refused:
    """A row that is not even asked."""

    row: Row | BadRow
    failed: Failed


Answering = Callable[[Iterable[Row | Refused]], Iterable[list[Outcome]]]


def locally(
    agent: VQAAgent,
    load: Load,
    *,
    batch_rows: int = BATCH_ROWS,
    lanes: int = MOST_LANES,
    stop: Callable[[], bool] = lambda: False,
) -> Answering:
    """Return what answers rows in this process; `batch_rows`, `lanes` and `stop` as in `answer_windows`."""
    sleep_while_waiting()

    def answering(rows: Iterable[Row | Refused]) -> Iterator[list[Outcome]]:
        under_way: deque[Row | BadRow] = deque()

        def asked() -> Iterator[tuple[str, Question] | Failed]:
            for row in rows:
                if isinstance(row, Refused):
                    under_way.append(row.row)
                    yield row.failed
                else:
                    under_way.append(row)
                    yield row.image, Question(row.question, row.image, str(row.id), row.choices)

        for window in answer_windows(agent, asked(), load=load, batch_rows=batch_rows, lanes=lanes, stop=stop):
            yield [Outcome(under_way.popleft(), result) for result in window]

    return answering


@dataclass(frozen=True)
class Job:
    """What to make of the rows.

    Attributes:
        output: The file; None is `stream`, and then there is nothing to go on with later.
        format: One of `writing.FORMATS`.
        only_answers: Rows without their evidence.
        shard: (i, n): only the pictures of the i-th of n parts, from 1.
        report: An HTML page to fill with every row.
        resume: Go on with an output that was interrupted.
        force: Overwrite an output, or with `resume` go on although it was made with other settings.
        asked: What else the answers depend on, for the record.
    """

    output: Path | None
    format: str
    only_answers: bool = False
    shard: tuple[int, int] = (1, 1)
    report: Path | None = None
    resume: bool = False
    force: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Progress:
    """What has been done so far; `skipped` rows were done by an earlier run."""

    rows: int = 0
    failed: int = 0
    skipped: int = 0
    began: float = field(default_factory=time.monotonic)

    def count(self, window: Sequence[Outcome]) -> None:
        self.rows += len(window)
        self.failed += sum(isinstance(outcome.result, Failed) for outcome in window)

    @property
    def rate(self) -> float:
        """Rows a second of this run."""
        return (self.rows - self.skipped) / max(time.monotonic() - self.began, 1e-9)


def run(
    job: Job,
    rows: Iterable[Row | BadRow],
    answering: Answering,
    *,
    settings: Settings,
    stream: BinaryIO | None = None,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Answer the rows and write what becomes of each; return the counts.

    Args:
        job: Where to and how.
        rows: From a reader.
        answering: Turns rows into outcomes, a window at a time; `local` is one.
        settings: What the answers are made with, for the record.
        stream: Where to write if the job has no output file.
        stop: Whether `answering` ended because it was told to, and not because there are no more rows.
        watch: Called after every window.

    Raises:
        InputError: The output cannot be written, or resumed.
        ModelUnavailable: The core's weights cannot be had.
    """
    wanted = _checked(rows, job.shard)
    if job.output is None:
        assert stream is not None
        return _to_stream(job, answering(wanted), stream, watch)
    record = RunRecord.begin(job.output, _job_made_with(job, settings), resume=job.resume, force=job.force)
    done = record.checkpoint
    progress = Progress(done.rows, done.failed, skipped=done.rows)
    if done.finished and job.format in CONVERTED:
        return progress  # its lines are gone
    lines_file = job.output.with_name(f"{job.output.name}.part") if job.format in CONVERTED else job.output
    if job.report is not None and done.rows and job.report.name not in done.lengths:
        raise InputError(f"--report {str(job.report)!r}: the rows already done are not in it; leave it out")
    with Ledger(record, _mark) as ledger:
        ledger.skip(wanted, job.output, things="questions")
        lines = ledger.grow(lines_file)
        page = ReportPage(ledger.grow(job.report)) if job.report is not None else None
        ledger.begin()
        for window in answering(wanted):
            lines.add(b"".join(line_of(outcome, job.format, only_answers=job.only_answers) for outcome in window))
            if page is not None:
                for outcome in window:
                    page.add(outcome)
            progress.count(window)
            watch(progress)
            failed = sum(isinstance(outcome.result, Failed) for outcome in window)
            ledger.count((outcome.row for outcome in window), failed=failed)
        ledger.checkpoint()
    if not stop():
        if job.format in CONVERTED:
            convert(lines_file, job.output, job.format)
        record.finish()
        if job.format in CONVERTED:
            lines_file.unlink()
    return progress


def _to_stream(
    job: Job, windows: Iterable[list[Outcome]], stream: BinaryIO, watch: Callable[[Progress], None]
) -> Progress:
    progress = Progress()
    for window in windows:
        for outcome in window:
            stream.write(line_of(outcome, job.format, only_answers=job.only_answers))
        stream.flush()
        progress.count(window)
        watch(progress)
    return progress


def count(rows: Iterable[Row | BadRow], shard: tuple[int, int]) -> int:
    """Return how many rows a shard has."""
    return sum(_is_in(row, shard) for row in rows)


def _checked(rows: Iterable[Row | BadRow], shard: tuple[int, int]) -> Iterator[Row | Refused]:
    """Yield this part's rows; one that cannot be asked, or whose id was there before, is refused.

    A file that breaks off is a last bad row: what came before is answered.
    """
    seen: set[str] = set()
    line = 0
    remaining = iter(rows)
    while True:
        try:
            row = next(remaining, None)
        except InputError as error:
            if not line:
                raise
            row, remaining = BadRow(line + 1, None, str(error)), iter(())
        if row is None:
            return
        line = row.line
        known = row.id is not None and str(row.id) in seen
        if row.id is not None:
            seen.add(str(row.id))
        if not _is_in(row, shard):
            continue
        if known:
            yield Refused(row, Failed("duplicate", InputError(f"id={row.id!r} was there before; ids must differ")))
        elif isinstance(row, BadRow):
            yield Refused(row, Failed("row", InputError(row.reason)))
        else:
            yield row


def _is_in(row: Row | BadRow, shard: tuple[int, int]) -> bool:
    """Return whether a row belongs to the i-th of n parts; all questions about a picture are in the same part."""
    number, total = shard
    if total == 1:
        return True
    key = row.image if isinstance(row, Row) else str(row.line)
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % total == number - 1


def _mark(row: Row | BadRow | Refused) -> bytes:
    return repr(row.row if isinstance(row, Refused) else row).encode("utf-8", "surrogatepass")


def made_with(settings: Settings) -> dict[str, Any]:
    """Return the version and all settings that answers depend on."""
    return {
        "vqa": __version__,
        **{name: getattr(settings, name) for name in setting_names() if name not in _NOT_IN_ANSWERS},
    }


def _job_made_with(job: Job, settings: Settings) -> dict[str, Any]:
    shard = "{}/{}".format(*job.shard)
    return {**made_with(settings), "format": job.format, "slim": job.only_answers, "shard": shard, **job.asked}
