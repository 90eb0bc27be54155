"""The experts at work: each looks once at a picture, in a thread of its own and within its time; docs/experts.md.

They look in turn. All at once took longer where weights had to be loaded, and little less where not
(docs/measurements.md, "Experts in turn or at once"); and what loads weights patches its libraries meanwhile, for the
whole process.
"""

from __future__ import annotations

import logging
from threading import Lock
from weakref import WeakValueDictionary

from vqa.agent.cache import FindingCache
from vqa.errors import VQAError
from vqa.protocols import Expert
from vqa.time_limit import Work
from vqa.values import Finding, LoadedImage, Question

log = logging.getLogger(__name__)


class Panel:
    """Lets experts look, and remembers what they saw and who is overdue; safe for threads.

    Args:
        cache: What was seen before.
    """

    def __init__(self, cache: FindingCache) -> None:
        self._cache = cache
        self._guard = Lock()
        self._turns: WeakValueDictionary[str, Lock] = WeakValueDictionary()
        self._overdue: dict[str, Work[Finding]] = {}  # by the expert's name

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
        of = f"{expert.name} {image.sha256}" if getattr(expert, "side_by_side", False) else expert.name
        with self._guard:
            turn = self._turns.setdefault(of, Lock())
        with turn:
            return self._cache.get(image.sha256, expert) or self._look(expert, image, question, within)

    def _look(self, expert: Expert, image: LoadedImage, question: Question | None, within: float) -> Finding:
        late = self._overdue.get(expert.name)
        if late is not None and not late.is_done:
            raise VQAError(f"not asked: it has been busy with an earlier question for {late.seconds:.0f} s")

        def look() -> Finding:
            finding = expert.look(image, question)
            self._cache.put(image.sha256, expert, finding)
            return finding

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
