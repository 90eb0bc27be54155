"""Rows on their way into windows: their pictures load ahead, and how many rows a window has."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from vqa.errors import VQAError
from vqa.values import Finding, LoadedImage, Prompt, Question, Route, Token

if TYPE_CHECKING:
    from vqa.images import ImageSource

BATCH_ROWS = 64
"""Rows of a window, at most."""
_FEWEST = 16
_PIXELS = 24_000_000  # of a window's pictures together, 3 bytes each; the picture that exceeds it is the last
_LOADED_AHEAD = 4  # pictures, those of a window that is being filled aside

Stage = Literal["row", "duplicate", "question", "picture", "expert", "core"]
Load = Callable[["ImageSource"], LoadedImage]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failed:
    """A question without an answer.

    Attributes:
        stage: Where it failed: reading the row, an id that was there before, the question, the picture, an expert
            (where the settings are strict), or the core.
        error: Why.
    """

    stage: Stage
    error: VQAError


@dataclass
class Asked:
    """One question on its way to its answer; whatever fails is kept, and the later steps leave it alone."""

    question: Question
    image: LoadedImage | None = None
    route: Route | None = None
    findings: dict[str, Finding] = field(default_factory=dict)  # by expert
    prompt: Prompt | None = None
    tokens: Sequence[Token] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    failed: Failed | None = None


def window_rows(left: int, most: int) -> int:
    """Return how many rows the next window has, of so many that are left (or more, from twice `most` on).

    Half of what is left, so that lanes that work on the last windows come to an end together. It depends on nothing
    else, so that who starts again at a window's first row gets the same windows.
    """
    return max(min(most, -(-left // 2)), min(most, _FEWEST))


def share_of(window: Sequence[Asked], most: int) -> float:
    """Return how much of the largest window a window is: of one of `most` rows, or of one with that many pixels."""
    sizes = {asked.image.sha256: asked.image.pil.size for asked in window if asked.image is not None}
    return max(len(window) / most, sum(width * height for width, height in sizes.values()) / _PIXELS)


class Arriving:
    """Rows with their pictures, which are being loaded while those before them are worked on.

    A picture named again soon is not loaded again.

    Args:
        rows: Pictures and questions, read a little ahead; what failed before stays in its place.
        load: Turns a row's picture into a LoadedImage.
        pool: Where it does.
        halving: Whether the last windows have fewer rows; see `window_rows`.
    """

    def __init__(
        self,
        rows: Iterable[tuple[ImageSource, str | Question] | Failed],
        load: Load,
        pool: ThreadPoolExecutor,
        *,
        halving: bool = True,
    ) -> None:
        self._rows = iter(rows)
        self._halving = halving
        self._load = load
        self._pool = pool
        self._read: deque[tuple[ImageSource, str | Question] | Failed] = deque()
        self._begun: deque[tuple[Asked, Future[LoadedImage] | None]] = deque()
        self._recent: OrderedDict[ImageSource, Future[LoadedImage]] = OrderedDict()

    def window(self, most: int) -> list[Asked]:
        """Return the next window, its pictures loaded; empty if no row is left.

        Args:
            most: Rows that it has at most.
        """
        window: list[Asked] = []
        pixels: dict[str, int] = {}  # of each picture
        wanted = window_rows(self._left(2 * most), most) if self._halving else most
        while len(window) < wanted and sum(pixels.values()) < _PIXELS and self._left(1):
            asked, future = self._next()
            window.append(asked)
            if future is None:
                continue
            since = time.perf_counter()
            try:
                image = future.result()
            except Exception as error:  # MemoryError, say: it is this row's trouble and not the others'
                asked.failed = Failed("picture", as_vqa_error(error))
                continue
            asked.image = image
            asked.question = replace(asked.question, image=asked.question.image or image.source)
            asked.seconds["load_image"] = time.perf_counter() - since  # what of it had to be waited for
            pixels[image.sha256] = image.pil.width * image.pil.height
        return window

    def _left(self, most: int) -> int:
        """Return how many rows are left, as far as `most`."""
        missing = most - len(self._begun) - len(self._read)
        self._read.extend(islice(self._rows, max(missing, 0)))
        return min(most, len(self._begun) + len(self._read))

    def _next(self) -> tuple[Asked, Future[LoadedImage] | None]:
        self._left(_LOADED_AHEAD + 1)
        while self._read and len(self._begun) <= _LOADED_AHEAD:
            row = self._read.popleft()
            self._begun.append(
                (Asked(Question(""), failed=row), None) if isinstance(row, Failed) else self._begin(*row)
            )
        return self._begun.popleft()

    def _begin(self, source: ImageSource, question: str | Question) -> tuple[Asked, Future[LoadedImage] | None]:
        from vqa.agent.agent import check_question

        try:
            return Asked(check_question(question)), self._loaded(source)
        except VQAError as error:
            given = question if isinstance(question, Question) else Question(question)
            return Asked(given, failed=Failed("question", error)), None

    def _loaded(self, source: ImageSource) -> Future[LoadedImage]:
        if not isinstance(source, str):
            return self._pool.submit(self._load, source)
        if source not in self._recent:
            self._recent[source] = self._pool.submit(self._load, source)
        self._recent.move_to_end(source)
        while len(self._recent) > _LOADED_AHEAD:
            self._recent.popitem(last=False)
        return self._recent[source]


def as_vqa_error(error: Exception) -> VQAError:
    """Return an error as one that a row may carry; the trace of an unexpected one goes to the log."""
    if isinstance(error, VQAError):
        return error
    log.debug("unexpected", exc_info=error)
    return VQAError(f"{type(error).__name__}: {' '.join(str(error).split())}")
