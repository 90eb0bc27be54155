"""From the words people use to the labels a detector knows: plurals, synonyms, groups, English and Korean.

The table covers COCO's 80 classes; labels outside it (a custom YOLO) still match by their own name and plural.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from vqa.agent.questions.taxonomy import ANYBODY, PEOPLE, SORTS
from vqa.words import COLORS, plural

# label: English words besides the label and its plural; then Korean words.
_SYNONYMS: dict[str, tuple[str, str]] = {
    "person": (
        "people persons man men woman women boy boys girl girls child children kid kids baby babies guy guys lady "
        "ladies human humans pedestrian pedestrians someone somebody anyone anybody player players rider riders crowd",
        "사람 남자 여자 아이 소년 소녀 인물 아기 명이",
    ),
    "man": ("guy guys gentleman gentlemen", "남자"),
    "woman": ("lady ladies", "여자"),
    "boy": ("", "소년"),
    "girl": ("", "소녀"),
    "bicycle": ("bike bikes cycle cycles bicyclist cyclist cyclists", "자전거"),
    "car": ("automobile automobiles sedan sedans taxi taxis cab cabs", "자동차 승용차 차가 차는 차량"),
    "motorcycle": ("motorbike motorbikes scooter scooters moped mopeds", "오토바이"),
    "airplane": ("plane planes aeroplane aeroplanes aircraft jet jets", "비행기"),
    "bus": ("coach coaches minibus", "버스"),
    "train": ("trains locomotive tram trams", "기차 열차"),
    "truck": ("lorry lorries pickup pickups", "트럭"),
    "boat": ("ship ships canoe canoes kayak kayaks sailboat sailboats", "보트 배가"),
    "traffic light": ("stoplight stoplights traffic signal", "신호등"),
    "fire hydrant": ("hydrant hydrants", "소화전"),
    "stop sign": ("", "정지 표지판"),
    "parking meter": ("", "주차 미터기"),
    "bench": ("", "벤치"),
    "bird": ("pigeon pigeons duck ducks seagull seagulls", "새가 새는 새들"),
    "cat": ("kitten kittens kitty", "고양이"),
    "dog": ("puppy puppies doggy", "강아지 개가 개는"),
    "horse": ("pony ponies", "말이 말은"),
    "sheep": ("lamb lambs", "양이 양은"),
    "cow": ("cattle bull bulls calf calves", "소가 소는 젖소"),
    "elephant": ("", "코끼리"),
    "bear": ("", "곰"),
    "zebra": ("", "얼룩말"),
    "giraffe": ("", "기린"),
    "backpack": ("rucksack rucksacks", "배낭 백팩"),
    "umbrella": ("parasol parasols", "우산"),
    "handbag": ("purse purses bag bags", "핸드백 가방"),
    "tie": ("necktie neckties", "넥타이"),
    "suitcase": ("luggage", "여행 가방 캐리어"),
    "frisbee": ("", "프리스비 원반"),
    "skis": ("ski", "스키"),
    "snowboard": ("", "스노보드"),
    "sports ball": ("ball balls football soccer ball basketball baseball tennis ball", "공이 공은 축구공 농구공"),
    "kite": ("", "연이 연은"),
    "baseball bat": ("bat bats", "야구 방망이"),
    "baseball glove": ("glove gloves mitt", "글러브"),
    "skateboard": ("", "스케이트보드"),
    "surfboard": ("", "서프보드"),
    "tennis racket": ("racket rackets racquet", "라켓"),
    "bottle": ("", "병이 병은 물병"),
    "wine glass": ("glass glasses goblet", "와인잔"),
    "cup": ("mug mugs", "컵 머그"),
    "fork": ("", "포크"),
    "knife": ("", "칼이 칼은 나이프"),
    "spoon": ("", "숟가락 스푼"),
    "bowl": ("", "그릇"),
    "banana": ("", "바나나"),
    "apple": ("", "사과"),
    "sandwich": ("", "샌드위치"),
    "orange": ("oranges", "오렌지"),
    "broccoli": ("", "브로콜리"),
    "carrot": ("", "당근"),
    "hot dog": ("hotdog hotdogs", "핫도그"),
    "pizza": ("", "피자"),
    "donut": ("doughnut doughnuts", "도넛"),
    "cake": ("cupcake cupcakes", "케이크"),
    "chair": ("armchair armchairs stool stools seat seats", "의자"),
    "couch": ("sofa sofas", "소파"),
    "potted plant": ("plant plants houseplant", "화분 식물"),
    "bed": ("", "침대"),
    "dining table": ("table tables desk desks", "식탁 테이블 탁자 책상"),
    "toilet": ("", "변기"),
    "tv": ("television televisions monitor monitors screen screens", "텔레비전 티비 모니터"),
    "laptop": ("notebook computer computer computers", "노트북 컴퓨터"),
    "mouse": ("", "마우스"),
    "remote": ("remote control controller controllers", "리모컨"),
    "keyboard": ("", "키보드"),
    "cell phone": ("phone phones cellphone cellphones mobile smartphone smartphones telephone", "휴대폰 핸드폰 전화기"),
    "microwave": ("microwave oven", "전자레인지"),
    "oven": ("stove stoves", "오븐"),
    "toaster": ("", "토스터"),
    "sink": ("", "싱크대 세면대"),
    "refrigerator": ("fridge fridges freezer", "냉장고"),
    "book": ("", "책이 책은"),
    "clock": ("", "시계"),
    "vase": ("", "꽃병"),
    "scissors": ("", "가위"),
    "teddy bear": ("teddy plush stuffed animal", "곰인형 테디베어"),
    "hair drier": ("hairdryer hair dryer", "드라이어"),
    "toothbrush": ("", "칫솔"),
}
_TWO_WORDS = ("traffic signal", "soccer ball", "tennis ball", "notebook computer", "remote control", "microwave oven",
              "stuffed animal", "hair dryer")  # fmt: skip

_ANIMALS = tuple(SORTS["animal"])
_VEHICLES = ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat")
_FRUIT = ("banana", "apple", "orange")
_FURNITURE = ("chair", "couch", "bed", "dining table", "bench")
_CUTLERY = ("fork", "knife", "spoon")
_CHILDREN, _GROWN_UPS, _MALES, _FEMALES = ("boy", "girl"), ("man", "woman"), ("man", "boy"), ("woman", "girl")
_GROUPS: dict[str, tuple[str, ...]] = {
    "animal": _ANIMALS, "animals": _ANIMALS, "pet": ("cat", "dog"), "pets": ("cat", "dog"), "동물": _ANIMALS,
    "vehicle": _VEHICLES, "vehicles": _VEHICLES, "탈것": _VEHICLES,
    **dict.fromkeys("child children kid kids baby babies toddler toddlers 아이 아기".split(), _CHILDREN),
    "adult": _GROWN_UPS, "adults": _GROWN_UPS, "male": _MALES, "males": _MALES, "female": _FEMALES, "females": _FEMALES,
    "fruit": _FRUIT, "fruits": _FRUIT, "과일": _FRUIT,
    "furniture": _FURNITURE, "silverware": _CUTLERY, "cutlery": _CUTLERY, "utensil": _CUTLERY, "utensils": _CUTLERY,
}  # fmt: skip

_COLORS = "|".join(color for color in COLORS if color != "orange")
_A_COLOR = re.compile(
    r"\borange(?= (?!(?:and|or|in|on|at|is|are|was|were|to|of|by|with|than|near|next|behind|under|beside|above|below|"
    r"left|right|inside|outside|here|there|that|which|visible|present|shown|trees?|slices?)\b)[a-z])"
    rf"|\borange(?=(?:,| and| or) (?:{_COLORS})\b)|\b(?:{_COLORS})(?:,| and| or) orange\b"
)
"""Orange before the name of something else, or beside another colour: a colour, no fruit."""

_ON_A_NOSE = re.compile(
    r"\b(?:wear(?:s|ing)?|(?:sun|eye|reading)|his|her|their|my|m[ae]n|wom[ae]n|person|people|boys?|girls?|he|she|they)"
    r"(?:'s)?(?: (?:have|has|having|with|in|any|a pair of|pair of|dark|black|some))* ?glasses\b"
)
"""Glasses that nobody drinks from."""

_HEADS = "|".join(  # what the name of a thing stands before without being the thing: a mouse pad is no mouse
    "area bag band bath bathroom bed bell bench board boot booth bottle bowl box bread brush building cage cake "
    "cap carriage cart case charger cloth club coat collar computer cord counter court cover crossing cutter desk "
    "diamond dock door driver emblem face farm faucet feeder fence field food frame game garage goggles handle "
    "hat helmet holder house jacket jar jersey juice keyboard lane leash leg lid lift light line litter logo "
    "magnet mat match meat monitor mouse number pad page paper park path pen pie plate platform player pole post "
    "race rack ramp remote rider road robe rope route sauce screen seat sheet shelf shelve shirt shop shorts show "
    "sign slope stable stadium stall stand station statue stop store strap string stroller tail tank team tower "
    "toy track trail tray tree trunk tube uniform vase vest wall wheel window wing".split()
)
_COMPOUND = re.compile(rf"(?P<before>.*?(?P<word>[a-z]+))\s+(?:{_HEADS})(?:e?s)?")


def mentioned(text: str, labels: Collection[str]) -> tuple[str, ...]:
    """Return the labels of a vocabulary that `text` names, in the order it names them.

    "two bikes and a man" names bicycle and person; "vehicles" names every vehicle in the vocabulary. A longer name
    wins over one inside it: "teddy bear" is no bear, "stop sign" no sign. "An orange kite" names no fruit; glasses that
    somebody wears are no wine glasses.
    """
    lowered = _A_COLOR.sub(lambda color: " " * len(color[0]), text.lower())
    plain = _ON_A_NOSE.sub(lambda worn: worn[0].removesuffix("glasses"), lowered)
    return _mentioned(plain, tuple(sorted(labels)))


@lru_cache(maxsize=4096)  # routing, folding and trust read the same question, some of them several times
def _mentioned(lowered: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, int] = {}
    taken: list[tuple[int, int]] = []
    for word, targets in _lexicon(labels):
        for match in _pattern(word).finditer(lowered):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            taken.append(match.span())
            for label in targets:
                found[label] = min(match.start(), found.get(label, match.start()))
    return tuple(sorted(found, key=lambda label: found[label]))


def meant(thing: str, labels: Collection[str]) -> tuple[str, ...]:
    """Return the labels that the noun phrase `thing` stands for, none for what only has one in its name.

    "black dogs" are dogs; a dog house is none, nor is a bus stop a bus.
    """
    labels_named = mentioned(thing, labels)
    compound = _COMPOUND.fullmatch(thing.lower())
    if compound is None:
        return labels_named
    before = mentioned(compound["before"], labels)
    if labels_named != before:  # the last word is a thing itself, or part of its name: computer mouse, stop sign
        return tuple(label for label in labels_named if label not in before) or labels_named
    word = compound["word"]
    label = label_of(word, labels)
    one_of_it = label is not None and not (word[-1] == "s" and label_of(word[:-1], labels))  # bus, but not dogs
    return () if one_of_it and label not in (*ANYBODY, "sheep") else labels_named


def label_of(name: str, labels: Collection[str]) -> str | None:
    """Return the label that `name` is a name of and nothing besides: "couch" for "sofa", None for "red sofa"."""
    meant = labels_of(name, labels)
    return meant[0] if len(meant) == 1 else None


def labels_of(name: str, labels: Collection[str]) -> tuple[str, ...]:
    """Return the labels that `name` is a name of and nothing besides: several for "animals", none for "red sofa"."""
    return dict(_lexicon(tuple(sorted(labels)))).get(name.lower(), ())


def korean_words(label: str) -> list[str]:
    """Return the Korean words for one of COCO's labels; empty for any other label."""
    return _SYNONYMS.get(label, ("", ""))[1].split()


@lru_cache(maxsize=16)
def _lexicon(labels: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    """Return (surface form, labels) pairs, longest form first."""
    people = tuple(label for label in ("person", *PEOPLE) if label in labels)  # a man is a person, too
    forms = dict.fromkeys(_synonyms("person"), people) if "person" in labels else {}
    for word, members in _GROUPS.items():
        if present := tuple(label for label in members if label in labels):
            forms[word] = present
    for label in labels:
        if label != "person":
            forms |= dict.fromkeys(_synonyms(label), (label,))
    for label in labels:  # a label's own name beats another label's synonym
        forms[label.lower()] = forms[plural(label.lower(), 0)] = people if label == "person" else (label,)
    return sorted(forms.items(), key=lambda form: -len(form[0]))


def _synonyms(label: str) -> Iterable[str]:
    english, korean = _SYNONYMS.get(label, ("", ""))
    return (*_split(english), *korean.split())


def _split(words: str) -> Iterable[str]:
    for pair in _TWO_WORDS:
        words = words.replace(pair, pair.replace(" ", "_"))
    return [word.replace("_", " ") for word in words.split()]


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    """Return a whole-word pattern; Korean words carry particles, so they match anywhere."""
    escaped = re.escape(word)
    return re.compile(rf"(?<!\w){escaped}(?!\w)" if word.isascii() else escaped)


def says(text: str, cue: str) -> bool:
    """Return whether `text` contains the cue as a word, or as its plural or third person ("say", "says")."""
    lowered = text.lower()
    if not cue.isascii():
        return cue in lowered
    return re.search(rf"(?<!\w){re.escape(cue.lower())}(?:e?s)?(?!\w)", lowered) is not None
