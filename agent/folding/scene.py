"""What the whole picture shows, where a question asks for that: the weather, the season, what is in the background.

The `scene` expert says how likely people would mention each of some fifty concepts. Of a few the contrary is as plain:
it is day, it is indoors. That nobody would mention trees does not say that there are none, so of those only yes is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vqa.agent.folding.naming import named
from vqa.agent.questions.scene import (
    BACKGROUND_COLOR,
    COLORS,
    DONE,
    MAIN_COLOR,
    PLACES,
    THINGS,
    Asked,
    read_scene_question,
)
from vqa.agent.questions.taxonomy import ALIVE
from vqa.values import PRESENCE_SCORE, Finding, Region
from vqa.words import listed

SAYS = 0.5
"""Share from which something is told."""
SEEN = 0.12
"""The same of a thing that is asked for: few pictures have a river, but many of those of which that is asked."""
DOING = 0.3
"""The same of the likeliest of all that an animal does; people do more than is known here."""
NO_SCENE = 0.15
"""Share of "no scene" from which a picture has no weather, time or setting; two in a hundred photos have more."""
DRAWN, NOT_DRAWN = 0.15, 0.03
"""Share of "drawing" from which a picture is one, and up to which a scene is none; nothing is told of the others."""
SURELY_OUTDOORS = 0.9
"""Share of "outdoors" from which a picture shows no room."""
EITHER = 0.2
"""The same of the likelier one of two that a question names."""

_Shares = Mapping[str, float]


def _in_the_open(p: _Shares, share: float) -> float | None:
    """Return the share of what is seen of the sky, None where none is seen."""
    return _in_a_scene(p, share) if p["outdoors"] >= SAYS else None


def _in_a_scene(p: _Shares, share: float) -> float | None:
    """Return the share of what only a scene has, None for a drawing, or a thing on plain ground."""
    return share if p["no scene"] < NO_SCENE else None


def _drawn(p: _Shares) -> float | None:
    """Return how likely a picture is a drawing: even where it has the share from which it is one."""
    is_none = p["drawing"] <= NOT_DRAWN and p["no scene"] < NO_SCENE
    return min(SAYS * p["drawing"] / DRAWN, 1.0) if is_none or p["drawing"] >= DRAWN else None


def _no_drawing(p: _Shares) -> float | None:
    return None if (share := _drawn(p)) is None else 1 - share


# How likely a picture is such, by the shares of concepts; None: it does not tell.
_LIKELY: Mapping[str, Callable[[_Shares], float | None]] = {
    **dict.fromkeys(("outdoors", "outside"), lambda p: _in_a_scene(p, p["outdoors"])),
    **dict.fromkeys(("indoors", "inside"), lambda p: _in_a_scene(p, 1 - p["outdoors"])),
    # That it is a room says little of which room it is.
    "a room": lambda p: _in_a_scene(p, 1 - p["outdoors"]) if p["outdoors"] >= SURELY_OUTDOORS else None,
    "black and white": lambda p: p["black and white"],
    "in color": lambda p: 1 - p["black and white"],
    "drawing": _drawn,
    "photo": _no_drawing,
    "cartoon": lambda p: None if p["drawing"] >= DRAWN else _drawn(p),
    "painting": lambda p: None,  # most look like photos here
    "night": lambda p: (_in_a_scene if p["night"] >= SAYS else _in_the_open)(p, p["night"]),
    "day": lambda p: (_in_a_scene if p["night"] >= SAYS else _in_the_open)(p, 1 - max(p["night"], p["sunset"])),
    "evening": lambda p: _in_a_scene(p, p["sunset"]),
    "sunny": lambda p: _in_the_open(p, min(p["sunny"], 1 - p["rainy"], 1 - p["night"])),
    "cloudy": lambda p: _in_the_open(p, min(1 - p["sunny"], 1 - p["night"])),
    # Few captions tell of rain: that there is none is said only where the sun is seen.
    "rainy": lambda p: _in_a_scene(p, p["rainy"]) if max(p["rainy"], p["sunny"]) >= SAYS else None,
    "snowy": lambda p: _in_the_open(p, p["snow"]),
    "winter": lambda p: p["snow"] if p["snow"] >= SAYS else None,  # bare trees and coats are winter, too
    "summer": lambda p: max(p["beach"], p["pool"], p["waves"], p["swimming"]) if p["snow"] < 1 - SAYS else None,
}
_TELLING = {
    **dict.fromkeys(("indoors", "outside", "inside", "a room"), ("outdoors",)),
    **dict.fromkeys(("snowy", "winter"), ("snow",)),
    "in color": ("black and white",),
    **dict.fromkeys(("photo", "cartoon"), ("drawing",)),
    "day": ("night",),
    "evening": ("sunset",),
    "cloudy": ("sunny",),
    "summer": ("beach", "pool", "waves", "swimming"),
}
"""The concepts that tell of such, where they are not of its name."""
_YES_ALONE = ("evening", "winter", "summer")
_ONE_OF: Mapping[str, Sequence[str]] = {  # the first that is likely enough, or the likeliest
    "time of day": ("night", "evening", "day"),
    "weather": ("snowy", "rainy", "sunny", "cloudy"),
    "season": ("winter", "summer"),
}
_COLOR_OF = {BACKGROUND_COLOR: "background", MAIN_COLOR: "most of it", COLORS: "part of it"}
"""The region that has the asked colour, or the regions of which each has one."""
_ASKS = {
    "in the background": "what is in the background",
    "on the ground": "what is on the ground",
    "doing": "what an animal does",
}
_LIKELIEST_OF: Mapping[str, Sequence[str]] = {
    "in the background": "mountains trees buildings ocean lake hill cliff fence crowd city".split(),
    "on the ground": "snow grass sand dirt street sidewalk".split(),
    "place": PLACES,
    "doing": DONE,
    "sport": "baseball tennis basketball football soccer hockey".split(),
    "color of the photo": ("black and white",),
}


@dataclass(frozen=True)
class Told:
    """What is told of a picture.

    Attributes:
        asked: What for: "weather", "sunny", "sitting or standing".
        answer: "cloudy", "Yes", "sitting".
        share: How likely it is.
        concepts: That tell.
    """

    asked: str
    answer: str
    share: float
    concepts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.asked}: {self.answer}"

    def regions(self, finding: Finding) -> tuple[Region, ...]:
        """Return the finding's regions that tell."""
        return tuple(region for region in finding.regions if region.label in self.concepts)


def told_of_scene(question: str, finding: Finding, findings: Sequence[Finding] = ()) -> Told | None:
    """Return what the whole scene tells of a question; None if it asks for none, or the picture does not tell.

    Args:
        question: In its own words.
        finding: The expert's.
        findings: Of everybody: what detectors know is theirs, and what boxes name stands, if it is as sure.
    """
    detectors = [other for other in findings if other.kind == "objects" and other.error is None]
    asked = read_scene_question(question, [label for other in detectors for label in other.vocabulary])
    if asked is None or finding.error is not None or (asked.of_somebody and detectors and not _alive(detectors)):
        return None
    shares = dict.fromkeys(finding.vocabulary, 0.0) | {region.label: region.score for region in finding.regions}
    told = _colored(asked, finding) if asked.which in _COLOR_OF else _told(asked, shares)
    boxes = [box.regions[0].score for other in detectors if (box := named(question, other))]
    return None if told is None or any(score >= told.share for score in boxes) else told


def no_scene(findings: Sequence[Finding]) -> float:
    """Return how likely a picture is a drawing or a thing on plain ground, where boxes mislead; 0 if nobody says."""
    return _share_of("no scene", findings)


def is_drawn(findings: Sequence[Finding]) -> bool:
    """Return whether a picture is told to be a drawing."""
    return _share_of("drawing", findings) >= DRAWN


def outdoors(findings: Sequence[Finding]) -> float | None:
    """Return how likely a picture is taken outdoors; None if nobody says."""
    scenes = [finding for finding in findings if finding.kind == "scene" and finding.error is None]
    return _share_of("outdoors", scenes) if scenes else None


def _share_of(concept: str, findings: Sequence[Finding]) -> float:
    scenes = [finding for finding in findings if finding.kind == "scene" and finding.error is None]
    return max((r.score for scene in scenes for r in scene.regions if r.label == concept), default=0.0)


def asks_for_scene(question: str, known: Sequence[str] = ()) -> str:
    """Return why a question is one for who sees the whole scene, in words; "" if it is not.

    Args:
        question: In its own words.
        known: Labels of detectors, who are asked for those.
    """
    asked = read_scene_question(question, known)
    if asked is None:
        return ""
    if asked.which:
        return f"the question asks {_ASKS.get(asked.which, f'for the {asked.which}')}"
    return f"the question asks about {' or '.join(asked.called) if asked.other else asked.one}"


def _colored(asked: Asked, finding: Finding) -> Told | None:
    """Return the colour of most of the picture, of what stands around everything, or of its parts, if they have one."""
    those = [region for region in finding.regions if region.color and region.label == _COLOR_OF[asked.which]]
    if not those:
        return None
    return Told(asked.which, listed([r.color for r in those]), sum(r.score for r in those), (those[0].label,))


def _told(asked: Asked, p: _Shares) -> Told | None:
    if asked.which in _LIKELIEST_OF:
        best = max(_LIKELIEST_OF[asked.which], key=lambda name: p[name])
        least = DOING if asked.which == "doing" else SAYS
        return Told(asked.which, best, p[best], (best,)) if p[best] >= least else None
    if asked.which:
        likely = ((name, _likely(name, p)) for name in _ONE_OF[asked.which])
        first = next(((name, share) for name, share in likely if share >= SAYS), None)
        return None if first is None else Told(asked.which, *first, _telling(first[0]))
    share = _likely(asked.one, p)
    least = SEEN if asked.one in THINGS else SAYS
    if asked.other:
        other = _likely(asked.other, p)
        if max(share, other) < EITHER or share == other:
            return None
        best, both = asked.called[share < other], (*_telling(asked.one), *_telling(asked.other))
        return Told(" or ".join(asked.called), best, max(share, other) / (share + other), both)
    if share >= least:
        return Told(asked.one, "Yes", share, _telling(asked.one))
    if asked.one in _YES_ALONE or asked.one not in _LIKELY or _LIKELY[asked.one](p) is None:
        return None
    return Told(asked.one, "No", 1 - share, _telling(asked.one))


def _alive(detectors: Sequence[Finding]) -> bool:
    """Return whether a person or an animal is found."""
    return any(r.label in ALIVE and r.score >= PRESENCE_SCORE for finding in detectors for r in finding.regions)


def _likely(name: str, p: _Shares) -> float:
    return (_LIKELY[name](p) or 0.0) if name in _LIKELY else p[name]


def _telling(name: str) -> tuple[str, ...]:
    return _TELLING.get(name, (name,))
