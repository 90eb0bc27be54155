"""Curates a dataset of long descriptions: every picture's text is kept, or dropped with the reason.

Kept rows are a file of captions, which `vqa train` reads; dropped ones lie in a second file beside it. Both only grow,
and a record says how far they have come, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vqa.agent.batch.ledger import Ledger
from vqa.agent.batch.record import RunRecord
from vqa.agent.batch.running import Progress, made_with
from vqa.agent.curation.describing import Describer, Description, as_told
from vqa.agent.curation.fixing import Fix
from vqa.agent.curation.judging import Dropped, Reason, judge
from vqa.errors import VQAError
from vqa.protocols import Core
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage

FAILURES: tuple[Reason, ...] = ("picture", "model", "fix")
"""Reasons that say nothing about the text: something could not be read or asked."""


@dataclass(frozen=True)
class Job:
    """What to make.

    Attributes:
        output: The dataset, a .jsonl.
        fix: What `fixer` knows the mender by, for the record.
        continues: The most turns in which a short description is continued.
        fewest: Tokens that a kept paragraph has at least.
        together: Pictures described together.
        resume: Go on with an output that was interrupted.
        force: Overwrite an output, or with `resume` go on although it was made with other settings.
    """

    output: Path
    fix: str = "rules"
    continues: int = 1
    fewest: int = 40
    together: int = 8
    resume: bool = False
    force: bool = False

    @property
    def dropped(self) -> Path:
        """Where the pictures without a row are named."""
        return self.output.with_suffix(f".dropped{self.output.suffix}")


def curate(
    job: Job,
    names: Sequence[str],
    load: Callable[[str], LoadedImage],
    core: Core,
    fix: Fix,
    *,
    settings: Settings,
    told: Mapping[str, Sequence[str]] | None = None,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Counter[str]:
    """Describe, mend and judge pictures; return how many were kept, and dropped for each reason, over all runs.

    Args:
        job: Where to and how.
        names: The pictures, as the rows call them.
        load: Turns a name into the picture.
        core: The model that describes, or only counts tokens where people did.
        fix: What mends the paragraphs.
        settings: How the core decodes, and what the rows are made with, for the record.
        told: What people said about each picture, which then is its description; None: the core describes it.
        stop: Once true, the pictures under way are finished and nothing more is begun.
        watch: Called after every window.

    Raises:
        InputError: The output cannot be written, or resumed.
        ModelUnavailable: A model's weights, or an endpoint, cannot be had.
    """
    asked = {"fix": job.fix, "continues": job.continues, "fewest": job.fewest, "together": job.together}
    made = {**made_with(settings), **asked, **({"captions": True} if told is not None else {})}
    record = RunRecord.begin(job.output, made, resume=job.resume, force=job.force)
    options = GenerationOptions(
        settings.max_new_tokens, settings.temperature, settings.top_p, settings.seed, settings.top_k
    )
    describer = Describer(core, options, continues=job.continues)

    def describe(images: Mapping[str, LoadedImage]) -> list[Description]:
        if told is not None:
            return [as_told(image, told[name]) for name, image in images.items()]
        return describer.describe(list(images.values()))

    remaining = iter(names)
    with Ledger[str](record, lambda name: name.encode("utf-8", "surrogatepass")) as ledger:
        ledger.skip(remaining, job.output, things="pictures")
        progress = Progress(ledger.rows, ledger.failed, skipped=ledger.rows)
        kept, dropped = ledger.grow(job.output), ledger.grow(job.dropped)
        texts = {row["caption"]: row["image"] for row in _records(job.output)}
        ledger.begin()
        while not stop() and (window := list(islice(remaining, job.together))):
            failed = 0
            for row in _rows(window, load, describe, fix, core.count_tokens, job.fewest):
                other = texts.setdefault(row["caption"], row["image"]) if "caption" in row else row["image"]
                if other != row["image"]:  # who says one thing of two pictures looked at neither
                    why = Dropped("duplicate", f"the text of {other}")
                    row = _dropped(row["image"], why, row["described"], row["caption"])
                failed += "dropped" in row
                # A file name that is no Unicode has lone surrogates: as JSON escapes they survive.
                line = json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
                (dropped if "dropped" in row else kept).add(line)
            ledger.count(window, failed=failed)
            progress.rows, progress.failed = ledger.rows, ledger.failed
            watch(progress)
        ledger.checkpoint()
    if not stop():
        record.finish()
    return tally(job)


def _rows(
    names: Sequence[str],
    load: Callable[[str], LoadedImage],
    describe: Callable[[Mapping[str, LoadedImage]], list[Description]],
    fix: Fix,
    count_tokens: Callable[[str], int],
    fewest: int,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each picture, in their order."""
    images = {name: _loaded(name, load) for name in names}
    seen = {name: image for name, image in images.items() if isinstance(image, LoadedImage)}
    described = dict(zip(seen, describe(seen), strict=True)) if seen else {}
    whole = {name: one for name, one in described.items() if one.text}
    fixed = dict(zip(whole, fix(list(whole.values())), strict=True)) if whole else {}
    for name, image in images.items():
        if isinstance(image, VQAError):
            yield {"image": name, "dropped": "picture", "detail": str(image)}
            continue
        one, text = described[name], fixed.get(name, "")
        why = judge(one, text, count_tokens=count_tokens, fewest=fewest)
        if why is not None:
            yield _dropped(name, why, one.text, text)
            continue
        told: dict[str, Any] = {"tokens": count_tokens(str(text)), "turns": len(one.turns), "described": one.text}
        yield {"image": name, "caption": text, **told}


def _loaded(name: str, load: Callable[[str], LoadedImage]) -> LoadedImage | VQAError:
    try:
        return load(name)
    except VQAError as error:
        return error


def _dropped(name: str, why: Dropped, described: str, fixed: str | VQAError) -> dict[str, Any]:
    said = {"described": described, "fixed": "" if isinstance(fixed, VQAError) else fixed}
    return {"image": name, "dropped": why.reason, "detail": why.detail, **said}


def tally(job: Job) -> Counter[str]:
    """Return the rows in both files: how many are kept, and why the others are not; the commonest reason first."""
    reasons = Counter(str(row["dropped"]) for row in _records(job.dropped))
    return Counter({"kept": sum(1 for _ in _records(job.output)), **dict(reasons.most_common())})


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, file)
