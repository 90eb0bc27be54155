"""The way of one question: load the picture, route, let the experts look, fold, answer.

`VQAAgent` owns the order and the cache of findings; everything it calls is reached by name through the registry.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Self

from vqa import registry
from vqa.agent.answering import check_whole, finished, written
from vqa.agent.cache import FindingCache
from vqa.agent.cross_checking import cross_checked
from vqa.agent.events import Answered, Composed, Event, Found, Looking, Routed
from vqa.agent.folding.faces import somebodies
from vqa.agent.folding.words import choices_of
from vqa.agent.latest_picture import LatestPicture
from vqa.agent.panel import Panel
from vqa.agent.prompting import compose
from vqa.agent.second_look import EVERYBODY, called_in, look_again, with_those_called_in
from vqa.devices import release_freed_memory
from vqa.errors import InputError, ModelUnavailable
from vqa.protocols import BatchingExpert, OptionalExpert, UnloadableExpert
from vqa.settings import Settings
from vqa.values import Answer, Finding, GenerationOptions, LoadedImage, Prompt, Question, Route, Token

if TYPE_CHECKING:
    from vqa.agent.conversation import Conversation
    from vqa.images import ImageSource
    from vqa.protocols import Core, Expert, Router

LOOKED_AT_ONCE = 12
"""Pictures that an expert looks at together, at most: more are little faster, and all are held in memory."""
MAX_QUESTION_CHARACTERS = 2_000

log = logging.getLogger(__name__)


class VQAAgent:
    """Answers questions about pictures; weights load on first use and stay.

    Args:
        experts: Who may be asked.
        router: Who chooses among them.
        core: Who answers.
        settings: Everything else; `Settings.load()` by default.
    """

    def __init__(
        self, experts: Sequence[Expert], router: Router, *, core: Core, settings: Settings | None = None
    ) -> None:
        self.settings = settings or Settings.load()
        self.experts = {expert.name: expert for expert in experts}
        self.router = router
        self.core = core
        self._pictures = LatestPicture()
        self._panel = Panel(FindingCache.from_settings(self.settings))
        for name in (*self.settings.experts, *self.settings.no_experts):
            if name not in self.experts:
                raise InputError(registry.unknown_name("expert", name, sorted(self.experts)))

    @classmethod
    def from_pretrained(
        cls,
        core: str | None = None,
        *,
        device: str | None = None,
        dtype: str | None = None,
        router: Router | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Return an agent with every installed expert; loads no weights yet.

        Args:
            core: Registered name of the visual core; the settings' one by default.
            device: "auto", "cpu", "cuda", "cuda:1" or "mps".
            dtype: "auto", "float32", "bfloat16" or "float16".
            router: Who chooses among the experts; the one the settings name by default.
            settings: Settings to start from; `Settings.load()` by default.

        Raises:
            InputError: An unknown core, router or expert, with the nearest known name.
        """
        settings = settings or Settings.load()
        given = {"core": core, "device": device, "dtype": dtype}
        settings = replace(settings, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        return cls(
            [expert.from_settings(settings) for expert in registry.experts],
            router or registry.routers.get(settings.router).from_settings(settings),
            core=registry.cores.get(settings.core).from_settings(settings),
            settings=settings,
        )

    def __call__(self, image: ImageSource, question: str | Question) -> Answer:
        """Answer one question about one picture.

        Raises:
            InputError: The picture or the question cannot be used.
            ModelUnavailable: The core's weights cannot be had.
            PartialFailure: An expert failed and the settings are strict; otherwise the answer is only `degraded`.
        """
        *_, last = self.events(image, question)
        assert isinstance(last, Answered)
        return last.answer

    def stream(self, image: ImageSource, question: str | Question) -> Iterator[str]:
        """Yield the answer's text piece by piece."""
        for event in self.events(image, question):
            if isinstance(event, Token):
                yield event.text

    def chat(self, image: ImageSource) -> Conversation:
        """Begin a conversation about a picture. Raises InputError if it cannot be used."""
        from vqa.agent.conversation import Conversation

        return Conversation(self, image)

    def answer_many(self, rows: Iterable[tuple[ImageSource, str | Question]]) -> Iterator[Answer]:
        """Yield one answer for each (picture, question), in their order, as calling the agent with each would give.

        Many are worked on at once: `rows` is read ahead (128 rows, where there are so many), experts look once at each
        picture, and the core decodes questions together. Leaving off early is fine.

        Raises:
            InputError: A picture or a question cannot be used; the answers before it have been yielded.
            ModelUnavailable: The core's weights cannot be had.
        """
        from vqa.agent.batching import answer_windows
        from vqa.agent.windows import Failed

        for window in answer_windows(self, rows):
            for outcome in window:
                if isinstance(outcome, Failed):
                    raise outcome.error
                yield outcome

    def route(self, question: str) -> Route:
        """Return which experts `question` would be given to, and why; loads nothing."""
        off = dict.fromkeys(self.settings.no_experts, "switched off")
        if self.settings.experts:
            chosen = tuple(name for name in self.settings.experts if name not in off)
            reasons = {name: "asked for by name" if name in chosen else "not asked for" for name in self.experts}
            route = Route(chosen, "experts given by name", "explicit", reasons)
        else:
            optional = [expert for expert in self.experts.values() if isinstance(expert, OptionalExpert)]
            off |= {expert.name: why for expert in optional if (why := expert.switched_off())}
            askable = [expert for expert in self.experts.values() if expert.name not in off]
            route = self.router.route(question, askable)
        return replace(route, reasons={**route.reasons, **off})

    def look(self, expert: str, image: ImageSource, question: Question | None = None) -> Finding:
        """Return what one expert sees, however long it takes; from the cache if it has looked at this picture before.

        Who tells people apart looks at each of those whom the detector finds.

        Raises:
            InputError: No such expert, or the picture cannot be used.
            VQAError: The expert failed.
        """
        if expert not in self.experts:
            raise InputError(registry.unknown_name("expert", expert, sorted(self.experts)))
        loaded = self._pictures.load(image, offline=self.settings.offline)
        finding = self._panel.look(self.experts[expert], loaded, question)
        finders = [name for name, other in self.experts.items() if other.kind == "objects"]
        if finding.kind != "people" or not finders:
            return finding
        findings = {finders[0]: self._panel.look(self.experts[finders[0]], loaded, question), expert: finding}
        for _ in look_again(self, Question(EVERYBODY), loaded, findings, {}):
            pass
        anybody = findings[expert].second_looks or not self.settings.second_looks or somebodies(finding)[0].faces
        return findings[expert] if anybody else replace(finding, text="nobody", regions=())

    def unload(self, expert: str | None = None) -> None:
        """Free the weights of an expert, or of all that can be; whoever is asked again loads them again.

        An expert that is looking at the moment keeps its weights until it is done.

        Raises:
            InputError: No such expert, or it cannot be unloaded.
        """
        if expert is not None and expert not in self.experts:
            raise InputError(registry.unknown_name("expert", expert, sorted(self.experts)))
        for known in self.experts.values() if expert is None else (self.experts[expert],):
            if isinstance(known, UnloadableExpert):
                known.unload()
            elif expert is not None:
                raise InputError(f"expert {expert!r} cannot be unloaded: it has no method `unload`")
        gc.collect()  # models hold themselves in cycles
        release_freed_memory()

    def events(
        self, image: ImageSource, question: str | Question, *, history: Sequence[tuple[str, str]] = ()
    ) -> Iterator[Event]:
        """Yield what happens on the way to the answer; the last event is `Answered`.

        Where the settings are strict, PartialFailure is raised after that event if an expert failed.

        Args:
            image: The picture.
            question: What is asked.
            history: Earlier (question, answer) pairs about the picture, oldest first; the core reads what fits.
        """
        started = time.perf_counter()
        seconds: dict[str, float] = {}

        def clock(stage: str, since: float) -> None:
            seconds[stage] = time.perf_counter() - since

        asked = check_question(question)
        if missing := self.core.available():  # before the experts spend seconds on it
            raise ModelUnavailable(f"core {self.core.name!r}: {missing}")
        loaded = self._pictures.load(image, offline=self.settings.offline)
        asked = replace(asked, image=asked.image or loaded.source)
        clock("load_image", started)

        since = time.perf_counter()
        route = self.route(asked.text)
        clock("route", since)
        yield Routed(route)

        findings: dict[str, Finding] = {}
        for event in self.looks(route, loaded, asked, seconds):
            if isinstance(event, Found):
                findings[event.finding.expert] = event.finding
            yield event
        route = with_those_called_in(route, findings)

        since = time.perf_counter()
        prompt = compose(asked, list(findings.values()), self.core, history=history)
        clock("compose", since)
        yield Composed(prompt)

        since = time.perf_counter()
        tokens: list[Token] = []
        for token in self.tokens(loaded, asked, prompt):
            if not tokens:
                clock("first_token", since)
            tokens.append(token)
            if not self.settings.min_confidence:
                yield token
        clock("core", since)
        clock("total", started)
        answer = finished(
            asked,
            loaded,
            route=route,
            findings=list(findings.values()),
            prompt=prompt,
            tokens=tokens,
            core=self.core.name,
            seconds=seconds,
            min_confidence=self.settings.min_confidence,
        )
        if self.settings.min_confidence:  # only now is it known whether the text may be shown
            yield from tokens if answer.withheld is None else (Token(answer.text),)
        yield Answered(answer, tuple(tokens))
        if self.settings.strict:
            check_whole(answer)

    def looks(
        self, route: Route, image: LoadedImage, question: Question, seconds: MutableMapping[str, float]
    ) -> Iterator[Looking | Found]:
        """Yield who looks and what came of it; what an expert found last is all that it found.

        Args:
            route: Who is asked.
            image: The picture.
            question: What is asked.
            seconds: Receives how long each look took.
        """
        findings: dict[str, Finding] = {}

        def look(name: str) -> Iterator[Looking | Found]:
            yield Looking(name)
            since = time.perf_counter()
            findings[name] = self.look_or_say_why(name, image, question)
            seconds[name] = time.perf_counter() - since
            yield Found(findings[name])

        def cross_check(*names: str) -> Iterator[Found]:
            for name in names:
                if (left := cross_checked(findings[name], findings.values())) != findings[name]:
                    findings[name] = left
                    yield Found(left)

        for name in route.experts:
            yield from look(name)
        yield from look_again(self, question, image, findings, seconds)
        yield from cross_check(*findings)
        for name in called_in(self, question, findings):
            yield from look(name)
            yield from cross_check(name)

    def look_ahead(self, routes: Iterable[tuple[Route, LoadedImage]]) -> None:
        """Let experts that can look at several pictures at once do so; `looks` finds what they saw.

        Args:
            routes: Pictures, and who will be asked about each.
        """
        for_each: dict[str, dict[str, LoadedImage]] = {}
        for route, image in routes:
            for name in route.experts:
                if isinstance(self.experts[name], BatchingExpert):
                    for_each.setdefault(name, {})[image.sha256] = image
        for name, images in for_each.items():
            expert, every = self.experts[name], list(images.values())
            assert isinstance(expert, BatchingExpert)
            for start in range(0, len(every), LOOKED_AT_ONCE):
                some = every[start : start + LOOKED_AT_ONCE]
                self._panel.look_ahead(expert, some, within=self.settings.expert_seconds)

    def look_or_say_why(
        self, name: str, image: LoadedImage, question: Question, *, within: float | None = None
    ) -> Finding:
        """Return what an expert sees, or a finding that says why it failed.

        Args:
            name: The expert's.
            image: The picture.
            question: What is asked; who uses it is told the choices that it names itself, too.
            within: Seconds it may take, if that is less than the settings allow.
        """
        limits = [limit for limit in (within, self.settings.expert_seconds) if limit]
        expert = self.experts[name]
        if expert.uses_question:
            named = choices_of(question.text)
            # Who weighs words is held against what the question itself says: given choices would pass for that.
            question = replace(question, choices=named if expert.kind == "words" else question.choices or named)
        return self._panel.look_or_say_why(expert, image, question, within=min(limits, default=0.0))

    def tokens(self, image: LoadedImage, question: Question, prompt: Prompt) -> Iterator[Token]:
        """Yield the answer as the core gives it."""
        return written(self.core, image, question, prompt, self.options)

    @property
    def options(self) -> GenerationOptions:
        """How the core decodes."""
        return GenerationOptions(**{o.name: getattr(self.settings, o.name) for o in fields(GenerationOptions)})


def check_question(question: str | Question) -> Question:
    """Return the question with its white space tidied. Raises InputError if it is empty or far too long."""
    asked = question if isinstance(question, Question) else Question(question)
    text = " ".join(asked.text.split())
    if not text:
        raise InputError('the question is empty; ask something, e.g. "How many people are there?"')
    if len(text) > MAX_QUESTION_CHARACTERS:
        raise InputError(f"the question has {len(text):,} characters; ask in at most {MAX_QUESTION_CHARACTERS:,}")
    return replace(asked, text=text)
