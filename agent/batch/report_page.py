"""A run as one HTML page: every row with its picture, the evidence drawn on it, and filters.

The page grows with the run: each row is a piece of JSON, each picture a small JPEG, and the script at the top shows
those that pass the filters, some at a time as one scrolls. It can be opened at any moment, and nothing lies beside it.
Everything that a picture, a user or a model wrote reaches the page as text, never as markup.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import OrderedDict
from importlib.resources import files
from typing import Any

from vqa.agent.batch.growing import Growing
from vqa.agent.batch.outcomes import Outcome, slim
from vqa.agent.batch.thumbnails import Thumbnail, name_of, thumbnail_of
from vqa.agent.windows import Failed
from vqa.report import visible
from vqa.values import CLASS_SCORE, COUNT_SCORE, Finding, LoadedImage

_REMEMBERED = 1_000  # pictures that are in the page already
_MOST_REGIONS = 60  # of a finding
_LEAST = {"objects": COUNT_SCORE, "people": CLASS_SCORE}  # score from which a region is drawn


class ReportPage:
    """Adds rows to a page, which it begins if the file is empty."""

    def __init__(self, file: Growing) -> None:
        self._file = file
        self._pictures: OrderedDict[str, None] = OrderedDict()
        if not file.length:
            file.add(files(__package__).joinpath("report_page.html").read_bytes())

    def add(self, outcome: Outcome) -> None:
        """Append a row, and its picture if that is not in the page yet."""
        record = slim(outcome)
        if not isinstance(outcome.result, Failed):
            answer = outcome.result
            record |= {
                "reason": answer.route.reason,
                "notes": list(answer.notes),
                "abstention": answer.abstention,
                "withheld": answer.withheld,
                "evidence": [[held.stance, f"{held.expert} {held.text}"] for held in answer.evidence],
                "findings": [_finding(finding) for finding in answer.findings],
            }
            if (picture := outcome.thumbnail or answer.image) is not None:
                record["picture"] = self._add_picture(picture)
        self._element("row", "", visible(json.dumps(record, ensure_ascii=False)))

    def _add_picture(self, picture: Thumbnail | LoadedImage) -> str:
        """Append a picture if it is not in the page yet; return its name there."""
        name = picture.name if isinstance(picture, Thumbnail) else name_of(picture)
        if name not in self._pictures:
            thumbnail = picture if isinstance(picture, Thumbnail) else thumbnail_of(picture)
            self._element("picture", f' id="{name}"', b64encode(thumbnail.jpeg).decode("ascii"))
        self._pictures[name] = None
        self._pictures.move_to_end(name)
        if len(self._pictures) > _REMEMBERED:
            self._pictures.popitem(last=False)
        return name

    def _element(self, kind: str, attributes: str, text: str) -> None:
        # "<" cannot end the element early; U+2028 and lone surrogates are escapes in JSON as they are here.
        safe = text.replace("<", "\\u003c")
        element = f'<script type="text/x-vqa-{kind}"{attributes}>{safe}</script>\n'
        self._file.add(element.encode("utf-8", "backslashreplace"))


def _finding(finding: Finding) -> dict[str, Any]:
    """Return what is drawn and listed of a finding; places are thousandths of the picture's sides."""
    return {
        "expert": finding.expert,
        "kind": finding.kind,
        "model": finding.model,
        "text": finding.text,
        "error": finding.error,
        "regions": [
            [*_thousandths(region.xyxy, finding.size), region.label, round(region.score, 2)]
            for region in finding.regions[:_MOST_REGIONS]
            if region.score >= _LEAST.get(finding.kind, 0.0)
        ],
        "looks": [[*_thousandths(look.xyxy, finding.size), look.why, look.outcome] for look in finding.second_looks],
    }


def _thousandths(xyxy: tuple[float, float, float, float], size: tuple[int, int]) -> list[int]:
    width, height = size
    scale = (1000 / width, 1000 / height) * 2 if width and height else (0.0,) * 4
    return [round(v * s) for v, s in zip(xyxy, scale, strict=True)]
