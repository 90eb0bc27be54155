"""The experts at work: each looks once at a picture, in a thread of its own and within its time; docs/experts.md.

They look in turn. All at once took longer where weights had to be loaded, and little less where not
(docs/measurements.md, "Experts in turn or at once"); and what loads weights patches its libraries meanwhile, for the
whole process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from vqa.agent.cache import FindingCache
from vqa.errors import VQAError
from vqa.protocols import BatchingExpert, Expert
from vqa.time_limit import Work
from vqa.values import Finding, LoadedImage, Question

log = logging.getLogger(__name__)
T = TypeVar("T")


class Panel:
    """Lets experts look, and remembers what they saw and who is overdue; safe for threads.

    Args:
        cache: What was seen before.
    """

    def __init__(self, cache: FindingCache) -> None:
        self._cache = cache
        self._guard = Lock()
        self._turns: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._overdue: dict[str, Work[Any]] = {}  # by the expert's name

    def look(self, expert: Expert, image: LoadedImage, question: Question | None, *, within: float = 0.0) -> Finding:
        """Return what an expert sees, from the cache if it has already looked at this picture.

        Args:
            expert: Who looks.
            image: The picture.
            question: What is asked, for experts that want to know.
            within: Seconds it may take, loading its weights included; 0: as long as it takes. An expert that is not
                done by then goes on, is not asked again meanwhile, and what it sees in the end is kept.

        Raises:
            VQAError: The expert failed, was not done in time, or is still not done with an earlier picture.
            Exception: Whatever else the expert raised.
        """
        known = self._cache.get(image.sha256, expert)
        if known is not None:
            return known
        # Who waits here for another look at this picture finds what it saw in the cache.
        with self._turn(expert, image.sha256):
            return self._cache.get(image.sha256, expert) or self._look(expert, image, question, within)

    def look_ahead(self, expert: BatchingExpert, images: Sequence[LoadedImage], *, within: float = 0.0) -> None:
        """Let an expert look at pictures at once, and keep what it sees for whoever asks next.

        What goes wrong is not told: it goes wrong again, for one picture, when that is asked about.

        Args:
            expert: Who looks.
            images: The pictures; those at which it has already looked are left out.
            within: Seconds that it may take for each; as for `look`.
        """
        if expert.uses_question:  # nothing of it could be kept
            return
        unknown = [image for image in images if self._cache.get(image.sha256, expert) is None]
        if not unknown:
            return

        def look() -> None:
            for image, finding in zip(unknown, expert.look_at_many(unknown), strict=True):
                self._cache.put(image.sha256, expert, finding)

        try:
            with self._turn(expert, " ".join(image.sha256 for image in unknown)):
                self._timed(expert, look, within * len(unknown))
        except Exception:
            log.debug("expert %s failed at %d pictures", expert.name, len(unknown), exc_info=True)

    def _turn(self, expert: Expert, pictures: str) -> Lock:
        of = f"{expert.name} {pictures}" if getattr(expert, "side_by_side", False) else expert.name
        with self._guard:
            return self._turns.setdefault(of, Lock())

    def _look(self, expert: Expert, image: LoadedImage, question: Question | None, within: float) -> Finding:
        def look() -> Finding:
            finding = expert.look(image, question)
            self._cache.put(image.sha256, expert, finding)
            return finding

        return self._timed(expert, look, within)

    def _timed(self, expert: Expert, look: Callable[[], T], within: float) -> T:
        """Return what a look comes to. Raises as `look` says."""
        late = self._overdue.get(expert.name)
        if late is not None and not late.is_done:
            raise VQAError(f"not asked: it has been busy with an earlier question for {late.seconds:.0f} s")
        work = Work(look, name=f"vqa-{expert.name}")
        try:
            return work.result(within=within)
        except SystemExit as error:
            raise VQAError(f"it tried to end the process (exit code {error.code!r})") from None
        except TimeoutError:
            if work.is_done:  # the expert's own: a connection, say
                raise
            self._overdue[expert.name] = work
            raise VQAError(f"took longer than {within:.3g} s") from None

    def look_or_say_why(self, expert: Expert, image: LoadedImage, question: Question, *, within: float) -> Finding:
        """Return what an expert sees, or a finding that says why it failed."""
        try:
            return self.look(expert, image, question, within=within)
        except Exception as error:  # whatever an expert does, the answer goes on without it
            why = str(error) if isinstance(error, VQAError) else f"{type(error).__name__}: {error}"
            log.debug("expert %s failed", expert.name, exc_info=True)
            return Finding(expert.name, expert.kind, "", error=" ".join(why.split()), size=image.pil.size)
