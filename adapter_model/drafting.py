"""Greedy decoding of one row that copies faster than it writes: prompt lookup decoding.

Where the text so far ends as some part of the evidence goes, what follows there is a draft of what comes next. Drafted
tokens are read in one pass, which costs little more than one of them, and those are kept that the model itself would
have written: the answer is that of plain greedy decoding. Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding;
paper: any part of the prompt is copied; here: what stands behind the colons of its lines, put together, because a
reading goes on from one line of evidence to the next and leaves out who says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vqa.adapter_model.attention import AdapterKeysValues
from vqa.adapter_model.engine import Engine
from vqa.adapter_model.projection import FEW
from vqa.adapter_model.quoting import Quotation
from vqa.values import GenerationOptions

_DRAFT = FEW - 1  # tokens; with the one before them as many as compact weights map, so that drafts change no weights
_QUOTED = 31  # tokens of a quotation, which rarely goes on otherwise: reading 32 takes twice as long as 8
_LONGEST, _SHORTEST = 4, 2  # tokens of the text so far that are looked up; one alone ("4", "the") misleads


@torch.inference_mode()
def decode_with_drafts(
    engine: Engine,
    prompt: Sequence[int],
    adapter: AdapterKeysValues,
    options: GenerationOptions,
    *,
    source: Sequence[int] = (),
    stop_ids: frozenset[int],
    vectors: Tensor | None = None,
    quotation: Quotation | None = None,
) -> Iterator[tuple[int, float]]:
    """Yield the likeliest next token id and its natural-log probability, one after the other.

    Args:
        engine: Of the model that made `adapter`.
        prompt: Token ids.
        adapter: From `model.adapter_keys_values`, batch 1.
        options: Of which only `max_new_tokens` counts.
        source: Token ids that the answer may repeat parts of; of no account for a quotation, which knows its text.
        stop_ids: Ids that end the answer; they are not yielded.
        vectors: (1, N, C) what stands in the prompt's slots, if it has any.
        quotation: Says which id is next instead; probabilities are the model's own all the same.

    Raises:
        InputError: An empty prompt, or one too long for the model with `max_new_tokens` after it.
    """
    rows, logits = engine.read([prompt], adapter, room=options.max_new_tokens, vectors=vectors)  # logits (1, V)
    written: list[int] = []
    draft: list[int] = []
    while True:
        agreed = 0
        for agreed, logprobs in enumerate(logits.log_softmax(-1)):  # after the newest token and after each drafted one
            token = int(logprobs.argmax()) if quotation is None else quotation.next(logprobs)
            if token is None or token in stop_ids:
                return
            written.append(token)
            yield token, float(logprobs[token])
            if len(written) == options.max_new_tokens:
                return
            if draft[agreed : agreed + 1] != [token]:
                break
        rows.used -= len(draft) - agreed  # what was drafted and is not so
        left = options.max_new_tokens - len(written) - 1
        if quotation is None:
            draft = continuation(source, written, most=min(_DRAFT, left))
        else:
            draft = quotation.ahead(min(_QUOTED, left))
        logits = engine.extend(rows, torch.tensor([[written[-1], *draft]], device=engine.device), all_logits=True)[0]


def continuation(source: Sequence[int], written: Sequence[int], *, most: int) -> list[int]:
    """Return the at most so many ids that follow in `source` where it first holds the longest end of `written`."""
    for length in range(min(_LONGEST, len(written)), _SHORTEST - 1, -1):
        end = list(written[-length:])
        for start in range(len(source) - length):
            if list(source[start : start + length]) == end:
                return list(source[start + length : start + length + most])
    return []


def sayings(prompt: str) -> str:
    """Return what an answer may repeat of a prompt: its lines behind their first colon, put together."""
    return " ".join(said for line in prompt.splitlines() if (said := line.partition(": ")[2].strip()))
