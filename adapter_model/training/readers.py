"""Reads the files of training data, format by format, into examples; rows that cannot be used are left out and named.

Formats: Alpaca (https://github.com/tatsu-lab/stanford_alpaca), LLaVA (https://github.com/haotian-liu/LLaVA), VQA v2
(https://visualqa.org/download.html), webdataset (https://github.com/webdataset/webdataset), easy-VQA
(https://github.com/vzhou842/easy-VQA); the others are this project's own (docs/training.md).
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from vqa.adapter_model.training.agreeing import most_agreed
from vqa.adapter_model.training.examples import BadRow, BadRows, Example
from vqa.adapter_model.training.pictures import tar_files, tar_members
from vqa.adapter_model.training.recipe import Format, Source
from vqa.errors import InputError, ModelUnavailable

_PICTURE_ENDINGS = ("jpg", "jpeg", "png", "webp")
_Rows = Iterator[tuple[str, Mapping[str, Any]]]  # where each stands, and its fields


def read_examples(source: Source, bad: BadRows) -> list[Example]:
    """Return a source's examples; what cannot be used goes to `bad`.

    Raises:
        InputError: The file is not there, not of that format, or holds nothing that can be used.
        ModelUnavailable: The package that ships the data is not installed.
    """
    found = list(islice(_READERS[source.format](source, bad), source.limit or None))
    if not found:
        why = f"; first: {bad.named[0]}" if bad.named else ""
        raise InputError(f"{source.path or source.format}: no row of format {source.format!r} can be used{why}")
    return most_agreed(found, source.agreed) if source.agreed else found


def _captions(source: Source, bad: BadRows) -> Iterator[Example]:
    captions: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for where, row in _rows(source, bad):
        with bad.skipping(where):
            image = _text(row, "image")
            texts = row.get("captions", row.get("caption"))
            listed = [texts] if isinstance(texts, str) else texts
            if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
                raise BadRow("no captions")
            told = [" ".join(text.split()) for text in listed if text.strip()]
            if not told:
                raise BadRow("no captions")
            places.setdefault(image, where)
            captions.setdefault(image, []).extend(told)
    for image, told in captions.items():
        yield Example(places[image], image, "", tuple(dict.fromkeys(told)))


def _vqa(source: Source, bad: BadRows) -> Iterator[Example]:
    for where, row in _rows(source, bad):
        listed = row.get("vqa", [row])
        for triple in listed if isinstance(listed, list) else [None]:
            with bad.skipping(where):
                if not isinstance(triple, dict):
                    raise BadRow("vqa is not a list of questions with answers")
                yield Example(where, _picture(row), _text(triple, "question"), (_agreed(triple),))


def _agreed(row: Mapping[str, Any]) -> str:
    """Return the answer, else the most frequent of the answers; words joined by `_` (DAQUAR) come apart."""
    answers = row.get("answers") or []
    texts = [a.get("answer", "") if isinstance(a, dict) else a for a in answers]
    answer = row.get("answer") or (Counter(map(str, texts)).most_common(1)[0][0] if texts else "")
    if not str(answer).strip():
        raise BadRow("no answer")
    return " ".join(str(answer).replace("_", " ").split())


def _vqa_v2(source: Source, bad: BadRows) -> Iterator[Example]:
    questions, annotations = _json(source.path), _json(source.annotations)
    if not isinstance(questions, dict) or not isinstance(annotations, dict):
        raise InputError(f"{source.path}: expected VQA v2's questions, and its annotations as `annotations`")
    answers = {row["question_id"]: row for row in annotations.get("annotations", ()) if "question_id" in row}
    part = questions.get("data_subtype", annotations.get("data_subtype", ""))
    for number, row in enumerate(questions.get("questions", ()), 1):
        where = f"{Path(source.path).name} question {row.get('question_id', number)}"
        with bad.skipping(where):
            answer = answers.get(row.get("question_id"))
            if answer is None:
                raise BadRow("no annotation with its question_id")
            if not isinstance(row.get("image_id"), int):
                raise BadRow("no image_id")
            image = f"COCO_{part}_{row['image_id']:012d}.jpg"
            told = {"answer": answer.get("multiple_choice_answer"), "answers": answer.get("answers")}
            yield Example(where, image, _text(row, "question"), (_agreed(told),))


def _instructions(source: Source, bad: BadRows) -> Iterator[Example]:
    for where, row in _rows(source, bad):
        with bad.skipping(where):
            evidence = row.get("evidence", [])
            if not isinstance(evidence, list) or not all(isinstance(line, str) for line in evidence):
                raise BadRow("evidence is not a list of lines")
            question, answer = _text(row, "question"), _text(row, "answer")
            yield Example(where, _picture(row, optional=True), question, (answer,), tuple(evidence))


def _alpaca(source: Source, bad: BadRows) -> Iterator[Example]:
    for where, row in _rows(source, bad):
        with bad.skipping(where):
            given = str(row.get("input") or "").strip()
            question, answer = _text(row, "instruction"), _text(row, "output")
            yield Example(where, None, question, (answer,), tuple(given.splitlines()))


def _llava(source: Source, bad: BadRows) -> Iterator[Example]:
    for where, row in _rows(source, bad):
        with bad.skipping(where):
            said = row.get("conversations")
            if not isinstance(said, list) or len(said) < 2 or len(said) % 2:
                raise BadRow("conversations is not a list of questions, each with an answer")
            texts = []
            for place, turn in enumerate(said):
                speaker = turn.get("from") if isinstance(turn, dict) else None
                if speaker != ("human", "gpt")[place % 2]:
                    raise BadRow(f"turn {place + 1} is from {speaker!r}")
                text = str(turn.get("value", "")).replace("<image>", "").strip()
                if not text:
                    raise BadRow(f"turn {place + 1} is empty")
                texts.append(text)
            turns = list(zip(texts[::2], texts[1::2], strict=True))
            yield Example(where, _picture(row, optional=True), turns[0][0], (turns[0][1],), turns=tuple(turns[1:]))


def _webdataset(source: Source, bad: BadRows) -> Iterator[Example]:
    for path in tar_files(source.path):
        samples: dict[str, dict[str, str]] = {}
        for name in tar_members(path):
            folder, _, file = name.rpartition("/")
            stem, _, ending = file.partition(".")
            samples.setdefault(f"{folder}/{stem}" if folder else stem, {})[ending.lower()] = name
        texts = _tar_texts(path, {name for parts in samples.values() for name in (parts.get("txt"), parts.get("json"))})
        for key, parts in samples.items():
            where = f"{path.name} sample {key}"
            with bad.skipping(where):
                image = next((parts[ending] for ending in _PICTURE_ENDINGS if ending in parts), None)
                if image is None:
                    raise BadRow("no picture")
                row = _sample(texts.get(parts.get("json", ""), ""), source)
                captions = row.get("captions") or row.get("caption") or texts.get(parts.get("txt", ""), "")
                told = [" ".join(str(c).split()) for c in (captions if isinstance(captions, list) else [captions])]
                if not any(told):
                    raise BadRow("no caption in .txt or .json")
                yield Example(where, image, "", tuple(text for text in told if text))


def _sample(text: str, source: Source) -> Mapping[str, Any]:
    try:
        row = json.loads(text) if text else {}
    except ValueError:
        raise BadRow("its .json is not JSON") from None
    return _renamed(row, source) if isinstance(row, dict) else {}


def _tar_texts(path: Path, names: Iterable[str | None]) -> dict[str, str]:
    wanted = {name for name in names if name}
    members = tar_members(path)
    texts = {}
    with path.open("rb") as file:
        for name in wanted:
            offset, size = members[name]
            file.seek(offset)
            texts[name] = file.read(size).decode("utf-8", "replace")
    return texts


def _easy_vqa(source: Source, bad: BadRows) -> Iterator[Example]:
    try:
        import easy_vqa
    except ImportError:
        raise ModelUnavailable("format 'easy_vqa' needs the package easy-vqa: pip install easy-vqa") from None
    part = source.where.get("split", "train")
    if part not in ("train", "test"):
        raise InputError(f"where: split={part!r}: easy-VQA has train and test")
    train = part == "train"
    texts, answers, images = easy_vqa.get_train_questions() if train else easy_vqa.get_test_questions()
    paths = easy_vqa.get_train_image_paths() if train else easy_vqa.get_test_image_paths()
    for number, (text, answer, image) in enumerate(zip(texts, answers, images, strict=True), 1):
        yield Example(f"easy-VQA {part} question {number}", str(paths[image]), text, (str(answer),))


_READERS: dict[Format, Callable[[Source, BadRows], Iterator[Example]]] = {
    "captions": _captions,
    "vqa": _vqa,
    "vqa_v2": _vqa_v2,
    "instructions": _instructions,
    "alpaca": _alpaca,
    "llava": _llava,
    "webdataset": _webdataset,
    "easy_vqa": _easy_vqa,
}


def _rows(source: Source, bad: BadRows) -> _Rows:
    """Yield the rows of a .json, .jsonl, .csv or .tsv file that `where` asks for, under the format's own names."""
    path = Path(source.path)
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        read = _table(path, "," if ending == ".csv" else "\t")
    elif ending in (".jsonl", ".ndjson"):
        read = _json_lines(path, bad)
    else:
        read = _json_list(path)
    for where, row in read:
        if not isinstance(row, dict):
            bad.add(where, "not an object")
        elif all(name in row and str(row[name]) == str(value) for name, value in source.where.items()):
            yield where, _renamed(row, source)


def _renamed(row: Mapping[str, Any], source: Source) -> Mapping[str, Any]:
    return {**row, **{ours: row[theirs] for ours, theirs in source.fields.items() if theirs in row}}


def _table(path: Path, separator: str) -> Iterator[tuple[str, Any]]:
    with _opened(path) as file:
        rows = csv.DictReader(
            file, delimiter=separator, quoting=csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
        )
        for row in rows:
            yield f"{path.name} line {rows.line_num}", row


def _json_lines(path: Path, bad: BadRows) -> Iterator[tuple[str, Any]]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            where = f"{path.name} line {number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                bad.add(where, "not JSON")
                continue
            yield where, row


def _json_list(path: Path) -> Iterator[tuple[str, Any]]:
    rows = _json(str(path))
    if not isinstance(rows, list):
        raise InputError(f"{path}: expected a list of rows")
    for number, row in enumerate(rows, 1):
        yield f"{path.name} row {number}", row


def _json(path: str) -> Any:
    with _opened(Path(path)) as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise InputError(f"{path}: not valid JSON ({error})") from None


def _opened(path: Path) -> Any:
    try:
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None or isinstance(value, dict | list) or not str(value).strip():
        raise BadRow(f"no {name}")
    return str(value).strip()


def _picture(row: Mapping[str, Any], *, optional: bool = False) -> str | None:
    return None if optional and not row.get("image") else _text(row, "image")
