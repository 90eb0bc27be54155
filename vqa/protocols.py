"""The three seams: experts look, routers choose, cores answer. Anything with these members fits; no base class."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from vqa.settings import Settings
from vqa.values import Finding, FindingKind, GenerationOptions, LoadedImage, Question, Route, Score, Token


@runtime_checkable
class Expert(Protocol):
    """Looks at a picture and says in words and boxes what it saw.

    Constructing one must be cheap and load nothing; weights load in the first `look`.

    Attributes:
        name: Registered name, one lower-case word: "detect", "ocr", "caption".
        kind: What its findings hold.
        description: One sentence for `vqa experts`, routers and language models.
        uses_question: False if the finding depends on the picture alone; it is then shared by all its questions. True:
            the question comes with its choices, be they named in it alone; one alone is what it claims.
        side_by_side: May be left out. True: threads may look at several pictures at once; else they take turns.
    """

    name: ClassVar[str]
    kind: ClassVar[FindingKind]
    description: ClassVar[str]
    uses_question: ClassVar[bool]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self: ...

    @property
    def cues(self) -> tuple[str, ...]:
        """English and Korean words in a question that ask for this expert, lower case."""
        ...

    @property
    def vocabulary(self) -> Collection[str]:
        """Every label it can report, known without loading weights; empty when open-ended."""
        ...

    def available(self) -> str | None:
        """Return None if `look` can run here, else one line: what is missing and the command that mends it."""
        ...

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return what it sees. Raises VQAError; the agent turns any exception into `Finding.error`."""
        ...


@runtime_checkable
class CacheableExpert(Expert, Protocol):
    """An expert whose findings may be kept on disk; those of others are remembered within the process alone."""

    @property
    def fingerprint(self) -> str | None:
        """What its findings depend on besides the picture (settings, weights, code), told without loading anything.

        None: not known yet, or what it would see now is not worth keeping. See `vqa.fingerprints`.
        """
        ...


@runtime_checkable
class BatchingExpert(Expert, Protocol):
    """An expert that can look at several pictures at once, in less time than at one after the other."""

    def look_at_many(self, images: Sequence[LoadedImage]) -> Sequence[Finding]:
        """Return what it sees in each; to the last bit, that does not depend on the others. Raises as `look`."""
        ...


@runtime_checkable
class RefiningExpert(Expert, Protocol):
    """An expert that can look again, at a part of the picture, where its first look left the question open."""

    def refined(self, first: Finding, closer: Finding, area: tuple[int, int, int, int]) -> Finding:
        """Return what it saw in the picture, put together with what it saw in a part of it; loads nothing.

        Args:
            first: Of the picture.
            closer: Of the part, boxes in the part's own pixels.
            area: The part: x0, y0, x1, y1 in pixels of the picture.
        """
        ...


@runtime_checkable
class OptionalExpert(Expert, Protocol):
    """An expert that only looks where the settings ask for it; otherwise no router chooses it."""

    def switched_off(self) -> str | None:
        """Return None if the settings ask for it, else in a few words what they lack."""
        ...


@runtime_checkable
class UnloadableExpert(Expert, Protocol):
    """An expert that can let go of its weights."""

    def unload(self) -> None:
        """Forget the weights, at once and whoever is using them; the next `look` loads them again."""
        ...


class Router(Protocol):
    """Chooses experts for a question, loading nothing."""

    name: ClassVar[str]
    description: ClassVar[str]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self: ...

    def route(self, question: str, experts: Sequence[Expert]) -> Route: ...


@dataclass(frozen=True)
class CoreFacts:
    """What a choice between cores depends on, told without loading one.

    Attributes:
        size: Bytes on disk of all its weights, here or yet to be fetched; None: not known before they are.
        memory: Bytes of its weights in memory, in the dtype and quantization that are set; None: not known yet.
        licence: Of its weights; empty: not known.
        offline: Whether it answers without a network, as things are.
    """

    size: int | None = None
    memory: int | None = None
    licence: str = ""
    offline: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@runtime_checkable
class Core(Protocol):
    """Answers from a picture and a prompt.

    Constructing one loads nothing; the first call that needs weights does.

    Attributes:
        description: A few words for `vqa cores`.
        side_by_side: May be left out. True: threads may ask for several batches at once; else a batch takes turns.
    """

    description: ClassVar[str]

    @property
    def name(self) -> str:
        """The registered name, which the class has too; one of a family (`vqa.registry`) has the name asked for."""
        ...

    @classmethod
    def from_settings(cls, settings: Settings) -> Self: ...

    @property
    def markers(self) -> tuple[str, ...]:
        """The template's own control strings; folding breaks them up inside evidence."""
        ...

    @property
    def max_prompt_tokens(self) -> int:
        """The longest prompt it accepts, its answer's room already taken off."""
        ...

    def available(self) -> str | None:
        """Return None if the core can run here, else one line: what is missing and the command that mends it."""
        ...

    def render(self, question: str, evidence: Sequence[str], history: Sequence[tuple[str, str]] = ()) -> str:
        """Return the full prompt: the core's chat template around earlier turns, the evidence lines and the question.

        Args:
            question: What is asked now.
            evidence: What the experts found for it, one line each.
            history: Earlier (question, answer) pairs about the picture, oldest first.
        """
        ...

    def count_tokens(self, text: str) -> int: ...

    def stream(self, image: LoadedImage, prompt: str, options: GenerationOptions) -> Iterator[Token]:
        """Yield the answer piece by piece; the pieces concatenate to the answer."""
        ...

    def generate(self, batch: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[tuple[Token, ...]]:
        """Return what `stream` would yield for each (picture, prompt); together they may take less time."""
        ...


@runtime_checkable
class ScoringCore(Core, Protocol):
    """A core that can also say how likely given answers are; multiple choice needs no writing then."""

    def score(
        self, batch: Sequence[tuple[LoadedImage, str]], choices: Sequence[Sequence[str]]
    ) -> Sequence[Sequence[Score]]:
        """Return, for each (picture, prompt), the log probability of each of its choices as the whole answer."""
        ...


@runtime_checkable
class SearchingCore(Core, Protocol):
    """A core that can also give several answers to a prompt, each with how likely it is."""

    def search(
        self,
        batch: Sequence[tuple[LoadedImage, str]],
        options: GenerationOptions,
        *,
        leanings: Sequence[Mapping[str, float]] = (),
    ) -> Sequence[Sequence[tuple[str, Score]]]:
        """Return, for each (picture, prompt), the answers that a search with `options.num_beams` beams ends with.

        The likeliest is first. To the last bit, what one comes to does not depend on others with the same prompt.

        Args:
            batch: Pictures and prompts.
            options: Of which `num_beams` and `max_new_tokens` count.
            leanings: For each of them, what an answer gains by telling a word, in natural-log units, while it is
                searched for; its score does not have it. Words of several tokens are left out.
        """
        ...


@runtime_checkable
class QuotingCore(Core, Protocol):
    """A core whose answer can be held to the words that were read; what is asked is then only which."""

    def quote(
        self,
        image: LoadedImage,
        prompt: str,
        options: GenerationOptions,
        *,
        lines: Sequence[str],
        whole: bool = False,
        or_else: Sequence[str] = (),
    ) -> Iterator[Token]:
        """Yield an answer that is a passage of the lines put together, or one it writes freely, as `stream` does.

        Args:
            image: The picture.
            prompt: As for `stream`.
            options: Of which only `max_new_tokens` and `stop` count: a quotation is greedy.
            lines: What may be quoted, in reading order.
            whole: Only whole lines may be, one or several in a row; else from any word to any word.
            or_else: Other answers; an answer that would begin like one of them is written freely.
        """
        ...


@runtime_checkable
class IdentifiedCore(Core, Protocol):
    """A core whose weights can be told from others; a trace names them."""

    @property
    def weights(self) -> Mapping[str, str]:
        """Hashes of the weights it answers with, by part; loads them."""
        ...
