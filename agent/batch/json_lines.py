"""JSON lines: ours (`id`, `image`, `question`, `choices`, `answers`) and LLaVA's (`question_id`, `image`, `text`).

LLaVA's question and answer files: https://github.com/haotian-liu/LLaVA/blob/main/docs/Evaluation.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from vqa.agent.batch.rows import BadRow, Row, to_row


def read(stream: BinaryIO) -> Iterator[Row | BadRow]:
    """Yield a row for every line that is not blank."""
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield _row(line, number)


def _row(line: bytes, number: int) -> Row | BadRow:
    try:
        return to_row(json.loads(line.decode()), number)
    except UnicodeDecodeError as error:
        return BadRow(number, None, f"not UTF-8 (byte {error.start + 1} of the line)")
    except json.JSONDecodeError as error:
        return BadRow(number, None, f"not JSON ({error.msg}, column {error.colno})")
    except RecursionError:
        return BadRow(number, None, "not a row: the JSON is nested too deeply")
