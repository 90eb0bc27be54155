"""The `words` expert: what people would say of the picture, to tell what nobody sees.

Asked "Is the dog running or jumping?" a small core is right little more often than by chance. How often people would
say each word of a picture is foretold for the captioner already (experts/captioners/phrases.py); the word that they
would say the furthest beyond its usual share is the likelier one. So it is with what a question claims, and with things
that no detector knows; and the words that stand out speak for an open answer that has one of them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from vqa.registry import register_expert
from vqa.settings import Settings
from vqa.values import Finding, FindingKind, LoadedImage, Question, Region
from vqa.weights import Store
from vqa.words import plural, singular

if TYPE_CHECKING:
    from torch import Tensor

    from vqa.experts.captioners.phrases import Phrases
    from vqa.networks.sight import Sight

MODEL = "efficientnet-lite2"
SLOPE, OFFSET = 2.5, -1.0
"""Log odds that it is so of each unit that something is foretold beyond the usual, and of what is as usual."""
_LEAST = -0.1
"""How far below the usual counts of several choices: that the one is not said does not make the other one so."""
_OF_ANY_PICTURE = 0.08
"""Usual share from which on a word says nothing: "the", "wearing"."""
_MOST_TOLD, _MOST_SHOWN = 40, 10
"""How many words are told where none is asked for, and how many of them are shown."""
_THERE_IS = re.compile(r"there (?:is|are) (?:an? )?(?P<thing>.+)")


@register_expert
class WordsExpert:
    """Weighs a question's own answers, or what it claims, by how often people would say such words of the picture."""

    name: ClassVar[str] = "words"
    kind: ClassVar[FindingKind] = "words"
    description: ClassVar[str] = (
        "tells what people would say of it: which of two answers, whether a thing is there, what is worn"
    )
    cues: ClassVar[tuple[str, ...]] = ()
    vocabulary: ClassVar[tuple[str, ...]] = ()
    uses_question: ClassVar[bool] = True
    side_by_side: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store.from_settings(settings)
        self._loaded: tuple[Sight, Phrases] | None = None
        self._loading = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(settings)

    def available(self) -> str | None:
        return None if self._loaded is not None else self._store.why_missing(MODEL, "the built-in vision network")

    def look(self, image: LoadedImage, question: Question | None = None) -> Finding:
        """Return the question's choices, the likeliest first, each as a region that is the whole picture.

        Several are weighed against one another; nothing is told if one of them has a word that is not foretold, or none
        is said more than usual. Of one alone it is told how likely it is so, by those of its words that are foretold;
        of "there is a ladder", by the ladder, one or many, if all of its words are foretold.
        Without choices it is the words that stand out, with the share of captions that would have them.

        Raises:
            ModelUnavailable: The weights are not here and cannot be had.
        """
        import torch

        from vqa.networks.sight import pooled

        sight, people = self._ready()
        started = time.perf_counter()
        with torch.inference_mode():
            seen = pooled(sight.tokens(image))
            beyond = people.beyond_usual(seen)
        choices = question.choices if question is not None else ()
        told = _weighed(choices, people, beyond) if choices else _striking(people, seen, beyond)
        whole = (0.0, 0.0, float(image.pil.width), float(image.pil.height))
        return Finding(
            expert=self.name,
            kind=self.kind,
            text=", ".join(f"{word} {share:.2f}" for word, share in told[:_MOST_SHOWN])
            or f"not foretold: {', '.join(choices)}",
            regions=tuple(Region(whole, word, share) for word, share in told),
            model=MODEL,
            seconds=time.perf_counter() - started,
            size=image.pil.size,
        )

    def unload(self) -> None:
        self._loaded = None

    def _ready(self) -> tuple[Sight, Phrases]:
        from vqa.experts.captioners.phrases import Phrases
        from vqa.networks.sight import sight

        with self._loading:
            if self._loaded is None:
                self._loaded = sight(self._settings), Phrases.load()
            return self._loaded


def _weighed(choices: Sequence[str], people: Phrases, beyond: Tensor) -> list[tuple[str, float]]:
    """Return how likely each choice is the one, the likeliest first, or one alone is so, by the mean of its words."""
    import torch

    if len(choices) == 1:
        thing = _THERE_IS.fullmatch(choices[0])
        telling = _of_a_thing(thing["thing"], people, beyond) if thing else _of_a_claim(choices[0], people, beyond)
        return [(choices[0], float((SLOPE * telling + OFFSET).sigmoid()))] if telling is not None else []
    places = [people.places(choice) for choice in choices]
    if not all(places) or any(place is None for those in places for place in those):
        return []
    strongest = torch.stack([beyond[those].mean() for those in places])
    if strongest.max() <= 0:
        return []
    odds = SLOPE * torch.stack([_drawn_nearer(beyond[those].clamp(min=_LEAST)).mean() for those in places])
    return sorted(zip(choices, odds.softmax(dim=0).tolist(), strict=True), key=lambda choice: -choice[1])


def _of_a_claim(claim: str, people: Phrases, beyond: Tensor) -> Tensor | None:
    known = [place for place in people.places(claim) if place is not None and people.usual[place] < _OF_ANY_PICTURE]
    return _drawn_nearer(beyond[known]).mean() if known else None


def _of_a_thing(thing: str, people: Phrases, beyond: Tensor) -> Tensor | None:
    """Return how much further than usual one or many of a thing are foretold; None if they are not foretold at all.

    A pair of words that people say together is foretold as such: a swimming pool is more than a pool and to swim.
    """
    import torch

    *before, name = thing.split()
    forms = [" ".join((*before, form)) for form in dict.fromkeys((name, singular(name), plural(name, 0)))]
    told = [[pair] for form in forms if before and (pair := people.place(form)) is not None]
    each = [people.places(form) for form in forms]
    told = told or [[place for place in places if place is not None] for places in each if None not in places]
    return torch.stack([_drawn_nearer(beyond[places]).mean() for places in told]).max() if told else None


def _drawn_nearer(beyond: Tensor) -> Tensor:
    """Return what is foretold with far ones drawn nearer: twice as striking is not twice as likely."""
    return beyond.sign() * (4 * beyond.abs()).log1p()


def _striking(people: Phrases, seen: Tensor, beyond: Tensor) -> list[tuple[str, float]]:
    """Return the words that people would say more often than of any picture, and the share of captions with each."""
    often = people.often(seen)
    striking = (beyond[: people.words] > 0) & (people.usual[: people.words] < _OF_ANY_PICTURE)
    places = striking.nonzero().flatten()
    best = places[beyond[places].argsort(descending=True)][:_MOST_TOLD].tolist()
    return [(people.known[place], min(float(often[place]), 1.0)) for place in best]
