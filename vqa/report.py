"""An answer as self-contained HTML, for notebooks and files: thumbnail, answer, evidence table.

Everything that a picture, a user or a model wrote is escaped; characters that cannot be seen are shown by number.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

from vqa.values import Answer, Evidence, Finding, LoadedImage

_THUMBNAIL = 640  # pixels of its longer side
_CELL = 'style="text-align:left;padding:2px 14px 2px 0;vertical-align:top"'


def html(answer: Answer) -> str:
    """Return the answer as one `<div>` with inline styles: no script, no file beside it, readable on dark and light."""
    sure = "" if answer.confidence is None or answer.abstention else f"confidence {answer.confidence:.2f}, "
    unsaid = "" if answer.withheld is None else f"; the core would have said “{answer.withheld}”"
    parts = [
        '<div class="vqa-answer" style="max-width:960px;font-family:sans-serif;line-height:1.4">',
        "" if answer.image is None else _thumbnail(answer.image, answer),
        f'<div style="opacity:.7;margin-top:8px">{_text(answer.question.text)}</div>',
        f'<div style="font-size:1.4em;font-weight:bold">{_text(answer.text)}</div>',
        f'<div style="opacity:.7">{_text(answer.core)}, {sure}{_text(answer.route.reason)}</div>',
        f"<div>{_text(answer.abstention + unsaid)}</div>" if answer.abstention else "",
        *map(_judgement, answer.evidence),
        *(f"<div>{_text(f'{f.expert} {look.text}')}</div>" for f in answer.findings for look in f.second_looks),
        *(f"<div>{_text(note)}</div>" for note in answer.notes),
        _evidence(answer.findings, answer.evidence),
        "</div>",
    ]
    return "\n".join(part for part in parts if part)


def _judgement(evidence: Evidence) -> str:
    """Return a piece of evidence as a line; its boxes are the thick ones in the thumbnail."""
    colour = "#1f8a3b" if evidence.stance == "supports" else "#c0182d"
    told = _text(f"{evidence.expert} {evidence.text}")
    return f'<div style="color:{colour}">{evidence.stance}: {told}</div>'


def _thumbnail(image: LoadedImage, answer: Answer) -> str:
    from vqa.drawing import draw_regions

    buffer = BytesIO()
    picture, _ = draw_regions(image, answer.findings, evidence=answer.evidence, longest=_THUMBNAIL)
    picture.save(buffer, "JPEG", quality=85)
    data = b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{_text(image.source)}" style="max-width:100%" src="data:image/jpeg;base64,{data}">'


def _evidence(findings: Sequence[Finding], evidence: Sequence[Evidence]) -> str:
    from vqa.drawing import numbered_lines

    if not findings:
        return ""
    head = "".join(f"<th {_CELL}>{name}</th>" for name in ("expert", "text", "score", "box"))
    numbers = {id(line): number for number, line in enumerate(numbered_lines(findings, evidence), 1)}
    rows = "\n".join(_row(cells) for finding in findings for cells in _cells(finding, numbers))
    return (
        f'<details open><summary>evidence</summary><table style="border-collapse:collapse">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></details>"
    )


def _cells(finding: Finding, numbers: Mapping[int, int]) -> list[tuple[str, str, str, str]]:
    """Return a finding's rows: itself in words, then each of its regions, with its number in the thumbnail if any."""
    said = f"failed: {finding.error}" if finding.error is not None else finding.text
    summary = (finding.expert, "; ".join((said, *finding.notes)), "", "")
    rows = [summary]
    for region in finding.regions:
        label = f"{numbers[id(region)]}: {region.label}" if id(region) in numbers else region.label
        rows.append((finding.expert, label, f"{region.score:.2f}", ", ".join(f"{v:.0f}" for v in region.xyxy)))
    return rows


def _row(cells: tuple[str, ...]) -> str:
    return f"<tr>{''.join(f'<td {_CELL}>{_text(cell)}</td>' for cell in cells)}</tr>"


def _text(value: str) -> str:
    return visible(escape(value)).replace("\n", "<br>")


def visible(text: str) -> str:
    """Return text with what cannot be seen shown by number: a direction override, say, does not take effect."""
    return "".join(f"[U+{ord(c):04X}]" if _is_unseen(c) else c for c in text)


def _is_unseen(character: str) -> bool:
    kind = unicodedata.category(character)
    return character not in "\n\t" and (kind.startswith("C") or kind in ("Zl", "Zp"))
