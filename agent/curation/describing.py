"""Describes pictures at length with a stage-1 model (MiniGPT-4, arXiv 2304.10592, section 3.2).

The prompt is the paper's; an answer under 80 tokens is continued in a second turn of the same conversation.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vqa.agent.curation.paragraphs import ENDED
from vqa.errors import ModelUnavailable, VQAError
from vqa.protocols import Core
from vqa.values import GenerationOptions, LoadedImage

INSTRUCTION = "Describe this image in detail. Give as many details as possible. Say everything you see."
CONTINUE = "Continue"
LONG_ENOUGH = 80
"""Tokens from which on a description is not continued."""

_log = logging.getLogger(__name__)


@dataclass
class Description:
    """What a model said about a picture.

    Attributes:
        image: The picture.
        turns: The questions and answers, oldest first.
        text: The answers as one paragraph.
        error: Why there is none.
    """

    image: LoadedImage
    turns: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    error: VQAError | None = None


class Describer:
    """Describes several pictures at a time.

    Args:
        core: The stage-1 model.
        options: How it decodes; turn by turn the seed goes up by one.
        continues: The most further turns. paper: one; here: a choice, because a small model says one sentence a turn.
    """

    def __init__(self, core: Core, options: GenerationOptions, *, continues: int = 1) -> None:
        self._core, self._options, self._continues = core, options, continues

    def describe(self, images: Sequence[LoadedImage]) -> list[Description]:
        """Return what the model says about each picture, the failures in their places.

        Raises:
            ModelUnavailable: Its weights cannot be had.
        """
        found = [Description(image) for image in images]
        self._say(found, INSTRUCTION)
        for _ in range(self._continues):
            short = [one for one in found if one.text and self._core.count_tokens(one.text) < LONG_ENOUGH]
            self._say(short, CONTINUE)
        return found

    def _say(self, found: Sequence[Description], asked: str) -> None:
        if not found:
            return
        prompts = [(one.image, self._core.render(asked, (), one.turns)) for one in found]
        options = replace(self._options, seed=self._options.seed + len(found[0].turns))
        for one, said in zip(found, written(self._core, prompts, options), strict=True):
            if isinstance(said, VQAError):
                one.error = None if one.turns else said  # what was said before is a description, too
                _log.debug("%s: turn %d: %s", one.image.source, len(one.turns) + 1, said)
                continue
            text = said.strip()
            one.text = _joined(one.text, text, cut=bool(one.turns) and self._was_cut(one.turns[-1][1]))
            one.turns.append((asked, text))

    def _was_cut(self, said: str) -> bool:
        """Return whether an answer ended because it was as long as it may be."""
        return self._core.count_tokens(said) >= self._options.max_new_tokens


def as_told(image: LoadedImage, captions: Sequence[str]) -> Description:
    """Return what people said about a picture as one paragraph, the longest sentence first."""
    sentences = sorted({" ".join(text.split()).rstrip(" .") for text in captions} - {""}, key=lambda s: (-len(s), s))
    return Description(image, text=" ".join(f"{text[0].upper()}{text[1:]}." for text in sentences))


def written(core: Core, prompts: Sequence[tuple[LoadedImage, str]], options: GenerationOptions) -> list[str | VQAError]:
    """Return the core's answers; if they fail together, each by itself, so that one does not take the others along.

    Raises:
        ModelUnavailable: Weights or an endpoint cannot be had.
    """
    try:
        return ["".join(token.text for token in tokens) for tokens in core.generate(prompts, options)]
    except ModelUnavailable:
        raise
    except Exception as error:
        if len(prompts) == 1:
            _log.debug("no answer", exc_info=True)
            return [error if isinstance(error, VQAError) else VQAError(f"{type(error).__name__}: {error}")]
        return [answer for prompt in prompts for answer in written(core, [prompt], options)]


def _joined(before: str, more: str, *, cut: bool) -> str:
    """Return a paragraph with its continuation; a sentence that the model took for whole gets its mark.

    One that was cut off goes on, unless the model begins another: then a line break keeps the two apart.
    """
    if not (before and more):
        return before or more
    if cut and not ENDED.search(before):
        return f"{before}\n{more}" if more[0].isupper() else f"{before} {more}"
    return f"{before} {more}" if ENDED.search(before) else f"{before}. {more}"
