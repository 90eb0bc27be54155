"""Things that detectors know, by sort and by what people do with them: COCO's classes, and what people answer."""

from __future__ import annotations

from collections.abc import Iterable

Use = dict[str, str]  # a label: what people answer


def _as_named(labels: str, **otherwise: str) -> Use:
    """Return each label with its own name as the answer, blanks written as _, but for those that have another."""
    return {label.replace("_", " "): otherwise.get(label, label).replace("_", " ") for label in labels.split()}


_SHORT = {"cell_phone": "phone", "tv": "television"}
_ALWAYS = {"dining table": "table", "cell phone": "phone"}
_FOOD = "pizza sandwich hot_dog cake donut banana apple orange carrot broccoli"
_ANIMALS = "bird cat dog horse sheep cow elephant bear zebra giraffe"
_GEAR = "tennis_racket baseball_bat baseball_glove skateboard surfboard snowboard skis frisbee"

_BEASTS = (
    "chimpanzee gorilla orangutan ape baboon monkey lemur red_panda panda koala kangaroo wombat sloth lion "
    "snow_leopard leopard jaguar tiger cheetah wolf fox hyena bison buffalo camel llama goat antelope pig "
    "hippopotamus porcupine"
)
_SMALL_OR_IN_WATER = (
    "squirrel beaver marmot hamster guinea_pig rabbit mongoose meerkat weasel ferret mink otter skunk badger "
    "armadillo seal dugong whale shark fish crocodile alligator turtle lizard snake frog snail slug crab "
    "lobster scorpion spider butterfly bee ant beetle dragonfly grasshopper starfish jellyfish"
)
WILD: Use = _as_named(f"{_BEASTS} {_SMALL_OR_IN_WATER}")
"""Animals that a detector of COCO's classes takes for another, as people call them, the narrower names first."""
BEASTS = tuple(_as_named(_BEASTS))
"""Those of them for which it has always found something (docs/measurements.md, "Animals")."""

SORTS: dict[str, Use] = {
    "animal": _as_named(_ANIMALS) | WILD,
    "vehicle": _as_named("bicycle car motorcycle airplane bus train truck boat", airplane="plane", bicycle="bike"),
    "fruit": _as_named("banana apple orange"),
    "vegetable": _as_named("broccoli carrot"),
    "food": _as_named(_FOOD),
    "dessert": _as_named("cake donut"),
    "utensil": _as_named("fork knife spoon"),
    "device": _as_named("laptop cell_phone remote keyboard mouse tv microwave oven toaster hair_drier", **_SHORT),
    "sport": _as_named(
        f"{_GEAR} sports_ball",
        tennis_racket="tennis", baseball_bat="baseball", baseball_glove="baseball", skateboard="skateboarding",
        surfboard="surfing", snowboard="snowboarding", skis="skiing", sports_ball="soccer",
    ),
    "room": _as_named(
        "toilet oven refrigerator microwave toaster bed couch", toilet="bathroom", oven="kitchen",
        refrigerator="kitchen", microwave="kitchen", toaster="kitchen", bed="bedroom", couch="living_room",
    ),
}  # fmt: skip
"""A sort of thing: the labels that are of it, or tell of it, and the answers."""

PEOPLE = ("man", "woman", "boy", "girl")
"""Whom a detector finds as a person, told apart where a question does."""
ANYBODY = frozenset({"person", *PEOPLE})

ALIVE = frozenset({"person", "teddy bear", *SORTS["animal"]})
"""Whom people call he and she, who sit, and of whom they ask who it is; a toy does, too."""

USES: dict[str, Use] = {
    "riding": _as_named("bicycle skateboard surfboard motorcycle horse elephant snowboard skis", bicycle="bike"),
    "holding": _as_named(
        "umbrella cell_phone tennis_racket baseball_bat frisbee wine_glass cup knife fork spoon book remote kite "
        f"handbag suitcase teddy_bear bottle surfboard skateboard snowboard skis scissors toothbrush laptop {_FOOD}",
        **_SHORT,
    ),
    "eating": _as_named(_FOOD),
    "doing": _as_named(
        f"{_GEAR} kite toothbrush",
        tennis_racket="playing_tennis", baseball_bat="playing_baseball", baseball_glove="playing_baseball",
        skateboard="skateboarding", surfboard="surfing", snowboard="snowboarding", skis="skiing",
        frisbee="playing_frisbee", kite="flying_kite", toothbrush="brushing_teeth",
    ),
    "drinking": _as_named("wine_glass", wine_glass="wine"),
    "cutting": _as_named("pizza cake sandwich apple orange banana carrot broccoli"),
    "catching": _as_named("frisbee sports_ball", sports_ball="ball"),
    "hitting": _as_named("sports_ball", sports_ball="ball"),
    "petting": _as_named(_ANIMALS),
    "playing with": _as_named("frisbee sports_ball teddy_bear kite cat dog", sports_ball="ball"),
    "playing": SORTS["sport"],
    "trick": _as_named("skateboard snowboard surfboard bicycle skis", bicycle="bike"),
    "talking on": _as_named("cell_phone", **_SHORT),
    "reading": _as_named("book"),
    "watching": _as_named("tv", **_SHORT),
    "using": _as_named("laptop cell_phone keyboard remote book scissors", **_SHORT),
    "pulling": _as_named("suitcase"),
    "around the neck": _as_named("tie"),
    "on": _as_named(
        "chair couch bench bed toilet motorcycle bicycle horse elephant car suitcase dining_table skateboard "
        "surfboard snowboard skis laptop", bicycle="bike", dining_table="table",
    ),
}  # fmt: skip
"""What somebody does with a thing: the labels that it is done with, and the answers."""

_ON = _as_named(
    "bed couch chair bench toilet motorcycle bicycle horse elephant skateboard surfboard snowboard laptop dining_table",
    bicycle="bike", dining_table="table",
)  # fmt: skip
_IN = _as_named("suitcase sink bowl boat oven refrigerator")
PLACES: Use = {
    label: f"{how} the {name}" for how, things in (("on", _ON), ("in", _IN)) for label, name in things.items()
}
"""What something can be on or in, and the answer to where it is."""
FIXED = frozenset(
    _as_named(
        "bed couch chair bench toilet sink oven refrigerator dining_table car truck bus train boat airplane motorcycle "
        "bicycle horse cow sheep elephant zebra giraffe traffic_light fire_hydrant stop_sign parking_meter"
    )
)
"""What stands on the ground: in another thing's box it is behind it or before it."""
NO_PLACE_FOR_PEOPLE = ("dining table", "sink", "bowl", "oven", "refrigerator", "laptop", "suitcase")
"""What people are before, not on or in."""

OUTRANKED = {"soccer": ("tennis", "baseball"), "living room": ("bedroom",)}
"""Answers that others rule out: a ball beside a racket is no football."""

SKY: Use = _as_named("kite airplane bird frisbee sports_ball", airplane="plane", sports_ball="ball")
"""What is seen in the sky."""

CONTENTS: dict[str, Use] = {
    "vase": {"potted plant": "flowers"},
    "plate": _as_named(_FOOD),
    "glass": {"wine glass": "wine"},
}
"""What holds things, and the found things that tell what is in or on it."""

PATTERNED = {"zebra": "black and white"}
"""What always has the same colours, whatever the light makes of them."""


def as_said(labels: Iterable[str]) -> Use:
    """Return each label with what people call it, whatever they do with it."""
    return {label: _ALWAYS.get(label, label) for label in labels}
