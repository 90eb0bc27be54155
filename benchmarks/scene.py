"""Fits what the `scene` expert tells (experts/scenes/heads.safetensors) on people's captions.

    python benchmarks/scene.py CAPTIONS.jsonl:PICTURES.tar [...] --cache FEATURES.pt --write

CAPTIONS.jsonl holds `image`, `split` and `captions`, and perhaps `vqa`. A picture is an example of a concept if two of
its captions name it (one of a concept that few pictures are of), and of its absence if none does and it is one of those
of which it could be said: of "walking", if somebody is said to do something else. What is between is left out. The
split "train" is learnt from; of a set without one, the pictures without questions; of one without another, four in
five. The rest are for measuring. Pictures with one caption, of which it can hardly be told what is not in them, serve
to tell drawings, logos and what stands on plain ground from scenes. Logistic regression with a ridge, by L-BFGS.
--cache keeps the pictures' features. --write replaces the heads; without it, the figures are only printed.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from vqa.experts.scenes.concepts import CONCEPTS, GRAY
from vqa.experts.scenes.heads import FILE, Heads, colors_of, features, grid_of
from vqa.images import load_image
from vqa.networks.sight import sight
from vqa.settings import Settings

LEARNT = tuple(name for name in CONCEPTS if name != GRAY)
RIDGE = 0.05
HELD_OUT = 5  # one picture of so many of a set that has no other split
PLAIN = 0.03
"""Deviation of the colours along the border, of 1, under which it is plain."""
FEW = 60
"""Pictures that two captions say it of: with fewer of them one caption is enough."""

_OPEN = r"grass|grassy|field|beach|street|road|park|lake|ocean|river|mountains?|hills?|trees?|outside|outdoors|sidewalk"
_OUT = rf"\b(?:{_OPEN}|sky|yard|sand|dirt|snow|snowy)\b"
_IN = (
    r"\b(?:room|kitchen|bathroom|bedroom|indoors?|inside|couch|sofa|bed|toilet|sink|restaurant|gym|office|desk|stove|"
    r"refrigerator|carpet)\b"
)
_SUN = (
    r"sunny|sunlight|sunlit|sunshine|clear sky|blue sk(?:y|ies)|clear blue|clear day|bright (?:sun|day)|in the sun|"
    r"sunbath\w*|sunning|shadows?"
)
_CLOUDS = (
    r"cloudy|clouds|overcast|rain|rainy|raining|fog|foggy|mist|misty|gr[ae]y sky|storm|stormy|gloomy|dreary|"
    r"wet (?:street|road)"
)
_SOMEBODY = r"\b(?:m[ae]n|wom[ae]n|boys?|girls?|people|person|child(?:ren)?|kids?|lad(?:y|ies)|guys?|baby|players?)\b"
_DOING = {
    "standing": "standing|stands?",
    "sitting": "sitting|sits?|seated",
    "walking": "walking|walks?",
    "running": "running|runs?",
    "jumping": "jumping|jumps?|leaps?|leaping",
    "eating": "eating|eats?|grazing|grazes?",
    "lying down": "lying|laying|lays|lies|sleeping|sleeps|asleep",
    "climbing": "climbing|climbs?",
    "swimming": "swimming|swims?",
    "dancing": "dancing|dances?",
}
_ELSE_DONE = "talking|talks|speaking|playing|plays?|riding|rides?|posing|poses"
_ALL_DONE = rf"\b(?:{'|'.join((*_DOING.values(), _ELSE_DONE))})\b"
_AROUND = {
    "grass": "grass|grassy",
    "field": "field",
    "water": "water|ocean|lake|river|pool|sea|waves?|pond",
    "ocean": "ocean|sea",
    "lake": "lake|pond",
    "river": "river|stream|creek",
    "pool": "pool",
    "waves": "waves?",
    "beach": "beach|seashore|seaside",
    "sand": "sand|sandy",
    "snow": "snow|snowy|skis?|skiing|skier|snowboard(?:er|ing)?",
    "mountains": "mountains?|mountainside",
    "hill": "hills?|hillside|hilly",
    "cliff": "cliff",
    "rocks": "rocks?|rocky|boulders?",
    "trees": "trees?|woods|forest|wooded",
    "flowers": "flowers?",
    "street": "street|road|highway",
    "sidewalk": "sidewalk|pavement",
    "path": "path|trail",
    "buildings": "buildings?|skyscrapers?",
    "bridge": "bridge",
    "stairs": "stairs|steps|staircase",
    "fence": "fence|fenced",
    "dirt": "dirt|muddy|mud",
    "crowd": "crowd|crowded",
    "city": "city",
}
_WORN = {"hat": "hats?|caps?", "helmet": "helmets?", "uniform": "uniforms?"}
_MADE = (
    r"vectors?|illustrations?|illustrated|clip ?art|logos?|icons?|isolated|drawings?|drawn|cartoons?|template|"
    r"infographic|poster|screenshot|diagram|chart|silhouettes?|seamless|pattern|sketch|stickers?|coloring|paintings?|map"
)
_DRAWN = (
    r"vectors?|illustrations?|illustrated|clip ?art|icons?|drawings?|drawn|cartoons?|infographic|diagram|chart|sketch|"
    r"coloring|logos?"
)
_SPORTS = {
    "baseball": "baseball",
    "tennis": "tennis",
    "basketball": "basketball",
    "football": "football",
    "soccer": "soccer",
    "hockey": "hockey",
}


@dataclass(frozen=True)
class Said:
    """How captions tell of a concept.

    Attributes:
        words: That say it.
        instead: Words of captions that are of what could be it and say none of `words`: then it is not; "" for any.
        least: Captions that must say one of `instead`.
        contrary: Whether a caption that says one of `instead` denies it.
        once: Whether pictures with one caption are examples, too; those that say one of `instead` and none of `words`
            may be anything.
        plain: Whether those on plain ground are examples whatever is said of them.
    """

    words: str
    instead: str = ""
    least: int = 2
    contrary: bool = False
    once: bool = False
    plain: bool = False


SAID = {
    "outdoors": Said(_OUT, _IN, contrary=True),
    "night": Said(r"\bnight(?:time)?\b|\bin the dark\b", _OUT),
    "sunset": Said(r"\b(?:sunset|sunrise|dusk|dawn)\b", _OUT),
    "sunny": Said(rf"\b(?:{_SUN})\b", rf"\b(?:{_CLOUDS})\b", least=1),
    "rainy": Said(r"\b(?:rain|rainy|raining)\b", _OUT),
    **{name: Said(rf"\b(?:{words})\b", _ALL_DONE) for name, words in _DOING.items()},
    **{name: Said(rf"\b(?:{words})\b", _SOMEBODY) for name, words in _WORN.items()},
    "no scene": Said(rf"\b(?:{_MADE})\b", once=True, plain=True),
    "drawing": Said(rf"\b(?:{_DRAWN})\b", rf"\b(?:{_MADE})\b", once=True),
    **{name: Said(rf"\b(?:{words})\b") for name, words in {**_AROUND, **_SPORTS}.items()},
}


@dataclass(frozen=True)
class Picture:
    """What a picture shows, and what people say of it."""

    key: str
    captions: tuple[str, ...]
    learnt: bool
    set: int


def main() -> None:
    args = arguments(__doc__)
    pictures, seen = looked_at(args.sets, args.cache)
    learnt, held = ([p for p in pictures if p.learnt is which] for which in (True, False))
    told = torch.stack([seen[p.key] for p in learnt])  # (N, D)
    mean, scale = told.mean(dim=0), told.std(dim=0) + 1e-3
    unseen = torch.stack([seen[p.key] for p in held])
    labels, known = zip(*(labelled(SAID[name], learnt, told) for name in LEARNT), strict=True)
    weights, bias = fit((told - mean) / scale, torch.stack(labels, 1), torch.stack(known, 1), balanced(learnt))
    shares = (((unseen - mean) / scale) @ weights.T + bias).sigmoid()  # (M, concepts)
    print(f"{len(learnt)} pictures to fit, {len(held)} to measure; of each set: pictures that show it, area under the")
    print("curve, and how often what is told (0.5) is so, of how many")
    for number, name in enumerate(LEARNT):
        shown, counted = labelled(SAID[name], held, unseen)
        figures = []
        for place in range(len(args.sets)):
            those = counted.bool() & torch.tensor([p.set == place for p in held])
            yes, share = shown[those].bool(), shares[those, number]
            told_so = yes[share >= 0.5]
            figures.append(f"{int(yes.sum()):>4} {area(share, yes)} {int(told_so.sum()):>4} of {len(told_so):<4}")
        print(f"{CONCEPTS[name]:<10}{name:<12}{int(labels[number].sum()):>5} learnt   {'   '.join(figures)}")
    if args.write:
        Heads(LEARNT, mean, scale, weights, bias).save(FILE)
        print(f"wrote {FILE}, {FILE.stat().st_size:,} bytes")


def arguments(description: str) -> argparse.Namespace:
    """Return what a script that fits something on captioned pictures is told on its command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="CAPTIONS:PICTURES")
    parser.add_argument("--cache", type=Path, required=True, metavar="FILE")
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def looked_at(sets: Sequence[str], cache: Path, *, least: int = 1) -> tuple[list[Picture], dict[str, Tensor]]:
    """Return the pictures of sets that have at least so many captions, and the features of all there are, by key."""
    pictures: list[Picture] = []
    seen: dict[str, Tensor] = torch.load(cache, weights_only=True) if cache.exists() else {}
    for number, pair in enumerate(sets):
        captions, tar = pair.split(":")
        found = [picture for picture in read(captions, tar, number) if len(picture.captions) >= least]
        look(found, tar, seen, cache)
        pictures += found
    return pictures, seen


def read(captions: str, pictures: str, number: int) -> Iterator[Picture]:
    """Yield the captioned pictures of a set."""
    rows = [json.loads(line) for line in Path(captions).read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row.get("captions")]
    splits = {row["split"] for row in rows}
    for row in rows:
        if splits == {"train"}:
            learnt = zlib.crc32(row["image"].encode()) % HELD_OUT != 0
        else:
            learnt = row["split"] == "train" if "train" in splits else not row.get("vqa")
        yield Picture(f"{Path(pictures).stem}/{row['image']}", tuple(row["captions"]), learnt, number)


def look(pictures: Sequence[Picture], tar: str, seen: dict[str, Tensor], cache: Path) -> None:
    """Add the features of those that were not looked at, and keep them."""
    missing = [p for p in pictures if p.key not in seen]
    if not missing:
        return
    looking = sight(Settings.load())
    with tarfile.open(tar) as archive, torch.inference_mode():
        for number, picture in enumerate(missing, 1):
            stored = archive.extractfile(picture.key.partition("/")[2])
            assert stored is not None
            image = load_image(stored.read())
            seen[picture.key] = features(looking.tokens(image), colors_of(image.pil)).clone()
            if number % 500 == 0 or number == len(missing):
                print(f"{tar}: {number} of {len(missing)} looked at", flush=True)
                torch.save(seen, cache)


def labelled(said: Said, pictures: Sequence[Picture], seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return which pictures show a concept, (N), and of which it is known whether they do, (N).

    Args:
        said: How captions tell of it.
        pictures: N of them.
        seen: (N, D) their features; what stands on plain ground has no scene either.
    """
    so = torch.tensor([_number(said.words, p) for p in pictures])
    instead = torch.tensor([_number(said.instead, p) if said.instead else said.least for p in pictures])
    alone = torch.tensor([len(p.captions) < 2 for p in pictures])
    if said.once:
        shows = alone & ((so > 0) | (on_plain_ground(seen) if said.plain else False))
        open_to_doubt = alone & ((instead > 0) if said.instead else True)
        return shows.float(), (shows | (~open_to_doubt & (so == 0))).float()
    enough = 1 if int((so >= 2).sum()) < FEW else 3 if said.contrary else 2
    shows = ~alone & (so >= enough) & ((instead == 0) | (not said.contrary))
    shows_not = ~alone & (so == 0) & (instead >= said.least)
    return shows.float(), (shows | shows_not).float()


def on_plain_ground(seen: Tensor) -> Tensor:
    """Return of which pictures the cells at the border have one colour, (N), by their features (N, D)."""
    grid = grid_of(seen)  # (N, 3, G, G)
    border = torch.cat([grid[..., 0, :], grid[..., -1, :], grid[..., 0], grid[..., -1]], dim=-1)  # (N, 3, 4 G)
    return border.std(dim=-1).amax(dim=-1) < PLAIN


def _number(pattern: str, picture: Picture) -> int:
    return sum(re.search(pattern, caption.lower()) is not None for caption in picture.captions)


def balanced(pictures: Sequence[Picture]) -> Tensor:
    """Return what each picture weighs, (N): all of a small set together a third of what the largest does."""
    sizes = Counter(picture.set for picture in pictures)
    return torch.tensor([max(1.0, max(sizes.values()) / sizes[p.set] / 3) for p in pictures])


def fit(told: Tensor, labels: Tensor, known: Tensor, weighs: Tensor, ridge: float = RIDGE) -> tuple[Tensor, Tensor]:
    """Return weights (concepts, D) and bias (concepts) of features (N, D), labels and whether they are known."""
    share = known * weighs[:, None]
    share = share / share.sum(dim=0)
    weights = torch.zeros(labels.shape[1], told.shape[1], requires_grad=True)
    bias = torch.zeros(labels.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=150, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        wrong = binary_cross_entropy_with_logits(told @ weights.T + bias, labels, reduction="none")
        total: Tensor = (wrong * share).sum() + ridge * (weights**2).sum()
        total.backward()
        return total

    step: Callable[[Callable[[], Tensor]], Tensor] = optimizer.step
    step(loss)
    return weights.detach(), bias.detach()


def area(shares: Tensor, yes: Tensor) -> str:
    """Return the area under the receiver operating characteristic, in words; "-" without both kinds."""
    positive, negative = shares[yes], shares[~yes]
    if not len(positive) or not len(negative):
        return "    -"
    above = (positive[:, None] > negative[None]).float() + 0.5 * (positive[:, None] == negative[None]).float()
    return f"{float(above.mean()):.3f}"


if __name__ == "__main__":
    main()
