"""Answers many questions at once: pictures load ahead, each expert looks once at each, the core decodes rows together.

Rows go through in windows, and windows through lanes, of which each has a core of the processor to itself: the experts
look at a window's pictures, then the core answers it. Threads load the pictures of the window after those, so that
memory holds one window more than there are lanes, whatever the number of rows. Where a window ends depends on its rows
alone: who starts again at a window's first row gets the same windows, and with them, to the last bit, the same answers.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING

from vqa.agent.answering import answered_alone, check_whole, finished, likeliest, to_weigh
from vqa.agent.events import Found
from vqa.agent.prompting import compose
from vqa.agent.second_look import before_being_called_in, with_those_called_in
from vqa.agent.windows import BATCH_ROWS, Arriving, Asked, Failed, Load, as_vqa_error, share_of
from vqa.devices import trim_heap
from vqa.errors import ModelUnavailable, PartialFailure
from vqa.images import load_image
from vqa.lanes import share_cores, side_by_side
from vqa.protocols import ScoringCore
from vqa.values import Answer, LoadedImage, Question, Token

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent
    from vqa.images import ImageSource

MOST_LANES = 4
"""Windows that are worked on side by side; each is held in memory."""
_LOADERS = 2
_LIKE_LENGTH = 3  # prompts decoded together: the longest has at most so many times the shortest's tokens

_Rows = Sequence[tuple[LoadedImage, str]]  # pictures, and what is asked of each in a prompt

log = logging.getLogger(__name__)


def answer_windows(
    agent: VQAAgent,
    rows: Iterable[tuple[ImageSource, str | Question] | Failed],
    *,
    load: Load | None = None,
    batch_rows: int = BATCH_ROWS,
    lanes: int = MOST_LANES,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[list[Answer | Failed]]:
    """Yield a window's answers at a time, in the order of the rows.

    Args:
        agent: Who answers.
        rows: Pictures and questions, some of them read ahead; what failed before stays in its place.
        load: Turns a row's picture into a LoadedImage, in threads; by default `load_image`.
        batch_rows: Rows of a window, at most; the last windows have fewer, so that lanes end together.
        lanes: Windows that are worked on side by side, at most, and no more than there are cores; 1: one at a time, on
            all of them, and the last windows are as large as the others.
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

    def answered(window: list[Asked]) -> list[Answer | Failed] | None:
        """Return what becomes of a window, None if it was stopped before the core answered."""
        share_cores()
        _look(agent, window, stopping)
        if stopping():
            return None
        with turn:
            _answer(agent, window)
        return [_result(agent, asked) for asked in window]

    with (
        side_by_side(lanes) as number,
        ThreadPoolExecutor(_LOADERS, "vqa-load") as loading,
        ThreadPoolExecutor(number, "vqa-lane") as working,
    ):
        arriving = Arriving(rows, load, loading, halving=lanes > 1)
        under_way: deque[tuple[float, Future[list[Answer | Failed] | None]]] = deque()
        try:
            while True:
                # One window more than there are lanes; of small ones as many as those would be.
                while sum(share for share, _ in under_way) <= number and not stopping():
                    if not (window := arriving.window(batch_rows)):
                        break
                    under_way.append((share_of(window, batch_rows), working.submit(answered, window)))
                done = under_way.popleft()[1].result() if under_way else None
                if done is None:
                    return
                yield done
                trim_heap()  # windows of ever other sizes leave gaps, which would grow with the number of rows
        finally:
            stopped = True  # also when the caller has seen enough
            for executor in (loading, working):
                executor.shutdown(wait=False, cancel_futures=True)


def _look(agent: VQAAgent, window: Sequence[Asked], stopping: Callable[[], bool]) -> None:
    """Let the experts look, at all pictures at once or picture by picture, and compose the prompts."""
    by_picture: dict[str, list[Asked]] = {}
    for asked in window:
        if asked.image is not None:
            by_picture.setdefault(asked.image.sha256, []).append(asked)
    rows = list(chain.from_iterable(by_picture.values()))
    for asked in rows:
        try:
            since = time.perf_counter()
            asked.route = agent.route(asked.question.text)
            asked.seconds["route"] = time.perf_counter() - since
        except ModelUnavailable:
            raise
        except Exception as error:
            asked.failed = Failed("expert", as_vqa_error(error))
    if not stopping():
        agent.look_ahead(
            (before_being_called_in(agent, asked.question, asked.route), asked.image)
            for asked in rows
            if asked.route and asked.image
        )
    for asked in rows:
        if stopping():
            return
        if asked.route is None or asked.image is None:
            continue
        try:
            for event in agent.looks(asked.route, asked.image, asked.question, asked.seconds):
                if isinstance(event, Found):
                    asked.findings[event.finding.expert] = event.finding
            asked.route = with_those_called_in(asked.route, asked.findings)
            since = time.perf_counter()
            asked.prompt = compose(asked.question, list(asked.findings.values()), agent.core)
            asked.seconds["compose"] = time.perf_counter() - since
        except ModelUnavailable as error:
            asked.failed = Failed("core", error)
        except Exception as error:  # a finding that cannot be folded, say
            asked.failed = Failed("expert", as_vqa_error(error))


def _answer(agent: VQAAgent, window: Sequence[Asked]) -> None:
    """Let the core answer in batches of prompts of like length, equal ones once; what no batch can do one by one."""
    composed = [asked for asked in window if asked.prompt is not None and asked.failed is None]
    weighed: dict[int, tuple[str, ...]] = {}
    written: dict[tuple[str, str], list[Asked]] = {}
    for asked in composed:
        assert asked.prompt is not None
        assert asked.image is not None
        task = agent.core, asked.question, asked.prompt, agent.options
        if answered_alone(*task):
            _answer_alone(agent, asked)
        elif isinstance(agent.core, ScoringCore) and (answers := to_weigh(*task)):
            weighed[id(asked)] = answers
        else:
            written.setdefault((asked.image.sha256, asked.prompt.text), []).append(asked)
    for batch in _batches([asked for asked in composed if id(asked) in weighed]):
        _weigh_batch(agent, batch, [weighed[id(asked)] for asked in batch])
    for batch in _batches([same[0] for same in written.values()]):
        _answer_batch(agent, batch)
        for asked in batch:
            assert asked.prompt is not None
            assert asked.image is not None
            for twin in written[asked.image.sha256, asked.prompt.text][1:]:
                twin.tokens, twin.failed = asked.tokens, asked.failed
                twin.seconds["core"] = 0.0


def _batches(rows: Sequence[Asked]) -> Iterator[list[Asked]]:
    """Yield rows of like prompt lengths: they are padded to the longest, and padding is attended to as text is."""
    batch: list[Asked] = []
    for asked in sorted(rows, key=_tokens):
        if batch and _tokens(asked) > _LIKE_LENGTH * _tokens(batch[0]):
            yield batch
            batch = []
        batch.append(asked)
    if batch:
        yield batch


def _tokens(asked: Asked) -> int:
    assert asked.prompt is not None
    return asked.prompt.tokens


def _answer_batch(agent: VQAAgent, batch: Sequence[Asked]) -> None:
    """Let the core write answers, all at once."""
    _together(agent, batch, lambda rows: agent.core.generate(rows, agent.options))


def _weigh_batch(agent: VQAAgent, batch: Sequence[Asked], answers: Sequence[tuple[str, ...]]) -> None:
    """Let the core say the likeliest of each row's answers, all at once."""
    core = agent.core
    assert isinstance(core, ScoringCore)
    _together(
        agent,
        batch,
        lambda rows: [(likeliest(*each),) for each in zip(answers, core.score(rows, answers), strict=True)],
    )


def _together(agent: VQAAgent, batch: Sequence[Asked], answer: Callable[[_Rows], Sequence[Sequence[Token]]]) -> None:
    """Answer rows as `answer` does, one by one if that fails."""
    since = time.perf_counter()
    try:
        rows = [(asked.image, asked.prompt.text) for asked in batch if asked.image and asked.prompt]
        for asked, tokens in zip(batch, answer(rows), strict=True):
            asked.tokens = tokens
    except Exception:  # one row too long, say: the others shall not fail with it
        log.debug("a batch of %d failed; its rows are answered one by one", len(batch), exc_info=True)
        for asked in batch:
            _answer_alone(agent, asked)
        return
    for asked in batch:
        asked.seconds["core"] = (time.perf_counter() - since) / len(batch)


def _answer_alone(agent: VQAAgent, asked: Asked) -> None:
    assert asked.image is not None
    assert asked.prompt is not None
    since = time.perf_counter()
    try:
        asked.tokens = tuple(agent.tokens(asked.image, asked.question, asked.prompt))
    except ModelUnavailable:
        raise  # no other row would fare better
    except Exception as error:
        asked.failed = Failed("core", as_vqa_error(error))
    asked.seconds["core"] = time.perf_counter() - since


def _result(agent: VQAAgent, asked: Asked) -> Answer | Failed:
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
