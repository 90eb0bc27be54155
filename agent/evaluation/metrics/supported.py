"""Support: the share of an answer's telling words that people say of the picture, too.

Of a description that invents things it is low, however long; what is left out costs nothing. Wordings that mean the
same ("bike", "bicycle") count as inventions: of Flickr8k's captions, people support each other's to 60 %.
"""

from __future__ import annotations

from collections.abc import Sequence

from vqa.agent.evaluation.measures import Metric, mean_of
from vqa.agent.trust.answer_words import telling_words, words
from vqa.words import singular


def supported(answer: str, references: Sequence[str]) -> float:
    """Return the share of an answer's words, without articles and the like, that are in one of the references."""
    said = {singular(word) for word in telling_words(answer)}
    known = {singular(word) for reference in references for word in words(reference)}
    return len(said & known) / len(said) if said else 0.0


SUPPORTED: Metric = mean_of("words that people say too", supported)
