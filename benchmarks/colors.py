"""Fits how the detector names colours (experts/detectors/colors.json) on what people's captions say of them.

    python benchmarks/colors.py CAPTIONS.jsonl:PICTURES.tar [...] --cache FOUND.jsonl --write

CAPTIONS.jsonl holds `image`, `split` and `captions` or `vqa`. Each picture whose captions give a colour to something
the built-in detector finds ("a brown dog", "a boy in a red shirt", of the person) is one example for each such thing,
unless its captions disagree; so is each answered question for a colour. Outside the split "train" half of the captions
and all answers are for measuring, and captions of pictures that have such answers are not used at all. Multinomial
logistic regression with a ridge, by L-BFGS. --cache keeps what the detector found. --write replaces the table; without
it, the figures are only printed.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import tarfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vqa.agent.questions.vocabulary import label_of, meant
from vqa.experts.detectors import colors
from vqa.experts.detectors.coco import LABELS
from vqa.experts.detectors.efficientdet import INPUT_SIDE, EfficientDetLite2
from vqa.experts.detectors.mirroring import Mirrored
from vqa.experts.detectors.tiling import detect
from vqa.values import COUNT_SCORE, Region
from vqa.words import COLORS

RIDGE = 5e-4
DOGS = 0.35
"""What an example of a dog weighs: captions are full of them."""
MOST = 3  # of a label in one picture; which of more is meant nobody knows
_OTHER_NAMES = {"grey": "gray", "golden": "tan", "beige": "tan"}
_CLOTHES = "shirt t-shirt sweater jersey jacket coat dress suit uniform".split()
_JOINING = "and or with in on".split()
_COLOR = "|".join((*COLORS, *_OTHER_NAMES))
_TOLD = re.compile(rf"\b({_COLOR})(?:(?: and|,|/)? ({_COLOR}))? (?=([a-z-]+)(?: ([a-z-]+))?)")
_ASKED = re.compile(
    r"what(?: is the)? colou?rs? (?:is|are|of) (?:the |this |that |these |those |his |her )?(?P<thing>[a-z ']+?)\W*"
)


@dataclass(frozen=True)
class Example:
    """What a picture shows of one thing, and the colours that its captions give it."""

    set: str
    split: str
    image: str
    what: str
    asked: bool
    told: tuple[str, ...]
    seen: Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="CAPTIONS:PICTURES")
    parser.add_argument("--cache", type=Path, required=True, metavar="FILE")
    parser.add_argument("--limit", type=int, default=2_500, help="pictures of each set at most (%(default)s)")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found = [example for pair in args.sets for example in examples(*pair.split(":"), args.cache, args.limit)]
    held = [e for e in found if e.split != "train" and (e.asked or zlib.crc32(e.image.encode()) % 2)]
    learnt = [e for e in found if not any(e is other for other in held)]
    weights = fit(learnt)
    print(f"{len(learnt)} examples to fit, {len(held)} to measure; exact: all of the colours told, no other; of those")
    print("for which a colour is named at all")
    kinds = {
        "dogs": {"dog"},
        "clothes": {"person"},
        "other things": set(LABELS) - {"dog", "person"},
        "all": set(LABELS),
    }
    groups = {kind: [e for e in held if e.what in labels and not e.asked] for kind, labels in kinds.items()}
    for kind, asked in {**groups, "questions": [e for e in held if e.asked]}.items():
        if not asked:
            continue
        said = [weights.named(e.what, e.seen) for e in asked]
        named = sum(map(bool, said))
        pairs = [(set(words.split(" and ")), set(e.told)) for words, e in zip(said, asked, strict=True) if words]
        exact, one = np.mean([a == b for a, b in pairs]), np.mean([bool(a & b) for a, b in pairs])
        labels = {e.what for e in asked}
        most = Counter(color for e in learnt if e.what in labels for color in e.told).most_common(1)[0][0]
        always = np.mean([most in e.told for e in asked])
        figures = f"exact {exact:.1%}  one of them {one:.1%}  always {most!r} {always:.1%}"
        print(f"{kind:<14}{named:>4} of {len(asked):<4} {figures}")
    if args.write:
        file = Path(colors.__file__).with_name(colors.FILE)
        labels = {label: np.round(added, 2).tolist() for label, added in weights.labels.items()}
        fitted = {"colors": COLORS, "hues": np.round(weights.hues, 2).tolist(), "labels": labels}
        file.write_text(json.dumps(fitted, separators=(",", ":")).replace("],", "],\n") + "\n", encoding="utf-8")
        print(f"wrote {file}")


def examples(captions: str, pictures: str, cache: Path, limit: int) -> Iterator[Example]:
    """Yield what the captions of a set give a colour to and the detector finds."""
    known = {}
    if cache.exists():
        known = {row["image"]: row["regions"] for row in map(json.loads, cache.read_text().splitlines())}
    detector = Mirrored(EfficientDetLite2(), INPUT_SIDE)
    taken = 0
    with tarfile.open(pictures) as tar, cache.open("a", encoding="utf-8") as kept:
        members = {member.name: member for member in tar.getmembers()}
        for line in Path(captions).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            answered = answered_colors(row.get("vqa", []))
            told = told_colors([] if row.get("vqa") and row["split"] != "train" else row.get("captions", []))
            if not (told or answered) or taken == limit:
                continue
            taken += 1
            stream = tar.extractfile(members[row["image"]])
            assert stream is not None
            picture = Image.open(io.BytesIO(stream.read())).convert("RGB")
            if row["image"] not in known:
                sure = detect(detector, picture, COUNT_SCORE, with_tiles=True)
                known[row["image"]] = [[r.label, round(r.score, 3), r.xyxy] for r in sure]
                print(json.dumps({"image": row["image"], "regions": known[row["image"]]}), file=kept, flush=True)
            regions = [Region(tuple(xyxy), label, score) for label, score, xyxy in known[row["image"]]]
            both = [(label, names, i > 0) for i, said in enumerate((told, answered)) for label, names in said.items()]
            for label, names, asked in both:
                those = [region for region in regions if region.label == label]
                if those and len(those) <= (2 if label == "person" else MOST):
                    seen = colors.features(picture, max(those, key=lambda r: _area(r.xyxy)))
                    if seen is not None:
                        yield Example(Path(captions).stem, row["split"], row["image"], label, asked, names, seen)


def told_colors(captions: list[str]) -> dict[str, tuple[str, ...]]:
    """Return label: colours for what captions agree about; a person's are those of what they wear above."""
    said: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for caption in captions:
        for first, second, *nouns in _TOLD.findall(caption.lower()):
            label = next(filter(None, map(_label, nouns[: 1 if nouns[0] in _JOINING else 2])), None)
            if label:
                names = {_OTHER_NAMES.get(color, color) for color in (first, second) if color}
                said[label][tuple(sorted(names))] += 1
    agreed = {}
    for label, counts in said.items():
        (names, most), *others = counts.most_common()
        if not others or most >= 2 * others[0][1]:
            agreed[label] = names
    return agreed


def _label(noun: str) -> str | None:
    """Return the label that a noun of a caption stands for: "person" for what is worn, None for people themselves."""
    if noun.removesuffix("s") in _CLOTHES:
        return "person"
    label = label_of(noun, LABELS)
    return None if label == "person" else label


def answered_colors(questions: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return label: colours for questions for the colour of things, or of what a person wears above."""
    answered = {}
    for question in questions:
        match = _ASKED.fullmatch(question["question"].lower())
        names = {_OTHER_NAMES.get(word, word) for word in re.findall(r"[a-z]+", question["answer"]) if word != "and"}
        if match and names and names <= set(COLORS):
            worn = match["thing"].split()[-1] in _CLOTHES
            labels = ("person",) if worn else meant(match["thing"], LABELS)
            if len(labels) == 1 and (labels != ("person",) or worn):
                answered[labels[0]] = tuple(sorted(names))
    return answered


def fit(learnt: list[Example]) -> colors.Weights:
    """Return the weights that name the colours told likeliest; several colours of a thing share its weight."""
    import torch

    labels = sorted({example.what for example in learnt})
    which = np.eye(len(labels))[[labels.index(example.what) for example in learnt]]
    seen = torch.tensor(np.concatenate([np.stack([e.seen for e in learnt]), which], axis=1))
    told = torch.zeros(len(learnt), len(COLORS), dtype=seen.dtype)
    for i, example in enumerate(learnt):
        for color in example.told:
            told[i, COLORS.index(color)] = 1 / len(example.told)
    weight = torch.tensor([DOGS if e.what == "dog" else 1.0 for e in learnt], dtype=seen.dtype)
    table = torch.zeros(len(COLORS), seen.shape[1], dtype=seen.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([table], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Any:
        optimizer.zero_grad()
        missed = -(told * torch.log_softmax(seen @ table.T, 1)).sum(1)
        total = (missed * weight).sum() / weight.sum() + RIDGE * table.square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    hues, added = np.split(table.detach().numpy(), [len(learnt[0].seen)], axis=1)
    return colors.Weights(hues, dict(zip(labels, added.T, strict=True)))


def _area(xyxy: Any) -> float:
    return (xyxy[2] - xyxy[0]) * (xyxy[3] - xyxy[1])


if __name__ == "__main__":
    main()
