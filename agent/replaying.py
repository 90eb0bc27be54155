"""Answers a recorded question again and says what differs; docs/traces.md.

By default the route and the findings are the recorded ones, and only folding and the core run; `fresh` starts at the
picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from typing import Any

from vqa import registry
from vqa.agent.agent import VQAAgent
from vqa.agent.trace import Recorder, Trace, versions, weights
from vqa.errors import InputError
from vqa.images import load_image
from vqa.settings import Settings
from vqa.values import Answer, Finding, LoadedImage, Question, Route, Token

_LOCAL = ("home", "offline", "cache", "cache_size")  # where things are here; no answer depends on them
_DECISIVE = ("prompt", "tokens", "answer")
_LONGEST = 120  # characters of a value that are told
_ABSENT = "(none)"


@dataclass(frozen=True)
class Difference:
    """What is not as it was recorded: `what` is "versions: torch", say, or "prompt: line 2", "findings: ocr"."""

    what: str
    was: str
    now: str

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Replay:
    """A recorded question, answered again.

    Attributes:
        answer: The new answer.
        differences: In the order of the way: what the answer depends on, then what came of it.
    """

    answer: Answer
    differences: tuple[Difference, ...]

    @property
    def reproduced(self) -> bool:
        """Whether the core read the same prompt and gave, byte for byte, the same answer."""
        return not any(difference.what.partition(":")[0] in _DECISIVE for difference in self.differences)

    def to_dict(self) -> dict[str, Any]:
        told = [difference.to_dict() for difference in self.differences]
        return {"reproduced": self.reproduced, "answer": self.answer.text, "differences": told}


class Replayer(VQAAgent):
    """An agent whose route and findings are those of a trace."""

    def __init__(self, trace: Trace, settings: Settings) -> None:
        core = registry.cores.get(settings.core).from_settings(settings)
        router = registry.routers.get("none").from_settings(settings)
        # Experts asked for by name are in the recorded route already, and may not be installed here; what second looks
        # showed is in the findings.
        super().__init__([], router, core=core, settings=replace(settings, experts=(), no_experts=(), second_looks=0))
        self._recorded = trace.answer

    def route(self, question: str) -> Route:
        return self._recorded.route

    def look_or_say_why(
        self, name: str, image: LoadedImage, question: Question, *, within: float | None = None
    ) -> Finding:
        for finding in self._recorded.findings:
            if finding.expert == name:
                return finding
        raise InputError(f"the trace says that {name} was asked, but holds no finding of it")


def replaying_agent(trace: Trace, *, settings: Settings | None = None, fresh: bool = False) -> VQAAgent:
    """Return an agent with a trace's settings.

    Args:
        trace: What was recorded.
        settings: Where weights live here, and whether the network may be used; `Settings.load()` by default.
        fresh: Route again and let the experts look again, instead of taking what was recorded.

    Raises:
        InputError: A core, an expert or a setting of the trace is unknown here.
    """
    here = settings or Settings.load()
    # A trace of an earlier version withheld nothing.
    recorded = {"min_confidence": 0.0, **trace.settings}
    flags = {name: value for name, value in recorded.items() if name not in _LOCAL}
    used = Settings.load({**flags, "strict": False, **{name: getattr(here, name) for name in _LOCAL}})
    if fresh:  # what a cache remembers may be what was recorded
        return VQAAgent.from_pretrained(settings=replace(used, cache=False))
    return Replayer(trace, used)


def replay(trace: Trace, agent: VQAAgent) -> Replay:
    """Answer a trace's question again, by an agent such as `replaying_agent` returns, and compare.

    Raises:
        ModelUnavailable: The core's weights cannot be had.
    """
    was = trace.answer
    assert was.image is not None
    recorder = Recorder(agent, history=trace.history)
    for _ in recorder.listen(agent.events(was.image, was.question, history=trace.history)):
        pass
    now = recorder.answer
    differences = [
        *_in_mappings("versions", trace.versions, versions()),
        *_in_weights(trace.weights, weights(agent, now.route.experts)),
        *_in_pixels(was.image, trace.picture),
        *_in_mappings("route", was.route.reasons, now.route.reasons),
        *_in_findings(was.findings, now.findings),
        *_in_texts("prompt: line", was.prompt.text.split("\n"), now.prompt.text.split("\n")),
        *_in_texts("tokens: number", _texts(trace.tokens), _texts(recorder.tokens)),
        *_in_texts("answer: line", was.text.split("\n"), now.text.split("\n")),
        *_in_probabilities(trace.tokens, recorder.tokens),
    ]
    return Replay(now, tuple(differences))


def _in_weights(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    """Compare what is used now: findings that were recorded need no expert's weights."""
    return _in_mappings("weights", {name: mark for name, mark in was.items() if name in now}, now)


def _in_pixels(image: LoadedImage, file: bytes) -> Iterator[Difference]:
    """Decoders differ in how they round a JPEG's colours."""
    pixels = load_image(file).sha256
    if pixels != image.sha256:
        yield _difference("picture: its pixels", image.sha256, pixels)


def _in_probabilities(was: Sequence[Token], now: Sequence[Token]) -> Iterator[Difference]:
    pairs = [(a, b) for a, b in zip(was, now, strict=False) if a.text == b.text and a.logprob != b.logprob]
    for before, after in pairs[:1]:
        yield _difference(f"log probability of {before.text!r}", str(before.logprob), str(after.logprob))


def _in_mappings(what: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            yield _difference(f"{what}: {name}", was.get(name, _ABSENT), now.get(name, _ABSENT))


def _in_findings(was: Sequence[Finding], now: Sequence[Finding]) -> Iterator[Difference]:
    before, after = ({finding.expert: replace(finding, seconds=0.0) for finding in found} for found in (was, now))
    for expert in dict.fromkeys((*before, *after)):
        if before.get(expert) != after.get(expert):
            yield _difference(f"findings: {expert}", _told(before.get(expert)), _told(after.get(expert)))


def _in_texts(what: str, was: Sequence[str], now: Sequence[str]) -> Iterator[Difference]:
    """Yield the first place where two sequences of texts differ."""
    for number, (before, after) in enumerate(zip_longest(was, now), 1):
        if before != after:
            yield _difference(f"{what} {number}", _ABSENT if before is None else before, after or _ABSENT)
            return


def _texts(tokens: Sequence[Token]) -> list[str]:
    return [token.text for token in tokens]


def _told(finding: Finding | None) -> str:
    if finding is None:
        return _ABSENT
    return f"{finding.model}: {finding.error or finding.text} ({len(finding.regions)} regions)"


def _difference(what: str, was: str, now: str) -> Difference:
    return Difference(what, *(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in (was, now)))
