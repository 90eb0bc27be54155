"""Decoding with whatever transformers can load: its own `generate`, steered at every step and overheard.

`generate` knows how each family feeds itself (caches, positions, pictures), so nothing of that is repeated here. Which
token follows is chosen as `generation` chooses it, from the model's own logits, so that a row comes out as it would
alone; a row of `generate` that has ended is padding and not told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

import torch
from torch import Tensor

from vqa.adapter_model.beams import Beam
from vqa.adapter_model.generation import choose
from vqa.values import GenerationOptions, Score

Inputs = Mapping[str, Any]
Ends = Callable[[int, int, float], bool]


class Decoding:
    """Decodes with one model; threads take turns, because a model's caches are not made for two at once.

    Args:
        model: With transformers' `generate`, in eval mode. Its generation config becomes plain: greedy, without the
            penalties that its repository may ask for.
        tokenizer: Its tokenizer.

    Attributes:
        stop_ids: Ids that end an answer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._lock = Lock()
        self.stop_ids = _plain_generation(model, tokenizer)

    def generate(self, inputs: Inputs, options: GenerationOptions, *, ends: Ends) -> None:
        """Decode all rows of a batch, greedily or sampled.

        Args:
            inputs: What the model's processor makes of prompts, padded on the left.
            options: `num_beams` and `stop` are not for this loop.
            ends: Called with a row, its next id and that one's log probability; True: it is the row's last.
        """
        rows = len(inputs["input_ids"])
        generators = [torch.Generator().manual_seed(options.seed) for _ in range(rows)]
        steps = _Steps(rows, lambda logits, step: choose(logits, options, generators), self.stop_ids, ends)
        self._run(inputs, steps, options.max_new_tokens)

    def stream(self, inputs: Inputs, options: GenerationOptions) -> Iterator[tuple[int, float]]:
        """Yield one row's ids and their log probabilities as they come; leaving off early is fine."""
        heard: SimpleQueue[tuple[int, float] | BaseException | None] = SimpleQueue()
        left = Event()

        def ends(row: int, token: int, logprob: float) -> bool:
            heard.put((token, logprob))
            return left.is_set()

        def run() -> None:
            try:
                self.generate(inputs, options, ends=ends)
            except BaseException as error:
                heard.put(error)
            heard.put(None)

        thread = Thread(target=run, name="vqa-generate", daemon=True)
        thread.start()
        try:
            while (item := heard.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            left.set()
            thread.join()

    @torch.inference_mode()
    def search(self, inputs: Inputs, options: GenerationOptions) -> Beam:
        """Return the likeliest text that beam search finds for one row."""
        with self._lock:
            found = self._model.generate(
                **inputs,
                num_beams=options.num_beams,
                max_new_tokens=options.max_new_tokens,
                return_dict_in_generate=True,
                output_scores=True,
            )
        logprobs = self._model.compute_transition_scores(
            found.sequences, found.scores, found.beam_indices, normalize_logits=False
        )[0]
        ids = found.sequences[0][-len(logprobs) :].tolist()
        length = next((place for place, token in enumerate(ids) if token in self.stop_ids), len(ids))
        return Beam(tuple(ids[:length]), tuple(logprobs[:length].tolist()))

    def score(self, inputs: Inputs, choices: Sequence[Sequence[int]]) -> list[Score]:
        """Return each choice's log probability after the prompt, that of its end included, where the model has one.

        Args:
            inputs: The same prompt in as many rows as there are choices.
            choices: Token ids, one non-empty list a choice.
        """
        parts: list[list[float]] = [[] for _ in choices]

        def forced(logits: Tensor, step: int) -> Tensor:
            logprobs = logits.log_softmax(-1)
            for row, choice in enumerate(choices):
                if step < len(choice):
                    parts[row].append(float(logprobs[row, choice[step]]))
                elif step == len(choice) and self.stop_ids:
                    parts[row].append(float(logprobs[row, sorted(self.stop_ids)].logsumexp(-1)))
            ids = [choice[step] if step < len(choice) else 0 for choice in choices]
            return torch.tensor(ids, device=logits.device)

        steps = _Steps(len(choices), forced, frozenset(), lambda row, token, logprob: False)
        self._run(inputs, steps, max(map(len, choices)) + 1)
        return [Score(sum(found), sum(found) / len(found)) for found in parts]

    @torch.inference_mode()
    def _run(self, inputs: Inputs, steps: _Steps, longest: int) -> None:
        with self._lock:
            self._model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=longest,
                logits_processor=[steps.choose],
                stopping_criteria=[steps.done],
            )


class _Steps:
    """What `generate` asks at every step: which token is next, and which rows are done."""

    def __init__(self, rows: int, pick: Callable[[Tensor, int], Tensor], stop_ids: frozenset[int], ends: Ends) -> None:
        self._pick, self._stop_ids, self._ends = pick, stop_ids, ends
        self._ended = [False] * rows
        self._step = 0
        self._chosen: list[tuple[int, float]] = []

    def choose(self, ids: Tensor, scores: Tensor) -> Tensor:
        logits = scores.float()  # (B, V)
        chosen = self._pick(logits, self._step)  # (B,)
        logprobs = logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
        self._chosen = list(zip(chosen.tolist(), logprobs.tolist(), strict=True))
        self._step += 1
        return torch.full_like(scores, -torch.inf).scatter(1, chosen[:, None], 0.0)

    def done(self, ids: Tensor, scores: Any) -> Tensor:
        for row, (token, logprob) in enumerate(self._chosen):
            if not self._ended[row]:
                self._ended[row] = token in self._stop_ids or self._ends(row, token, logprob)
        return torch.tensor(self._ended, device=ids.device)


def _plain_generation(model: Any, tokenizer: Any) -> frozenset[int]:
    """Make a model's `generate` greedy and free of penalties, whatever its repository says; return its stop ids."""
    from transformers import GenerationConfig

    told = model.generation_config
    ends = [told.eos_token_id, model.config.get_text_config().eos_token_id, tokenizer.eos_token_id]
    stop_ids = {token for end in ends for token in (end if isinstance(end, list) else [end]) if token is not None}
    pads = [token for token in (tokenizer.pad_token_id, told.pad_token_id, *sorted(stop_ids)) if token is not None]
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=told.bos_token_id,
        eos_token_id=sorted(stop_ids) or None,
        pad_token_id=pads[0] if pads else 0,
        decoder_start_token_id=told.decoder_start_token_id,
    )
    return frozenset(stop_ids)
