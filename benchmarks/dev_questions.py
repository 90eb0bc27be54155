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
- relations: what is left or right of a thing, or on it.
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
- whether there is a thing that no detector knows: one that captions mention, and one that they do not.
- what somebody wears, what they stand on, run through, jump into, and where they are, as captions tell;
  and where the picture was taken.
- whether there is a man, a woman or a child, and how many, as captions have it.
- whether there are any animals: where a caption of three or more names one; then whether it is a dog, or what it says.
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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dev_boxes import comparisons, counts, premises, presence, relations
from dev_mentions import mentions, surfaces, taken, whereabouts, worn
from dev_people import people
from dev_rows import Row, ask

from vqa.agent.folding.scene import asks_for_scene
from vqa.agent.folding.words import choices_of
from vqa.agent.questions.taxonomy import SORTS
from vqa.agent.questions.vocabulary import mentioned
from vqa.agent.trust.features import SCENE
from vqa.experts.detectors.coco import LABELS
from vqa.words import one, plural

TOLD_BY_HAND = Path(__file__).with_name("web_told.tsv")
ASKED_OF_EACH = 4  # things that it does not show
MOST_DESCRIBED = 200  # pictures
FIELDS = {
    "company": "What is the name of the company on the receipt?",
    "date": "What is the date on the receipt?",
    "total": "What is the total?",
    "address": "What is the address on the receipt?",
}
CLAIMS = "claims"
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
        "relations": relations([row for row in rows if row.get("boxes")]),
        "premise": premises([row for row in rows if row.get("boxes")], rng),
        "choice": choices(rows, rng),
        "actions": actions(rows),
        "animals": animals(rows),
        "animal": which_animals(rows),
        "mentions": mentions(rows, rng),
        "worn": worn(rows),
        "surfaces": surfaces(rows),
        "where": whereabouts(rows),
        "taken": taken(rows),
        "people": people(rows, rng),
    }
    files = {kind: found for kind, questions in kinds.items() if (found := list(questions))}
    if acts := files.get("doing"):
        files["there"] = [{**row, "question": row["question"].replace("Is the", "Is there a", 1)} for row in acts]
    return files


def captions(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a picture with all its captions; one alone is too little to score against."""
    for row in rows:
        if len(row.get("captions", ())) > 1:
            question = "Describe the image in one sentence."
            yield ask(row, question, row["captions"], type="caption", metric="captions")


def shown(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield two questions for what a picture shows; how much of the answer people say as well can be told."""
    captioned = [row for row in rows if len(row.get("captions", ())) > 1]
    for row in captioned[:MOST_DESCRIBED]:
        for question, kind in (("Describe the image.", "describe"), ("What is this?", "what")):
            yield ask(row, question, row["captions"], type=kind, metric="supported")


def doing(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield two questions for what the one person or dog in a picture does or wears: with yes for an answer, and no."""
    for row, who, does in (chosen := acting(rows, rng)):
        yield ask(row, f"Is the {who} {does}?", ["yes"], type="yes", metric="exact")
        words = set(re.findall(r"[a-z]+", " ".join(row["captions"]).lower())) - LITTLE_WORDS
        elsewhere = [other for _, whose, other in chosen if whose == who and words.isdisjoint(other.split())]
        if elsewhere:
            yield ask(row, f"Is the {who} {rng.choice(elsewhere)}?", ["no"], type="no", metric="exact")


def actions(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield what the one person in a picture of those does; how much of the answer people say as well can be told."""
    for row, who, _ in acting(rows, random.Random(0)):  # whatever is drawn, the pictures are the same
        if who != "dog":
            yield ask(row, f"What is the {who} doing?", row["captions"], type="action", metric="supported")


def choices(rows: Iterable[Row], rng: random.Random) -> Iterator[Row]:
    """Yield two questions that name their answers: what the one person or dog in a picture does, and who it is."""
    for row, who, does in (chosen := acting(rows, rng)):
        said = " ".join(row["captions"]).lower()
        action = does.split()[0]
        others = sorted({o for _, w, other in chosen if w == who and (o := other.split()[0])[:3] not in said})
        pairs = [(action, others, f"Is the {who} {{}} or {{}}?"), (who, OTHER.get(who, []), "Is this a {} or a {}?")]
        for right, wrong, question in pairs:
            if wrong:
                named = rng.sample((right, rng.choice(wrong)), 2)
                yield ask(row, question.format(*named), [right], type="choice", metric="exact")


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
            named = {label for caption in said for label in mentioned(caption, LABELS)}
            there = bool(named & SORTS["animal"].keys()) or any("animal" in caption.lower() for caption in said)
            answer = "yes" if there else "no"
            yield ask(row, "Are there any animals?", [answer], type=answer, metric="exact")


def which_animals(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield whether there is a dog, and whether each kind that a caption names is there, where any is named.

    Of no other kind is anything asked that is not there.
    """
    for row in rows:
        if len(said := row.get("captions", ())) > 2:
            words = re.sub(r"\b(?:animal|pet|creature)s?\b", "", " ".join(said).lower())  # which name all of them
            there = sorted(SORTS["animal"].keys() & mentioned(words, LABELS))
            for label in there and sorted({"dog", *there}):
                answer = "yes" if label in there else "no"
                yield ask(row, f"Is there {one(label)}?", [answer], type=label, metric="exact")


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
            yield ask(row, item["question"], answers, type=answer_type(answers), metric=metric)


def scene(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the annotated questions for what the whole scene is like; what three of ten people say is right."""
    for row in vqa(rows):
        if asks_for_scene(row["question"]):
            said = [answer for answer, n in Counter(row["answers"]).items() if n >= min(3, len(row["answers"]))]
            yield {**row, "answers": said or row["answers"], "type": SCENE, "metric": "exact"}


def claims(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the annotated questions for yes or no to what somebody does, is or has, and those that name the answer."""
    for row in vqa(rows):
        said = Counter(row["answers"]).most_common(1)[0][0]
        choices = choices_of(row["question"], LABELS)
        if said in choices or (len(choices) == 1 and row["type"] == "yes/no"):
            yield {**row, "answers": [said], "type": CLAIMS, "metric": "exact"}


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


def receipts(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a question for each field of a receipt; an amount is right with its currency and without."""
    for row in rows:
        for field, question in FIELDS.items():
            if value := row.get("key", {}).get(field, "").strip():
                bare = re.sub(r"^(?:RM|\$)\s*", "", value)
                answers = [bare, f"RM{bare}", f"RM {bare}", f"${bare}"] if field == "total" else [value]
                yield ask(row, question, answers, type=field, metric="anls")


def signs(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a question for the words of a street that can be read, each of which is to be said."""
    for row in rows:
        words = [w["text"] for w in row.get("words", ()) if not w["ignore"] and len(re.sub(r"\W", "", w["text"])) > 2]
        parts = list(dict.fromkeys(word.lower().strip(".,!?:;") for word in words))
        if parts:
            kind = "1 word" if len(parts) == 1 else "2 to 4 words" if len(parts) <= 4 else "more words"
            yield ask(row, "What does the text say?", ["<AND>".join(parts)], type=kind, metric="contains")


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
            there.append(ask(row, question, [answer], type="told by hand", metric="pope"))
        what.append(ask(row, "What is this?", [row["words"]], type="what", metric="supported"))
        for medium in (kind for kind in ("photo", "drawing") if row["kind"] != "unclear"):
            answer = "yes" if row["kind"] == medium else "no"
            drawn.append(ask(row, f"Is this a {medium}?", [answer], type=f"{row['kind']}s", metric="exact"))
    return {"presence": there, "shown": what, "drawn": drawn}


if __name__ == "__main__":
    main()
