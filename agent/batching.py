"""Answers many questions at once: pictures load ahead, each expert looks once at each, the core decodes rows together.

Rows go through in windows, and windows through lanes, of which each has a core of the processor to itself: the experts
look at a window's pictures, then the core answers it. Threads load the pictures of the window after those, so that
memory holds one window more than there are lanes, whatever the number of rows. Where a window ends depends on its rows
alone: who starts again at a window's first row gets the same windows, and with them, to the last bit, the same answers.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Literal

from vqa.agent.answering import answered_alone, check_whole, finished
from vqa.agent.events import Found
from vqa.agent.prompting import compose
from vqa.devices import trim_heap
from vqa.errors import ModelUnavailable, PartialFailure, VQAError
from vqa.images import load_image
from vqa.lanes import share_cores, side_by_side
from vqa.values import Answer, Finding, LoadedImage, Prompt, Question, Route, Token

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent
    from vqa.images import ImageSource

BATCH_ROWS = 64
"""Rows of a window, at most."""
_WINDOW_PIXELS = 48_000_000  # of its pictures together, 3 bytes each; the picture that exceeds it is the last
_LANES = 4  # at most; each holds a window
_LOADERS = 2
_LOADED_AHEAD = 8  # pictures
_LIKE_LENGTH = 3  # prompts decoded together: the longest has at most so many times the shortest's tokens

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
class _Asked:
    """One question on its way to its answer; whatever fails is kept, and the later steps leave it alone."""

    question: Question
    image: LoadedImage | None = None
    route: Route | None = None
    findings: dict[str, Finding] = field(default_factory=dict)  # by expert
    prompt: Prompt | None = None
    tokens: Sequence[Token] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    failed: Failed | None = None


def answer_windows(
    agent: VQAAgent,
    rows: Iterable[tuple[ImageSource, str | Question] | Failed],
    *,
    load: Load | None = None,
    batch_rows: int = BATCH_ROWS,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[Answer | Failed]]:
    """Yield a window's answers at a time, in the order of the rows.

    Args:
        agent: Who answers.
        rows: Pictures and questions, read in another thread, some of them ahead; what failed before stays in its place.
        load: Turns a row's picture into a LoadedImage, in threads; by default `load_image`.
        batch_rows: Rows of a window, at most.
        stop: Once true, what the core is answering is still yielded, then nothing more.

    Raises:
        ModelUnavailable: The core's weights cannot be had; no row could be answered.
    """
    if missing := agent.core.available():  # before the experts spend seconds on it
        raise ModelUnavailable(f"core {agent.core.name!r}: {missing}")
    load = load or (lambda source: load_image(source, offline=agent.settings.offline))
    stopped = False

    def stopping() -> bool:
        return stopped or stop()

    # Two at once may be too many for a core that does not say that it bears it.
    turn: AbstractContextManager[object] = nullcontext() if getattr(agent.core, "side_by_side", False) else Lock()

    def answered(window: list[_Asked]) -> list[Answer | Failed] | None:
        """Return what becomes of a window, None if it was stopped before the core answered."""
        share_cores()
        _look(agent, window, stopping)
        if stopping():
            return None
        with turn:
            _answer(agent, window)
        return [_result(agent, asked) for asked in window]

    with (
        side_by_side(_LANES) as number,
        ThreadPoolExecutor(_LOADERS, "vqa-load") as loading,
        ThreadPoolExecutor(number, "vqa-lane") as lanes,
    ):
        arriving = _loaded_ahead(rows, load, loading)
        under_way: deque[Future[list[Answer | Failed] | None]] = deque()
        try:
            while True:
                while len(under_way) <= number and not stopping() and (window := _window(arriving, batch_rows)):
                    under_way.append(lanes.submit(answered, window))
                done = under_way.popleft().result() if under_way else None
                if done is None:
                    return
                yield done
                trim_heap()  # windows of ever other sizes leave gaps, which would grow with the number of rows
        finally:
            stopped = True  # also when the caller has seen enough
            for executor in (loading, lanes):
                executor.shutdown(wait=False, cancel_futures=True)


def _loaded_ahead(
    rows: Iterable[tuple[ImageSource, str | Question] | Failed], load: Load, pool: ThreadPoolExecutor
) -> Iterator[tuple[_Asked, Future[LoadedImage] | None]]:
    """Yield each question with its picture, which is being loaded while those before it are worked on.

    A picture named again soon is not loaded again.
    """
    from vqa.agent.agent import check_question

    recent: OrderedDict[ImageSource, Future[LoadedImage]] = OrderedDict()
    waiting: deque[tuple[_Asked, Future[LoadedImage] | None]] = deque()

    def loaded(source: ImageSource) -> Future[LoadedImage]:
        if not isinstance(source, str):
            return pool.submit(load, source)
        if source not in recent:
            recent[source] = pool.submit(load, source)
        recent.move_to_end(source)
        while len(recent) > _LOADED_AHEAD:
            recent.popitem(last=False)
        return recent[source]

    def begun(source: ImageSource, question: str | Question) -> tuple[_Asked, Future[LoadedImage] | None]:
        try:
            return _Asked(check_question(question)), loaded(source)
        except VQAError as error:
            given = question if isinstance(question, Question) else Question(question)
            return _Asked(given, failed=Failed("question", error)), None

    for row in rows:
        waiting.append((_Asked(Question(""), failed=row), None) if isinstance(row, Failed) else begun(*row))
        if len(waiting) > _LOADED_AHEAD:
            yield waiting.popleft()
    yield from waiting


def _window(arriving: Iterator[tuple[_Asked, Future[LoadedImage] | None]], most_rows: int) -> list[_Asked]:
    """Return the next rows, their pictures loaded: as many as a window holds."""
    window: list[_Asked] = []
    pixels: dict[str, int] = {}  # of each picture
    for asked, future in arriving:
        window.append(asked)
        if future is not None:
            since = time.perf_counter()
            try:
                image = future.result()
            except Exception as error:  # MemoryError, say: it is this row's trouble and not the others'
                asked.failed = Failed("picture", _as_vqa_error(error))
            else:
                asked.image = image
                asked.question = replace(asked.question, image=asked.question.image or image.source)
                asked.seconds["load_image"] = time.perf_counter() - since  # what of it had to be waited for
                pixels[image.sha256] = image.pil.width * image.pil.height
        if len(window) >= most_rows or sum(pixels.values()) >= _WINDOW_PIXELS:
            break
    return window


def _look(agent: VQAAgent, window: Sequence[_Asked], stopping: Callable[[], bool]) -> None:
    """Let the experts look, picture by picture, and compose the prompts."""
    by_picture: dict[str, list[_Asked]] = {}
    for asked in window:
        if asked.image is not None:
            by_picture.setdefault(asked.image.sha256, []).append(asked)
    for asked in chain.from_iterable(by_picture.values()):
        if stopping():
            return
        assert asked.image is not None
        try:
            since = time.perf_counter()
            asked.route = agent.route(asked.question.text)
            asked.seconds["route"] = time.perf_counter() - since
            for event in agent.looks(asked.route, asked.image, asked.question, asked.seconds):
                if isinstance(event, Found):
                    asked.findings[event.finding.expert] = event.finding
            since = time.perf_counter()
            asked.prompt = compose(asked.question, list(asked.findings.values()), agent.core)
            asked.seconds["compose"] = time.perf_counter() - since
        except ModelUnavailable as error:
            if asked.route is None:
                raise
            asked.failed = Failed("core", error)
        except Exception as error:  # a finding that cannot be folded, say
            asked.failed = Failed("expert", _as_vqa_error(error))


def _answer(agent: VQAAgent, window: Sequence[_Asked]) -> None:
    """Let the core answer in batches of prompts of like length, equal ones once; what no batch can do one by one."""
    composed = [asked for asked in window if asked.prompt is not None and asked.failed is None]
    written: dict[tuple[str, str], list[_Asked]] = {}
    for asked in composed:
        assert asked.prompt is not None
        assert asked.image is not None
        if answered_alone(agent.core, asked.question, asked.prompt, agent.options):
            _answer_alone(agent, asked)
        else:
            written.setdefault((asked.image.sha256, asked.prompt.text), []).append(asked)
    for batch in _batches([same[0] for same in written.values()]):
        _answer_batch(agent, batch)
        for asked in batch:
            assert asked.prompt is not None
            assert asked.image is not None
            for twin in written[asked.image.sha256, asked.prompt.text][1:]:
                twin.tokens, twin.failed = asked.tokens, asked.failed
                twin.seconds["core"] = 0.0


def _batches(rows: Sequence[_Asked]) -> Iterator[list[_Asked]]:
    """Yield rows of like prompt lengths: they are padded to the longest, and padding is attended to as text is."""
    batch: list[_Asked] = []
    for asked in sorted(rows, key=_tokens):
        if batch and _tokens(asked) > _LIKE_LENGTH * _tokens(batch[0]):
            yield batch
            batch = []
        batch.append(asked)
    if batch:
        yield batch


def _tokens(asked: _Asked) -> int:
    assert asked.prompt is not None
    return asked.prompt.tokens


def _answer_batch(agent: VQAAgent, batch: Sequence[_Asked]) -> None:
    since = time.perf_counter()
    try:
        together = [(asked.image, asked.prompt.text) for asked in batch if asked.image and asked.prompt]
        for asked, tokens in zip(batch, agent.core.generate(together, agent.options), strict=True):
            asked.tokens = tokens
    except Exception:  # one row too long, say: the others shall not fail with it
        log.debug("a batch of %d failed; its rows are answered one by one", len(batch), exc_info=True)
        for asked in batch:
            _answer_alone(agent, asked)
        return
    for asked in batch:
        asked.seconds["core"] = (time.perf_counter() - since) / len(batch)


def _answer_alone(agent: VQAAgent, asked: _Asked) -> None:
    assert asked.image is not None
    assert asked.prompt is not None
    since = time.perf_counter()
    try:
        asked.tokens = tuple(agent.tokens(asked.image, asked.question, asked.prompt))
    except ModelUnavailable:
        raise  # no other row would fare better
    except Exception as error:
        asked.failed = Failed("core", _as_vqa_error(error))
    asked.seconds["core"] = time.perf_counter() - since


def _result(agent: VQAAgent, asked: _Asked) -> Answer | Failed:
    if asked.failed is not None:
        return asked.failed
    assert asked.image is not None
    assert asked.route is not None
    assert asked.prompt is not None
    answer = finished(
        asked.question,
        asked.image,
        route=asked.route,
        findings=list(asked.findings.values()),
        prompt=asked.prompt,
        tokens=asked.tokens,
        core=agent.core.name,
        seconds={**asked.seconds, "total": sum(asked.seconds.values())},
        min_confidence=agent.settings.min_confidence,
    )
    if agent.settings.strict:
        try:
            check_whole(answer)
        except PartialFailure as error:
            return Failed("expert", error)
    return answer


def _as_vqa_error(error: Exception) -> VQAError:
    if isinstance(error, VQAError):
        return error
    log.debug("unexpected", exc_info=error)
    return VQAError(f"{type(error).__name__}: {' '.join(str(error).split())}")
