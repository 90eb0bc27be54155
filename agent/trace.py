"""One question's whole way as one JSON file, from which `vqa replay` gives the same answer again; docs/traces.md.

It is the answer's own JSON with what that leaves out: the picture itself, findings without rounding, each token with
its log probability, the earlier turns, and what the answer depends on: settings, versions, and hashes of weights.
"""

from __future__ import annotations

import json
import platform
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vqa
from vqa.agent.events import Answered, Event
from vqa.errors import InputError
from vqa.examples import get_example
from vqa.fingerprints import fingerprint
from vqa.images import load_image
from vqa.protocols import CacheableExpert, IdentifiedCore
from vqa.saving import write_whole
from vqa.settings import setting_names
from vqa.values import Answer, LoadedImage, Question, Token

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent
    from vqa.images import ImageSource

FORMAT = "vqa trace 1"
# They decode the picture, look at it, or compute the answer.
_PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "timm", "open_clip_torch", "torchvision", "ultralytics",
    "ai-edge-litert", "onnxruntime", "easyocr", "numpy", "pillow",
)  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """One answer, with everything it takes to give it again.

    Attributes:
        answer: Route, findings, prompt and timings among the rest; its `image` is the picture.
        tokens: What the core wrote.
        history: Earlier (question, answer) pairs that the prompt held, oldest first.
        picture: The picture's file as it was read, or a PNG of its pixels.
        settings: Every setting's value.
        versions: Of Python, of this project (with a hash of its source), and of the packages that compute.
        weights: Hashes of the core's weights by part, and the fingerprint of each expert that was asked.
    """

    answer: Answer
    tokens: tuple[Token, ...]
    history: tuple[tuple[str, str], ...]
    picture: bytes
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    weights: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        image = self.answer.image
        assert image is not None
        return {
            "format": FORMAT,
            **self.answer.to_dict(),
            # What the answer's own JSON rounds:
            "confidence": self.answer.confidence,
            "core_confidence": self.answer.core_confidence,
            "evidence": [asdict(evidence) for evidence in self.answer.evidence],
            "findings": [asdict(finding) for finding in self.answer.findings],
            "seconds": dict(self.answer.seconds),
            "tokens": [[token.text, token.logprob] for token in self.tokens],
            "history": [list(turn) for turn in self.history],
            "settings": dict(self.settings),
            "versions": dict(self.versions),
            "weights": dict(self.weights),
            "picture": {
                "source": image.source,
                "sha256": image.sha256,
                "size": list(image.pil.size),
                "notes": list(image.notes),
                "file": b64encode(self.picture).decode("ascii"),
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trace:
        """Return the trace that `to_dict` told; the picture is decoded again, its hash is the recorded one."""
        if data.get("format") != FORMAT:
            raise ValueError(f"its format is {data.get('format')!r}")
        told = data["picture"]
        picture = b64decode(told["file"])
        loaded = load_image(picture)
        image = LoadedImage(loaded.pil, told["source"], told["sha256"], tuple(told["notes"]))
        return cls(
            answer=replace(Answer.from_dict(data), image=image),
            tokens=tuple(Token(text, logprob) for text, logprob in data["tokens"]),
            history=tuple((asked, said) for asked, said in data["history"]),
            picture=picture,
            settings=dict(data["settings"]),
            versions=dict(data["versions"]),
            weights=dict(data["weights"]),
        )

    def save(self, path: str | Path) -> None:
        """Write the trace as JSON, whole or not at all. Raises InputError if it cannot be written there."""
        write_whole(Path(path), f"{json.dumps(self.to_dict(), indent=1)}\n".encode())

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a trace. Raises InputError if the file cannot be read or is none."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{str(path)!r}: cannot be read ({error.strerror})") from None
        except ValueError as error:  # no JSON, or no UTF-8
            raise InputError(f"{str(path)!r}: no trace ({error}); expected a file of `vqa ask --trace`") from None
        try:
            return cls.from_dict(data)
        except (ValueError, TypeError, KeyError, AttributeError, InputError) as error:
            why = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{str(path)!r}: no trace ({why}); expected a file of `vqa ask --trace`") from None


class Recorder:
    """Listens to an agent's events and makes a trace of them.

    Args:
        agent: Who answers.
        history: The earlier turns that are given to `agent.events`.

    Attributes:
        tokens: What the core wrote for the question that was listened to last.
    """

    def __init__(self, agent: VQAAgent, *, history: Sequence[tuple[str, str]] = ()) -> None:
        self._agent = agent
        self._history = tuple(history)
        self.tokens: list[Token] = []
        self._answer: Answer | None = None

    def listen(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events of one question on."""
        self.tokens, self._answer = [], None
        for event in events:
            if isinstance(event, Answered):
                self.tokens, self._answer = list(event.tokens), event.answer
            yield event

    @property
    def answer(self) -> Answer:
        """The answer that was heard last."""
        assert self._answer is not None, "the last event of a question is its answer"
        return self._answer

    def trace(self) -> Trace:
        """Return the trace of the question whose answer was heard last."""
        assert self.answer.image is not None
        return Trace(
            answer=self.answer,
            tokens=tuple(self.tokens),
            history=self._history,
            picture=_picture(self.answer.image),
            settings=_plain_settings(self._agent),
            versions=versions(),
            weights=weights(self._agent, self.answer.route.experts),
        )


def record(
    agent: VQAAgent, image: ImageSource, question: str | Question, *, history: Sequence[tuple[str, str]] = ()
) -> Trace:
    """Answer a question and return the trace of it. Raises as calling the agent does."""
    recorder = Recorder(agent, history=history)
    for _ in recorder.listen(agent.events(image, question, history=history)):
        pass
    return recorder.trace()


def versions() -> dict[str, str]:
    """Return the versions of what computes answers here."""
    folders = tuple(Path(folder) for folder in vqa.__path__)
    source = [folder / part for folder in folders for part in ("agent", "adapter_model") if (folder / part).is_dir()]
    kernel = sorted(folders[0].glob("*.py"))
    fitted = [file for folder in source if (file := folder / "trust" / "confidence.json").is_file()]
    code = fingerprint(code=(*kernel, *source, *fitted))
    told = {"vqa": f"{vqa.__version__} {code}", "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            told[package] = version(package)
        except PackageNotFoundError:
            continue
    return told


def weights(agent: VQAAgent, experts: Iterable[str]) -> dict[str, str]:
    """Return hashes of the core's weights, by part, and the fingerprints of these experts; loads what is not loaded."""
    told = {}
    if isinstance(agent.core, IdentifiedCore):
        told = {f"{agent.core.name}: {part}": mark for part, mark in agent.core.weights.items()}
    for name in experts:
        expert = agent.experts.get(name)
        if isinstance(expert, CacheableExpert) and (mark := expert.fingerprint):
            told[name] = mark
    return told


def _plain_settings(agent: VQAAgent) -> dict[str, Any]:
    """Return every setting's value as JSON has it."""
    values = {name: getattr(agent.settings, name) for name in setting_names()}
    plain = {Path: str, tuple: list}
    return {name: next((to(v) for kind, to in plain.items() if isinstance(v, kind)), v) for name, v in values.items()}


def _picture(image: LoadedImage) -> bytes:
    """Return the file that the picture came from, if that still holds it; otherwise a PNG of the pixels."""
    source, example = image.source, image.source.startswith("example:")
    path = get_example(source.removeprefix("example:")).path() if example else Path(source).expanduser()
    with suppress(InputError, OSError, ValueError):
        if path.is_file() and load_image(data := path.read_bytes()).sha256 == image.sha256:
            return data
    buffer = BytesIO()
    image.pil.save(buffer, "PNG")
    return buffer.getvalue()
