"""The loop: joint training with disjoint parameters (LLaMA-Adapter V2, section 4.2; arXiv 2304.15010).

Every step's batch comes from one source. Before it, only the parameters of that source's group require gradients, so
those of the other group are never computed; after it, only that group's optimizer steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from vqa.adapter_model.checkpoints import save_adapter
from vqa.adapter_model.config import Group
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.parameters import train_only
from vqa.adapter_model.seen_words import SeenWords
from vqa.adapter_model.training.batches import Batch, Material
from vqa.adapter_model.training.loss import AnswerLoss
from vqa.adapter_model.training.metrics import Journal
from vqa.adapter_model.training.optimising import GroupOptimizer
from vqa.adapter_model.training.plan import Plan, Step
from vqa.adapter_model.training.recipe import Recipe, Stage
from vqa.adapter_model.training.rows import PromptFormat
from vqa.adapter_model.training.seen_words import Forecasts, WordLesson
from vqa.adapter_model.training.self_critical import SelfCritic
from vqa.adapter_model.training.state import Progress, save_state
from vqa.adapter_model.training.words import WordLoss
from vqa.devices import release_freed_memory
from vqa.errors import InputError, VQAError


class Trainer:
    """One run of a recipe, from wherever its state says.

    Args:
        recipe: What to do.
        model: In training mode, no gradients on; its adapter is changed.
        material: Every source's rows.
        measured: Every validation source's rows.
        form: How the core writes.
        accelerator: Device, precision and processes.
        folder: The run's.
        identity: What a state must have been made by, to go on from it.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: AdapterLlama,
        material: Mapping[str, Material],
        measured: Mapping[str, Material],
        *,
        form: PromptFormat,
        accelerator: Accelerator,
        folder: Path,
        identity: str,
    ) -> None:
        self.recipe, self.model, self.folder, self.identity = recipe, model, folder, identity
        self.progress = Progress()
        self._material, self._measured, self._form = material, measured, form
        self._accelerator = accelerator
        self._plan = Plan(recipe)
        self._trained = {
            name: parameter
            for name, parameter in model.named_parameters()
            if any(name in model.groups[group] for group in recipe.trained_groups())
        }
        self._average = {n: p.detach().clone() for n, p in self._trained.items()} if recipe.ema else {}
        self._optimizers: dict[Group, GroupOptimizer] = {}
        self._stage = -1
        train_only(model, self._trained.keys())  # a launcher's wrapper must see all that is ever trained
        self._loss: nn.Module = accelerator.prepare_model(AnswerLoss(model))
        self._words: nn.Module | None = None
        self._critics: dict[Material, SelfCritic] = {}
        self._lesson: WordLesson | None = None

    @property
    def steps(self) -> int:
        return len(self._plan.steps)

    def restore(self, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state that `save_state` wrote."""
        self.progress = progress
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            kind, _, name = key.partition(":")
            parts.setdefault(kind, {})[name] = value
        with torch.no_grad():
            for name, value in parts.get("weights", {}).items():
                self._trained[name].copy_(value)
            for name, value in parts.get("average", {}).items():
                self._average[name].copy_(value)
        if progress.step < self.steps:
            self._enter(self._plan.steps[progress.step].stage)
            in_stage = progress.step and self._plan.steps[progress.step - 1].stage == self._stage
            if in_stage:
                for group, optimizer in self._optimizers.items():
                    optimizer.restore(parts.get(f"optimizer.{group}", {}).items())

    def run(self, journal: Journal) -> None:
        """Do all steps that are left, measuring and saving on the way.

        Raises:
            VQAError: Too many steps in a row had no finite loss.
        """
        every = self.recipe.validate_every
        for step in self._plan.steps[self.progress.step :]:
            started = time.perf_counter()
            told = self._do(step)
            self.progress.seconds += time.perf_counter() - started
            self.progress.step += 1
            done, last = self.progress.step, self.progress.step == self.steps
            journal.step(done, told)
            if self._measured and (last or (every and done % every == 0)):
                self._validate(journal)
            if last or done % self.recipe.save_every == 0:
                self.save()
                release_freed_memory()  # after hours what is kept is in pieces, and gigabytes

    def save(self) -> None:
        """Write the state, and the adapter as it is now to `last/`."""
        if not self._accelerator.is_main_process:
            return
        tensors: dict[str, Tensor] = {f"weights:{name}": p for name, p in self._trained.items()}
        tensors |= {f"average:{name}": p for name, p in self._average.items()}
        for group, optimizer in self._optimizers.items():
            tensors |= {f"optimizer.{group}:{name}": value for name, value in optimizer.state().items()}
        save_state(self.folder, self.progress, tensors, recipe=self.identity)
        self._save_adapter("last")

    def _do(self, step: Step) -> dict[str, Any]:
        if step.stage != self._stage:
            self._enter(step.stage)
        stage = self.recipe.stages[step.stage]
        if self._lesson is not None and stage.learns == "words":
            return self._learn_words(self._lesson, step)
        names = {name for name in self._trained if any(name in self.model.groups[g] for g in step.groups)}
        train_only(self.model, names)
        parts = self._batches(step, stage)
        told: dict[str, Any] = {"source": step.source}
        if self._critics:
            parts, told["cider"] = self._rehearsed(step.source, parts, stage.samples)
        counts = [len(part.ids) if self._words else len(part.targets) for part in parts]
        counted = torch.tensor(sum(counts), device=self._accelerator.device)
        total = int(self._accelerator.reduce(counted))  # of all processes
        summed, right = 0.0, 0
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else self._accelerator.no_sync(self._words or self._loss):
                part_loss, hits = self._lose(part.to(self._accelerator.device), stage, number)
                self._accelerator.backward(part_loss * (self._accelerator.num_processes / total))
            summed, right = summed + float(part_loss.detach()), right + int(hits)
        loss = -told["cider"] if self._critics else summed / sum(counts)
        told |= {"loss": loss, "accuracy": right / sum(counts)}
        told |= self._change(step, loss)
        tokens = sum(part.ids.numel() for part in parts) * self._accelerator.num_processes
        self.progress.tokens += tokens
        return {**told, "tokens": tokens}

    def _learn_words(self, lesson: WordLesson, step: Step) -> dict[str, Any]:
        """Do a stage of words whose lesson has a solution in closed form."""
        lesson.teach()
        for name, average in self._average.items():
            average.copy_(self._trained[name].detach())  # it must not remember the path before
        return {"source": step.source, "loss": lesson.error, "accuracy": lesson.right, "tokens": 0}

    def _rehearsed(self, source: str, parts: Sequence[Batch], samples: int) -> tuple[list[Batch], float]:
        """Return parts with sampled answers, and the mean CIDEr-D of those."""
        critic, device = self._critics[self._material[source]], self._accelerator.device
        done = []
        for number, part in enumerate(parts):
            with self._accelerator.autocast():
                done.append(critic.rehearsed(part.to(device), samples=samples, seed=self._seed(5, number)))
        weights = [len(batch.prompts) for batch, _ in done]
        return [batch for batch, _ in done], float(np.average([mean for _, mean in done], weights=weights))

    def _seed(self, use: int, part: int) -> int:
        """Return the seed of a part's draws in this step and process."""
        key = self.recipe.seed, use, self.progress.step, self._accelerator.process_index, part
        return int(np.random.SeedSequence(key).generate_state(1)[0])

    def _lose(self, batch: Batch, stage: Stage, number: int) -> tuple[Tensor, Tensor]:
        """Return a part's summed loss and how much of it is right, by what the stage learns."""
        if self._words is not None:
            told: tuple[Tensor, Tensor] = self._words(batch)
            return told
        told = self._loss(
            batch,
            label_smoothing=stage.label_smoothing,
            prompt_dropout=stage.prompt_dropout,
            seed=self._seed(4, number),
        )
        return told

    def _change(self, step: Step, loss: float) -> dict[str, Any]:
        """Let the step's optimizers step, unless loss or gradient is not finite."""
        told: dict[str, Any] = {}
        finite = math.isfinite(loss)
        for group in step.groups:
            optimizer = self._optimizers[group]
            norm, rate = optimizer.step(step.done[group]) if finite else (math.nan, 0.0)
            finite = finite and math.isfinite(norm)
            told |= {f"norm_{group}": norm, f"rate_{group}": rate}
            optimizer.clear()
        if not finite:
            self.progress.skipped += 1
            self.progress.skipped_in_a_row += 1
            if self.progress.skipped_in_a_row >= self.recipe.bad_steps:
                raise VQAError(
                    f"step {self.progress.step + 1}: no finite loss for {self.recipe.bad_steps} steps in a row; "
                    f"weights as last saved are in {self.folder / 'last'}; lower learning_rate and begin again"
                )
            return told
        self.progress.skipped_in_a_row = 0
        with torch.no_grad():
            for name, average in self._average.items():
                average.lerp_(self._trained[name], 1 - self.recipe.ema)
        return told

    def _batches(self, step: Step, stage: Stage) -> list[Batch]:
        """Return this process's parts of a step's batch."""
        seed = (self.recipe.seed, 3, list(self.recipe.sources).index(step.source))
        number = step.batch * self._accelerator.num_processes + self._accelerator.process_index
        return self._material[step.source].batches(
            number, stage.batch, seed, parts=stage.accumulate, patch_dropout=stage.patch_dropout
        )

    def _enter(self, place: int) -> None:
        """Begin a stage: fresh optimizers for the groups it trains."""
        stage, self._stage = self.recipe.stages[place], place
        self._optimizers = {
            group: GroupOptimizer(
                group, {n: p for n, p in self._trained.items() if n in self.model.groups[group]}, stage, steps
            )
            for group, steps in self._plan.group_steps[place].items()
            if steps
        }
        self._words = None
        if isinstance(self.model.visual, SeenWords):
            self._enter_seen_words(place, self.model.visual)
        elif stage.learns == "words":
            rows = [row for name in self.recipe.stage_sources(stage) for row in self._material[name].rows]
            train_only(self.model, self._trained.keys())
            self._words = self._accelerator.prepare_model(WordLoss(self.model, rows))
        self._critics = {}
        if stage.learns == "cider":
            learnt = [self._material[name] for name in self.recipe.stage_sources(stage)]
            judged = (*learnt, *self._measured.values())
            self._critics = {material: SelfCritic(self.model, material.rows, self._form) for material in judged}

    def _enter_seen_words(self, place: int, path: SeenWords) -> None:
        """Solve a stage of words, and behind one read pictures as it foretells them, also when a run goes on."""
        taught = [stage for stage in self.recipe.stages[: place + 1] if stage.learns == "words"]
        if not taught:
            return
        stage = taught[-1]
        if stage.steps > 1:
            raise InputError(
                f"stage {stage.name!r}: words are learnt in one step where visual_words tells them; steps: 1"
            )
        if self._lesson is None:
            sources = [self._material[name] for name in self.recipe.stage_sources(stage)]
            self._lesson = WordLesson(path, self.model.adapter.visual_words, sources)
        if self.recipe.stages[place].learns != "words":
            for material in self._material.values():
                if material.store is not None and not isinstance(material.store, Forecasts):
                    material.store = self._lesson.forecasts(material.store)

    def _validate(self, journal: Journal) -> None:
        averaged = self._swap_average()
        losses = {}
        for name, material in self._measured.items():
            loss, accuracy = self.measure(material)
            losses[name] = loss
            journal.measured(self.progress.step, name, loss, accuracy)
        mean = sum(losses.values()) / len(losses)
        self.progress.losses = losses
        if math.isfinite(mean) and (self.progress.best is None or mean < self.progress.best):
            self.progress.best, self.progress.best_step = mean, self.progress.step
            if self._accelerator.is_main_process:
                self._write("best")
        if averaged:
            self._swap_average()

    @torch.no_grad()
    def measure(self, material: Material) -> tuple[float, float]:
        """Return mean loss in nats and share of tokens told right, teacher-forced, over all rows.

        Where CIDEr is learnt, the loss is minus the mean CIDEr-D of the model's answers instead.
        """
        critic = self._critics.get(material)
        self.model.train(False)
        stage = self.recipe.stages[max(self._stage, 0)]
        sums = torch.zeros(4, dtype=torch.float64)
        batches = material.in_order(stage.batch)
        for chosen in batches[self._accelerator.process_index :: self._accelerator.num_processes]:
            batch = material.assemble(chosen).to(self._accelerator.device)
            loss, right = self._loss(batch)
            sums[:3] += torch.tensor([float(loss), float(right), len(batch.targets)], dtype=torch.float64)
            if critic is not None:
                with self._accelerator.autocast():
                    sums[3] += sum(critic.scores(batch))
        self.model.train()
        loss_sum, right_sum, count, score = self._accelerator.reduce(sums.to(self._accelerator.device)).tolist()
        return loss_sum / count if critic is None else -score / len(material.rows), right_sum / count

    def _save_adapter(self, name: str) -> None:
        averaged = self._swap_average()
        self._write(name)
        if averaged:
            self._swap_average()

    def _write(self, name: str) -> None:
        groups = dict.fromkeys((*self.model.adapter.groups, *self.recipe.trained_groups()))
        save_adapter(self.model, self.folder / name, groups=tuple(groups), dtype=self.recipe.save_dtype)

    @torch.no_grad()
    def _swap_average(self) -> bool:
        """Exchange weights and their average; return whether there is one."""
        for name, average in self._average.items():
            weights = self._trained[name]
            kept = weights.clone()
            weights.copy_(average)
            average.copy_(kept)
        return bool(self._average)
