"""A recipe from its file to a trained adapter: data, features, model, loop, report."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from tqdm import tqdm

from vqa.adapter_model.checkpoints import CONFIG, VISION, adapter_folder, load_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.encoder import VisionEncoder
from vqa.adapter_model.loading import load_for_training
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.presets import preset, preset_names
from vqa.adapter_model.training.batches import Material
from vqa.adapter_model.training.examples import BadRows, Example
from vqa.adapter_model.training.features import FeatureStore
from vqa.adapter_model.training.metrics import Journal, curves, draw_curves
from vqa.adapter_model.training.pictures import Pictures
from vqa.adapter_model.training.readers import read_examples
from vqa.adapter_model.training.recipe import Recipe, Source
from vqa.adapter_model.training.rows import PromptFormat, make_rows
from vqa.adapter_model.training.seen_words import usual_words
from vqa.adapter_model.training.state import has_state, load_state
from vqa.adapter_model.training.trainer import Trainer
from vqa.devices import choose_device, choose_dtype
from vqa.errors import InputError

if TYPE_CHECKING:
    from vqa.adapter_model.adapter_core import AdapterCore
    from vqa.adapter_model.training.features import Encoder
    from vqa.settings import Settings

_FREE_TO_CHANGE = {"output", "features", "save_every", "save_dtype", "validate_every", "bad_steps"}

_DEFAULT_SHAPE = "smollm2-135m"

_log = logging.getLogger(__name__)


def train(
    recipe: Recipe, core: AdapterCore, settings: Settings, *, resume: bool = False, encoder: Encoder | None = None
) -> list[str]:
    """Do what a recipe says and return what there is to say about it, line by line.

    Args:
        recipe: With absolute paths, as `load_recipe` returns it.
        core: Whose prompt format is trained.
        settings: `device`, `dtype`, `home`, `offline`.
        resume: Go on with the run in the recipe's folder, if there is one.
        encoder: Computes features of pictures; the one that the adapter names by default.

    Raises:
        InputError: Recipe or data cannot be used, or there is another run in the folder.
        ModelUnavailable: Weights are not here and cannot be had.
        VQAError: The loss stopped being finite.
    """
    folder = Path(recipe.output)
    if has_state(folder) and not resume:
        raise InputError(f"{folder}: there is a run already; go on with --resume, or choose another folder")
    bad = {name: BadRows() for name in _all(recipe)}
    examples = {name: read_examples(source, bad[name]) for name, source in _all(recipe).items()}
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    if dtype == torch.float16:
        raise InputError("dtype='float16': training computes in bfloat16 or float32")
    precision = "bf16" if dtype == torch.bfloat16 else "no"
    # A step trains one group: of the other's parameters no process may wait for gradients.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=precision, kwargs_handlers=[unused])
    config, start = _adapter(recipe, settings, core.name)
    encode = partial(core.encode, vectors=config.visual_len)
    if config.visual_words and start is None:
        config = _told_in_words(recipe, examples, encode, config)
    model, tokenizer = load_for_training(replace(settings, device=str(accelerator.device)), config, seed=recipe.seed)
    if start is not None:
        load_adapter(model, start)
    _keep_frozen_small(model, recipe, dtype)
    if recipe.gradient_checkpointing:
        _checkpoint_activations(model)
    form = PromptFormat(encode, tokenizer.decode, core.render, core.begin_ids, core.end_ids)
    folder.mkdir(parents=True, exist_ok=True)
    if encoder is None:
        changes = start / VISION if start else None
        encoder = VisionEncoder(
            config.vision, settings, device=accelerator.device, channels=config.channels, changes=changes
        )
    with accelerator.main_process_first():
        material = _materials(recipe, examples, bad, form, settings, encoder)
    identity = _identity(recipe, model)
    trainer = Trainer(
        recipe,
        model,
        {name: material[name] for name in recipe.sources},
        {name: material[_measured(name)] for name in recipe.validation},
        form=form,
        accelerator=accelerator,
        folder=folder,
        identity=identity,
    )
    if has_state(folder):
        trainer.restore(*load_state(folder, recipe=identity))
    quiet = not accelerator.is_main_process
    journal = Journal(folder, steps=trainer.steps, done=trainer.progress.step, quiet=quiet)
    try:
        trainer.run(journal)
    finally:
        journal.close()
        if not quiet:
            draw_curves(folder)
    return [] if quiet else _report(trainer, folder, bad)


def _all(recipe: Recipe) -> dict[str, Source]:
    """Return training and validation sources, by names that keep the two kinds apart."""
    return {**recipe.sources, **{_measured(name): source for name, source in recipe.validation.items()}}


def _measured(name: str) -> str:
    return f"{name} (validation)"


def _adapter(recipe: Recipe, settings: Settings, core: str) -> tuple[AdapterConfig, Path | None]:
    """Return the adapter's shape, by default the core's preset, and the folder of the weights it starts from."""
    folder = adapter_folder(recipe.init, offline=settings.offline) if recipe.init else None
    changes = dict(recipe.adapter)
    own = core if core in preset_names() else _DEFAULT_SHAPE
    shape = AdapterConfig.from_file(folder / CONFIG) if folder else preset(str(changes.pop("preset", own)))
    data = {**json.loads(shape.to_json()), **changes}
    return _on_chosen_base(AdapterConfig.from_dict(data), settings), folder


def _told_in_words(
    recipe: Recipe, examples: Mapping[str, Sequence[Example]], encode: Callable[[str], list[int]], config: AdapterConfig
) -> AdapterConfig:
    """Return a shape whose words are those that are usual in what its stages of words learn from."""
    names = {name for stage in recipe.stages if stage.learns == "words" for name in recipe.stage_sources(stage)}
    words = usual_words(encode(text) for name in names for example in examples[name] for text in example.answers)
    if names and len(words) < config.visual_len:
        raise InputError(f"{len(words)} words are usual enough to be told, visual_len wants {config.visual_len}")
    return replace(config, visual_words=words) if names else config


def _on_chosen_base(config: AdapterConfig, settings: Settings) -> AdapterConfig:
    return replace(config, base_model=settings.base_model) if settings.base_model else config


def _checkpoint_activations(model: Any) -> None:
    """Have activations computed again in the backward pass instead of kept."""
    newer = getattr(model, "activation_checkpointing_enable", None)  # its name from transformers 5.2x on
    (newer or model.gradient_checkpointing_enable)({"use_reentrant": False})


def _keep_frozen_small(model: AdapterLlama, recipe: Recipe, dtype: torch.dtype) -> None:
    """Give what is never trained the dtype that is computed in: 7 times faster on a CPU that knows bfloat16."""
    trained = frozenset[str]().union(*(model.groups[group] for group in recipe.trained_groups()))
    for name, parameter in model.named_parameters():
        if name not in trained:
            parameter.data = parameter.data.to(dtype)


def _materials(
    recipe: Recipe,
    examples: Mapping[str, Any],
    bad: Mapping[str, BadRows],
    form: PromptFormat,
    settings: Settings,
    encoder: Encoder,
) -> dict[str, Material]:
    """Return every source's rows with the records of their pictures."""
    found, store = {}, None
    for name, source in _all(recipe).items():
        rows, names = make_rows(examples[name], source, form, longest=recipe.max_tokens, bad=bad[name])
        views = source.views if name in recipe.sources else ("plain",)
        records = np.empty((0, len(views)), np.int64)
        if names:
            if store is None:
                store = FeatureStore(Path(recipe.features or Path(recipe.output) / "features"), encoder)
            pictures = Pictures(source.pictures, rows=source.path, offline=settings.offline)
            with tqdm(total=len(names), unit="picture", desc=name, disable=None) as bar:
                records = store.add(
                    pictures, names, views, bad=bad[name].add, progress=lambda done: bar.update(done - bar.n)
                )
            rows = [row for row in rows if row.picture < 0 or records[row.picture, 0] >= 0]
        if not rows:
            raise InputError(f"source {name!r}: nothing can be used; first: {bad[name].named[0]}")
        found[name] = Material(rows, records, views, store)
        _log.info("%s: %d rows, %d pictures", name, len(rows), len(names))
    return found


def _identity(recipe: Recipe, model: AdapterLlama) -> str:
    """Return what must not change between a run and its continuation."""
    kept = recipe.model_dump(mode="json", exclude=_FREE_TO_CHANGE)
    return json.dumps({**kept, "base": model.fingerprint}, sort_keys=True)


def _report(trainer: Trainer, folder: Path, bad: Mapping[str, BadRows]) -> list[str]:
    progress = trainer.progress
    trained, measured = curves(folder)
    lines = [f"{'source':<24}{'first loss':>12}{'last loss':>12}{'best loss':>12}"]
    for losses in (trained, {_measured(name): points for name, points in measured.items()}):
        for name, points in losses.items():
            values = [value for _, value in points]
            lines.append(f"{name:<24}{values[0]:>12.4f}{values[-1]:>12.4f}{min(values):>12.4f}")
    pace = progress.tokens / max(progress.seconds, 1e-9)
    lines.append(f"{progress.step} steps in {progress.seconds:.0f} s, {pace:,.0f} tokens a second")
    if progress.skipped:
        lines.append(f"{progress.skipped} steps had no finite loss and were skipped")
    for name, rows in bad.items():
        if rows.count:
            shown = "; ".join(rows.named[:5]) + ("; …" if rows.count > 5 else "")
            lines.append(f"{name}: {rows.count} rows left out: {shown}")
    best = f"best (step {progress.best_step}): {folder / 'best'}; " if progress.best is not None else ""
    return [*lines, f"{best}last: {folder / 'last'}; curves: {folder / 'curves.png'}"]
