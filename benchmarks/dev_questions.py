"""Turns annotated pictures into question files for `vqa eval`: captions, VQA, presence, counting, reading.

    python benchmarks/dev_questions.py FOLDER OUT/
    vqa eval OUT/coco-vqa.jsonl --image-root FOLDER/coco.tar

FOLDER holds NAME.jsonl beside its pictures, NAME.tar: one object a line with `image`, `split` ("train" is left out but
for the scene) and some of `captions`, `vqa` (question, answer, answers), `boxes` (label, xyxy), `words` (text, quad,
ignore) and `key` (a receipt's company, date, total, address). What can be asked of a row depends on what it has:

- presence, as POPE builds it (arXiv 2305.10355, §5.1): as many things that are there as things that are not, the latter
  drawn at random, by how common they are, or by how often they stand beside what is there. A thing that a caption
  mentions is never asked as absent.
- counts of 1 to 5, no more ones than twos; a thing with a hardly visible specimen is not counted.
- comparing: whether there are more of one thing than of another, and of which there are more, for two that are there.
- what is taken for granted: questions about things that are not there, of which an answer can only be withheld.
- reading: a receipt's fields, and the words that can be read in a street.
- the scene: annotated questions for the weather, the season and the like, of the split "train" as well, since no core
  answers what the `scene` expert tells.
- claims: annotated questions for yes or no to what somebody does, or that name their answers, of the split "train" as
  well, since no core answers what the `words` expert tells.
- what somebody does or wears, yes or no: as a caption of a picture of one man, girl or dog has it, and as that of
  another picture does, of which nothing is said of this one; of the first 200 such pictures with several captions.
  The same is asked as whether there is one who does it, and of people what they do.
- whether there are any animals: where a caption of three or more names one.
- choices: the same people and dogs, and which of two it is that they do, or are.
- what is shown: "Describe the image." and "What is this?" of the first 200 pictures with several captions.
- pictures that are often no photos of scenes: web_told.tsv beside this file says of 80 of `web`, by hand, whether each
  is a photo or a drawing, which of a detector's classes it shows, of which that is unclear, and what one would call it.

The same folder and seed give the same files.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vqa.agent.folding.chosen import choices_of
from vqa.agent.folding.scene import asks_for_scene
from vqa.agent.questions.uses import SORTS
from vqa.agent.questions.vocabulary import mentioned as mentioned_labels
from vqa.agent.trust.features import SCENE
from vqa.experts.detectors.coco import LABELS
from vqa.words import one, plural

Row = dict[str, Any]

TOLD_BY_HAND = Path(__file__).with_name("web_told.tsv")
ASKED_OF_EACH = 4  # things that it does not show
MOST_DESCRIBED = 200  # pictures
MOST_ASKED = 3  # things there, and things not there, about one picture
LEAST_AREA = 0.002  # share of the picture below which a box is hardly visible
COUNTS = range(1, 6)
FIELDS = {
    "company": "What is the name of the company on the receipt?",
    "date": "What is the date on the receipt?",
    "total": "What is the total?",
    "address": "What is the address on the receipt?",
}
CLAIMS = "claims"
OF_SOMETHING = (
    "What color is the {}?",
    "What is next to the {}?",
    "What is the {} made of?",
    "Is the {} new?",
    "Is the {} large?",
    "Why is the {} there?",
)
OF_SOMEBODY = ("What is the man wearing?", "Is the woman smiling?", "What is he doing?", "Does she have long hair?")
COLORS = frozenset("black white red green blue yellow brown gray grey orange pink purple beige silver gold tan".split())
SOMEBODY = ("man", "woman", "boy", "girl", "dog")
OTHER = {"man": ["woman"], "woman": ["man"], "boy": ["girl"], "girl": ["boy"]}
DOING = re.compile(
    r"\b(?P<who>man|woman|boy|girl|dog) (?:is |who is )?(?P<does>(?!being|doing|trying|attempting)\w+ing"
    r"(?: (?:on|in|at|to|up|down|with|through|over))?(?: (?:a|an|the|his|her|its)(?: \w+)?)?"
    rf" (?!(?:next|top|front|pile|high|ready|{'|'.join(sorted(COLORS))})\b)\w+)"
    r"(?=$|[.,]| (?:in|on|while|and|with|at|near|by|through|over|next|as|to|of|from|behind)\b)"
)
LITTLE_WORDS = frozenset("a an the his her its on in at to up down with through over is and".split())
COMMON = "person, chair, car, cat, dog, book, bottle, cup, tv, laptop, bird, cell phone, clock, vase".split(", ")
# What captions call things, where it is not the label or its plural.
ALIASES = {
    "person": "man men woman women child children boy girl people lady guy baby kid skier surfer player crowd family",
    "dining table": "table desk counter",
    "couch": "sofa couch loveseat",
    "chair": "seat stool",
    "tv": "television monitor screen",
    "cell phone": "phone phones smartphone",
    "potted plant": "plant plants flower flowers",
    "sports ball": "ball baseball basketball",
    "bicycle": "bike bikes",
    "motorcycle": "motorbike scooter moped",
    "airplane": "plane planes jet aircraft",
    "handbag": "purse bag bags",
    "backpack": "bag bags",
    "suitcase": "luggage bag bags",
    "cup": "mug glass coffee drink tea",
    "wine glass": "glass glasses wine",
    "refrigerator": "fridge",
    "oven": "stove",
    "vase": "pot",
    "boat": "ship canoe",
    "cow": "cattle bull calf",
    "laptop": "computer",
    "car": "suv cab taxi traffic vehicles",
    "truck": "vehicles van",
    "tie": "suit",
    "spoon": "utensils silverware",
    "fork": "utensils silverware",
    "knife": "utensils silverware",
    "sandwich": "burger",
    "donut": "doughnut doughnuts pastry pastries",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for source in sorted(args.folder.glob("*.jsonl")):
        every = [json.loads(line) for line in source.open(encoding="utf-8")]
        rows = [row for row in every if row.get("split") != "train"]
        files = question_files(rows, random.Random(args.seed))
        if of_scenes := list(scene(every)):
            files["scene"] = of_scenes
        if claimed := list(claims(every)):
            files["claims"] = claimed
        if source.stem == "web":
            files |= told_by_hand()
        for kind, questions in files.items():
            path = args.out / f"{source.stem}-{kind}.jsonl"
            with path.open("w", encoding="utf-8") as file:
                for number, question in enumerate(questions, 1):
                    record = {"id": f"{source.stem}-{kind}-{number}", **question}
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
            types = ", ".join(f"{name} {n}" for name, n in sorted(Counter(q["type"] for q in questions).items()))
            print(
                f"{path}  {len(questions):,} questions about {len({q['image'] for q in questions}):,} pictures: {types}"
            )


_WHO_DOES = re.compile(r"Is the (\w+) ")


def question_files(rows: Sequence[Row], rng: random.Random) -> dict[str, list[Row]]:
    """Return questions by kind, for every kind that the rows have something to ask for."""
    kinds = {
        "captions": captions(rows),
        "shown": shown(rows),
        "vqa": vqa(rows),
        "presence": presence([row for row in rows if row.get("boxes")], rng),
        "counts": counts([row for row in rows if row.get("boxes")], rng),
        "receipts": receipts(rows),
        "signs": signs(rows),
        "doing": doing(rows, rng),
        "compare": comparisons([row for row in rows if row.get("boxes")], rng),
        "premise": premises([row for row in rows if row.get("boxes")], rng),
        "choice": choices(rows, rng),
        "animals": animals(rows),
    }
    files = {kind: found for kind, questions in kinds.items() if (found := list(questions))}
    if asked := files.get("doing"):
        of_people = [(row, match[1]) for row in asked if (match := _WHO_DOES.match(row["question"]))]
        said = {row["image"]: row.get("captions", ()) for row in rows}
        files["deeds"] = [
            _asked(row, f"What is the {who} doing?", said[row["image"]], type="deed", metric="supported")
            for row, who in of_people
            if row["type"] == "yes" and who != "dog"
        ]
        files["there"] = [{**row, "question": row["question"].replace("Is the", "Is there a", 1)} for row in asked]
    return files


def captions(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a picture with all its captions; one alone is too little to score against."""
    for row in rows:
        if len(row.get("captions", ())) > 1:
            question = "Describe the image in one sentence."
            yield _asked(row, question, row["captions"], type="caption", metric="captions")


def shown(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield two questions for what a picture shows; how much of the answer people say as well can be told."""
    captioned = [row for row in rows if len(row.get("captions", ())) > 1]
    for row in captioned[:MOST_DESCRIBED]:
        for question, kind in (("Describe the image.", "describe"), ("What is this?", "what")):
            yield _asked(row, question, row["captions"], type=kind, metric="supported")


def doing(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield two questions for what the one person or dog in a picture does or wears: with yes for an answer, and no."""
    for row, who, does in (chosen := acting(rows, rng)):
        yield _asked(row, f"Is the {who} {does}?", ["yes"], type="yes", metric="exact")
        words = set(re.findall(r"[a-z]+", " ".join(row["captions"]).lower())) - LITTLE_WORDS
        elsewhere = [other for _, whose, other in chosen if whose == who and words.isdisjoint(other.split())]
        if elsewhere:
            yield _asked(row, f"Is the {who} {rng.choice(elsewhere)}?", ["no"], type="no", metric="exact")


def choices(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield two questions that name their answers: what the one person or dog in a picture does, and who it is."""
    for row, who, does in (chosen := acting(rows, rng)):
        said = " ".join(row["captions"]).lower()
        deed = does.split()[0]
        others = sorted({o for _, w, other in chosen if w == who and (o := other.split()[0])[:3] not in said})
        pairs = [(deed, others, f"Is the {who} {{}} or {{}}?"), (who, OTHER.get(who, []), "Is this a {} or a {}?")]
        for right, wrong, question in pairs:
            if wrong:
                named = rng.sample((right, rng.choice(wrong)), 2)
                yield _asked(row, question.format(*named), [right], type="choice", metric="exact")


def acting(rows: Iterable[Row], rng: random.Random) -> list[tuple[Row, str, str]]:
    """Return pictures of one person or dog, who it is, and what one of the captions says that they do or wear.

    Where some pictures have annotated questions, only those: of the others benchmarks/phrases.py learns.
    """
    pictures: list[tuple[Row, str, str]] = []
    captioned = [row for row in rows if len(row.get("captions", ())) > 1]
    for row in [row for row in captioned if row.get("vqa")] or captioned:
        said = [caption.lower() for caption in row.get("captions", ())]
        who = [one for one in SOMEBODY if any(re.search(rf"\b{one}\b", caption) for caption in said)]
        several = any(
            re.search(rf"\b(?:{'|'.join(plural(one, 2) for one in SOMEBODY)}|two|group|people)\b", s) for s in said
        )
        found = [match for caption in said if (match := DOING.search(caption))]
        if len(said) > 1 and len(who) == 1 and not several and found:
            pictures.append((row, who[0], rng.choice(found)["does"]))
    return pictures[:MOST_DESCRIBED]


def animals(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield whether there are any animals: there are if a caption names some."""
    for row in rows:
        if len(said := row.get("captions", ())) > 2:
            named = {label for caption in said for label in mentioned_labels(caption, LABELS)}
            there = bool(named & SORTS["animal"].keys()) or any("animal" in caption.lower() for caption in said)
            answer = "yes" if there else "no"
            yield _asked(row, "Are there any animals?", [answer], type=answer, metric="exact")


def vqa(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the annotated questions that have an answer; where DAQUAR lists several things, each is right."""
    for row in rows:
        for item in row.get("vqa", ()):
            if item.get("answers"):
                answers = item["answers"]
            elif item.get("answer"):
                parts = [part.strip().replace("_", " ") for part in item["answer"].split(",")]
                answers = list(dict.fromkeys([", ".join(parts), *parts]))
            else:
                continue
            metric = "vqa" if len(answers) >= 10 else "exact"
            yield _asked(row, item["question"], answers, type=answer_type(answers), metric=metric)


def scene(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the annotated questions for what the whole scene is like; what three of ten people say is right."""
    for asked in vqa(rows):
        if asks_for_scene(asked["question"]):
            said = [answer for answer, n in Counter(asked["answers"]).items() if n >= min(3, len(asked["answers"]))]
            yield {**asked, "answers": said or asked["answers"], "type": SCENE, "metric": "exact"}


def claims(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the annotated questions for yes or no to what somebody does, is or has, and those that name the answer."""
    for asked in vqa(rows):
        said = Counter(asked["answers"]).most_common(1)[0][0]
        choices = choices_of(asked["question"])
        if said in choices or (len(choices) == 1 and asked["type"] == "yes/no"):
            yield {**asked, "answers": [said], "type": CLAIMS, "metric": "exact"}


def answer_type(answers: Sequence[str]) -> str:
    """Return the kind of question by its commonest answer: yes/no, number, color, several, other."""
    answer = Counter(answers).most_common(1)[0][0].lower()
    if answer in ("yes", "no"):
        return "yes/no"
    if answer.isdigit():
        return "number"
    if "," in answer:
        return "several"
    return "color" if answer in COLORS else "other"


def presence(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield as many questions whose answer is yes as no, for each of POPE's three ways to choose what is not there."""
    labels = {row["image"]: list(dict.fromkeys(box["label"] for box in row["boxes"])) for row in rows}
    common = Counter(label for found in labels.values() for label in found)
    together = Counter((a, b) for found in labels.values() for a in found for b in found if a != b)
    for row in rows:
        there = labels[row["image"]]
        absent = [label for label in common if label not in there and not mentioned(label, row.get("captions", ()))]
        asked = rng.sample(there, min(MOST_ASKED, len(there)))
        chosen = {
            "random": rng.sample(absent, len(asked)),
            "popular": sorted(absent, key=lambda label: (-common[label], label)),
            "adversarial": sorted(absent, key=lambda label: (-sum(together[label, other] for other in there), label)),
        }
        for split, missing in chosen.items():
            answers = [(label, "yes") for label in asked] + [(label, "no") for label in missing[: len(asked)]]
            for label, answer in answers:
                question = f"Is there {one(label)} in the image?"
                yield _asked(row, question, [answer], type=split, metric="pope")


def mentioned(label: str, texts: Iterable[str]) -> bool:
    """Return whether one of the texts names the thing, by its label or by what people call it."""
    words = set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    names = [label, plural(label, 2), *ALIASES.get(label, "").split()]
    return any(set(name.split()) <= words for name in names)


def counts(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield how many of a thing there are, for things of which there are few enough to be counted."""
    asked: dict[int, list[Row]] = {n: [] for n in COUNTS}
    for row in rows:
        extent = max(box["xyxy"][2] for box in row["boxes"]) * max(box["xyxy"][3] for box in row["boxes"])
        for label, n in Counter(box["label"] for box in row["boxes"]).items():
            areas = [_area(box) for box in row["boxes"] if box["label"] == label]
            if n in asked and min(areas) >= LEAST_AREA * extent:
                question = f"How many {plural(label, 2)} are there?"
                asked[n].append(_asked(row, question, [str(n)], type=str(n), metric="count"))
    asked[1] = rng.sample(asked[1], min(len(asked[1]), len(asked[2])))
    order = {row["image"]: place for place, row in enumerate(rows)}
    yield from sorted((row for group in asked.values() for row in group), key=lambda row: order[row["image"]])


def comparisons(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield as many yes as no, and as often which of the two it is; of things that are as many nobody is asked."""
    for row in rows:
        found = Counter(box["label"] for box in row["boxes"])
        pairs = [(a, b) for a in found for b in found if found[a] > found[b]]
        for more, less in rng.sample(pairs, min(MOST_ASKED, len(pairs))):
            for thing, other, answer in ((more, less, "yes"), (less, more, "no")):
                question = f"Are there more {plural(thing, 2)} than {plural(other, 2)}?"
                yield _asked(row, question, [answer], type="more", metric="exact")
            first, second = rng.sample((plural(more, 2), plural(less, 2)), 2)
            question = f"Which are more, {first} or {second}?"
            yield _asked(row, question, [plural(more, 2)], type="which", metric="exact")


def premises(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Yield questions that take things for granted which neither a box nor a caption has."""
    common = list(dict.fromkeys(box["label"] for row in rows for box in row["boxes"]))
    for row in rows:
        there = {box["label"] for box in row["boxes"]}
        absent = [label for label in common if label not in there and not mentioned(label, row.get("captions", ()))]
        for label in rng.sample(absent, MOST_ASKED) + ["person"] * ("person" in absent):
            question = rng.choice(OF_SOMEBODY if label == "person" else OF_SOMETHING).format(label)
            right = ["I cannot tell", f"There is no {label}"]
            yield _asked(row, question, right, type="premise", metric="exact")


def receipts(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a question for each field of a receipt; an amount is right with its currency and without."""
    for row in rows:
        for field, question in FIELDS.items():
            if value := row.get("key", {}).get(field, "").strip():
                bare = re.sub(r"^(?:RM|\$)\s*", "", value)
                answers = [bare, f"RM{bare}", f"RM {bare}", f"${bare}"] if field == "total" else [value]
                yield _asked(row, question, answers, type=field, metric="anls")


def signs(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a question for the words of a street that can be read, each of which is to be said."""
    for row in rows:
        words = [w["text"] for w in row.get("words", ()) if not w["ignore"] and len(re.sub(r"\W", "", w["text"])) > 2]
        parts = list(dict.fromkeys(word.lower().strip(".,!?:;") for word in words))
        if parts:
            kind = "1 word" if len(parts) == 1 else "2 to 4 words" if len(parts) <= 4 else "more words"
            yield _asked(row, "What does the text say?", ["<AND>".join(parts)], type=kind, metric="contains")


def told_by_hand() -> dict[str, list[Row]]:
    """Return questions by kind about the pictures in TOLD_BY_HAND: what is there, what it is, whether it is drawn."""
    with TOLD_BY_HAND.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    there, what, drawn = [], [], []
    for row in rows:
        shows, unclear = ([name for name in row[key].split(", ") if name] for key in ("shows", "unclear"))
        absent = [label for label in COMMON if label not in (*shows, *unclear)]
        absent.sort(key=lambda label: zlib.crc32(f"{row['image']} {label}".encode()))
        for label in (*shows, *absent[:ASKED_OF_EACH]):
            question, answer = f"Is there {one(label)} in the image?", "yes" if label in shows else "no"
            there.append(_asked(row, question, [answer], type="told by hand", metric="pope"))
        what.append(_asked(row, "What is this?", [row["words"]], type="what", metric="supported"))
        for medium in (kind for kind in ("photo", "drawing") if row["kind"] != "unclear"):
            answer = "yes" if row["kind"] == medium else "no"
            drawn.append(_asked(row, f"Is this a {medium}?", [answer], type=f"{row['kind']}s", metric="exact"))
    return {"presence": there, "shown": what, "drawn": drawn}


def _asked(row: Mapping[str, Any], question: str, answers: Sequence[str], *, type: str, metric: str) -> Row:
    return {"image": row["image"], "question": question, "answers": list(answers), "type": type, "metric": metric}


def _area(box: Mapping[str, Any]) -> float:
    x0, y0, x1, y1 = box["xyxy"]
    return float((x1 - x0) * (y1 - y0))


if __name__ == "__main__":
    main()
