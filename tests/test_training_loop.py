"""The loop: each step changes its own group alone, and a run that was killed ends with the same weights."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from vqa.adapter_model.checkpoints import load_adapter
from vqa.adapter_model.config import AdapterConfig
from vqa.adapter_model.model import AdapterLlama
from vqa.adapter_model.slots import SLOT
from vqa.adapter_model.training.batches import Material
from vqa.adapter_model.training.metrics import Journal, curves, draw_curves
from vqa.adapter_model.training.plan import Plan
from vqa.adapter_model.training.recipe import Recipe
from vqa.adapter_model.training.rows import Answer, PromptFormat, Row
from vqa.adapter_model.training.state import load_state
from vqa.adapter_model.training.trainer import Trainer
from vqa.errors import InputError, VQAError

SHAPE = AdapterConfig(
    base_model="tiny",
    early_layers=1,
    adapter_layers=2,
    adapter_len=4,
    visual_len=4,
    vision_width=12,
    visual_width=16,
    visual_blocks=1,
    visual_heads=2,
)
SOURCES = {
    "pairs": {"format": "captions", "group": "visual"},
    "words": {"format": "alpaca", "group": "language"},
    "both": {"format": "llava", "group": "both"},
}
STAGES = {
    "sources": SOURCES,
    "stages": [
        {"steps": 7, "batch": 2, "warmup": 2, "prompt_dropout": 0.2, "patch_dropout": 0.3, "weight_decay": 0.1},
        {"steps": 5, "batch": 3, "sources": {"words": 2, "pairs": 1}, "order": "alternate", "learning_rate": 0.01},
        {"steps": 5, "batch": 3, "sources": {"pairs": 1}, "learns": "words", "optimizer": "muon"},
        {"steps": 3, "batch": 3, "sources": {"pairs": 1}, "learns": "cider", "samples": 2, "accumulate": 2},
    ],
    "ema": 0.7,
    "save_every": 1,
}
# A text's words are its tokens, in figures.
FORM = PromptFormat(
    lambda text: [int(word) for word in text.split()],
    lambda ids: " ".join(map(str, ids)),
    lambda question, evidence=(), history=(): question,
    (),
    (2,),
)


class Table:
    """Features drawn once for every record."""

    shape = 6, 12

    def read(self, records):
        table = torch.randn(40, 6, 12, generator=torch.Generator().manual_seed(3)).half()
        return table[torch.from_numpy(records)]


def material(pictures, prompts=None):
    draw = np.random.default_rng(0)

    def said():
        ids = (*(int(i) for i in draw.integers(3, 100, draw.integers(1, 6))), 2)
        return Answer(ids, (len(ids),))

    drawn = [tuple(int(i) for i in draw.integers(3, 100, draw.integers(2, 5))) for _ in range(9)]
    prompts = prompts * 9 if prompts else drawn
    rows = [Row(i if pictures else -1, (p,), (said(), said()), False) for i, p in enumerate(prompts)]
    return Material(rows, np.arange(40)[:, None], ("plain",), Table())


def trainer(tiny_llama, folder, *, identity="", shape=SHAPE, measured=True, prompts=None, **changes):
    """Return a trainer of a fresh tiny model; keys of `STAGES` may be changed."""
    recipe = Recipe.model_validate({**STAGES, **changes})
    model = AdapterLlama(tiny_llama(), shape).train()
    folder.mkdir(exist_ok=True)
    return Trainer(
        recipe,
        model,
        {name: material(pictures=name != "words", prompts=prompts) for name in recipe.sources},
        {"held-out": material(pictures=True, prompts=prompts)} if measured else {},
        form=FORM,
        accelerator=Accelerator(cpu=True),
        folder=folder,
        identity=identity,
    )


def run(made, folder):
    journal = Journal(folder, steps=made.steps, done=made.progress.step)
    made.run(journal)
    journal.close()
    return made


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def changed(before, model):
    return {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}


@pytest.mark.parametrize("fusion", ["early", "added"])
def test_gradients_of_the_other_group_are_never_computed(tiny_llama, tmp_path, fusion):
    shape = SHAPE if fusion == "early" else replace(SHAPE, fusion="added", early_layers=0)
    stages = [{"steps": 8, "batch": 2, "warmup": 0, "sources": {"pairs": 1, "words": 1}, "order": "alternate"}]
    made = trainer(tiny_llama, tmp_path / "run", shape=shape, stages=stages, ema=0.0, measured=False)
    reached = []
    for name, parameter in made.model.named_parameters():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(lambda _, name=name: reached.append(name))
    groups = made.model.groups
    for number, step in enumerate(made._plan.steps):
        before = weights(made.model)
        reached.clear()
        made._do(step)
        made.progress.step += 1
        (group,) = step.groups
        assert group == ("visual", "language")[number % 2]
        assert reached
        assert set(reached) <= groups[group]
        assert changed(before, made.model) <= groups[group]
        assert changed(before, made.model)


def test_a_language_step_reaches_no_layer_below_the_lowest_that_learns(tiny_llama, tmp_path):
    """Only the last layer carries a prompt and nothing else is tuned: its input then needs no gradient."""
    shape = replace(SHAPE, adapter_layers=1, tuning="none", norm_tuning=False)
    stages = [{"steps": 1, "sources": {"words": 1}}]
    made = trainer(tiny_llama, tmp_path / "run", shape=shape, stages=stages, ema=0.0, measured=False)
    needed = []
    for layer in made.model.model.layers:
        layer.register_forward_hook(lambda module, args, out: needed.append(out.requires_grad))
    made._do(made._plan.steps[0])
    assert needed == [False, False, True]


@pytest.mark.parametrize("at", [1, 7, 9, 12, 15, 18])
def test_a_killed_run_ends_with_the_same_weights(tiny_llama, tmp_path, at):
    whole = run(trainer(tiny_llama, tmp_path / "whole", validate_every=3), tmp_path / "whole")

    class Killed(Exception):
        pass

    class KilledAt(Journal):
        def step(self, step, told):
            super().step(step, told)
            if step == at + 1:  # after it is done and before it is saved
                raise Killed

    folder = tmp_path / "killed"
    first = trainer(tiny_llama, folder, validate_every=3)
    with pytest.raises(Killed):
        first.run(KilledAt(folder, steps=first.steps, done=0, quiet=False))
    again = trainer(tiny_llama, folder, validate_every=3)
    again.restore(*load_state(folder, recipe=""))
    assert again.progress.step == at
    run(again, folder)
    for name, value in weights(whole.model).items():
        assert torch.equal(value, again.model.get_parameter(name)), name
    for name, value in whole._average.items():
        assert torch.equal(value, again._average[name]), name
    assert curves(folder) == curves(tmp_path / "whole")
    assert (folder / "best" / "adapter.safetensors").read_bytes() == (
        tmp_path / "whole" / "best" / "adapter.safetensors"
    ).read_bytes()


TOLD_IN_WORDS = replace(
    SHAPE, fusion="input", early_layers=0, visual_blocks=0, visual_words=tuple(range(10, 30)), visual_len=4
)
AFTER_WORDS = [
    {"steps": 1, "sources": {"pairs": 1}, "learns": "words"},
    {"steps": 3, "batch": 3, "sources": {"both": 1}},
    {"steps": 2, "batch": 2, "sources": {"both": 1}, "learns": "cider", "samples": 2},
]


@pytest.mark.parametrize("at", [1, 2, 5])
def test_a_run_that_is_told_in_words_goes_on_with_what_was_foretold(tiny_llama, tmp_path, at):
    made = {"shape": TOLD_IN_WORDS, "stages": AFTER_WORDS, "prompts": [(SLOT,) * 4 + (7, 8)]}
    whole = run(trainer(tiny_llama, tmp_path / "whole", **made), tmp_path / "whole")
    folder = tmp_path / "killed"
    first = trainer(tiny_llama, folder, **made)
    for step in first._plan.steps[:at]:
        first._do(step)
        first.progress.step += 1
    first.save()
    again = trainer(tiny_llama, folder, **made)
    again.restore(*load_state(folder, recipe=""))
    run(again, folder)
    for name, value in weights(whole.model).items():
        assert torch.equal(value, again.model.get_parameter(name)), name
    for name, value in whole._average.items():
        assert torch.equal(value, again._average[name]), name
    assert whole.model.visual.usual.any()


def test_words_that_a_path_is_told_in_are_learnt_in_one_step(tiny_llama, tmp_path):
    stages = [{**AFTER_WORDS[0], "steps": 2}]
    made = trainer(tiny_llama, tmp_path / "run", shape=TOLD_IN_WORDS, stages=stages, prompts=[(SLOT,) * 4 + (7,)])
    with pytest.raises(InputError, match="steps: 1"):
        made._do(made._plan.steps[0])


def test_a_state_of_another_recipe_or_a_damaged_one_is_refused(tiny_llama, tmp_path):
    made = trainer(tiny_llama, tmp_path / "run", identity=json.dumps({"seed": 1, "ema": 0.5}))
    made.save()
    with pytest.raises(InputError, match=r"another recipe \(changed: seed\)"):
        load_state(tmp_path / "run", recipe=json.dumps({"seed": 2, "ema": 0.5}))
    (tmp_path / "run" / "state.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match="damaged"):
        load_state(tmp_path / "run", recipe="")


def test_parts_of_a_batch_give_the_gradient_of_the_whole(tiny_llama, tmp_path):
    found = []
    for accumulate in (1, 2, 4):
        stages = [{"steps": 1, "batch": 4, "warmup": 0, "accumulate": accumulate, "sources": {"both": 1}}]
        made = trainer(tiny_llama, tmp_path / str(accumulate), stages=stages, ema=0.0, measured=False)
        told = made._do(made._plan.steps[0])
        found.append((told["loss"], told["norm_visual"], told["norm_language"]))
    for one in found[1:]:
        assert one == pytest.approx(found[0], rel=1e-4)


def test_a_step_without_a_finite_loss_is_skipped_and_too_many_stop_the_run(tiny_llama, tmp_path):
    made = trainer(tiny_llama, tmp_path / "run", bad_steps=3, measured=False)
    before = weights(made.model)
    poisoned = made.model.get_parameter("visual.out_norm.weight")
    with torch.no_grad():
        kept = poisoned.clone()
        poisoned.fill_(math.nan)
        made.model.get_parameter("model.layers.0.self_attn.gate").fill_(1.0)
    steps = [step for step in made._plan.steps if step.source == "pairs"]
    told = made._do(steps[0])
    assert math.isnan(told["loss"])
    assert made.progress.skipped == made.progress.skipped_in_a_row == 1
    with torch.no_grad():
        poisoned.copy_(kept)
        made.model.get_parameter("model.layers.0.self_attn.gate").zero_()
    assert not changed(before, made.model)
    made._do(steps[1])
    assert (made.progress.skipped, made.progress.skipped_in_a_row) == (1, 0)
    with torch.no_grad():
        poisoned.fill_(math.nan)
        made.model.get_parameter("model.layers.0.self_attn.gate").fill_(1.0)
    made._do(steps[0])
    made._do(steps[0])
    with pytest.raises(VQAError, match="no finite loss for 3 steps in a row"):
        made._do(steps[0])


def test_the_average_of_weights_is_what_is_measured_and_saved(tiny_llama, tmp_path):
    made = run(trainer(tiny_llama, tmp_path / "run", ema=0.5), tmp_path / "run")
    fresh = AdapterLlama(tiny_llama(), SHAPE)
    load_adapter(fresh, tmp_path / "run" / "last")
    for name, average in made._average.items():
        assert torch.equal(fresh.get_parameter(name), average)
    assert any(not torch.equal(average, made.model.get_parameter(n)) for n, average in made._average.items())


def test_half_precision_loads_back_into_float32(tiny_llama, tmp_path):
    made = run(trainer(tiny_llama, tmp_path / "run", save_dtype="float16", ema=0.0), tmp_path / "run")
    fresh = AdapterLlama(tiny_llama(), SHAPE)
    load_adapter(fresh, tmp_path / "run" / "last")
    for name in made._trained:
        found, expected = fresh.get_parameter(name), made.model.get_parameter(name)
        assert found.dtype == torch.float32
        assert torch.equal(found, expected.half().float())


def test_training_lowers_the_loss_and_keeps_the_best(tiny_llama, tmp_path):
    stages = [{"steps": 30, "batch": 4, "warmup": 0, "learning_rate": 0.01, "sources": {"both": 1}}]
    made = run(trainer(tiny_llama, tmp_path, stages=stages, ema=0.0, validate_every=5), tmp_path)
    trained, measured = curves(tmp_path)
    losses = [loss for _, loss in measured["held-out"]]
    assert [step for step, _ in measured["held-out"]] == [5, 10, 15, 20, 25, 30]
    assert made.progress.best == pytest.approx(min(losses), rel=1e-5)
    assert losses[-1] < losses[0]
    assert len(trained["both"]) == 30
    assert draw_curves(tmp_path).stat().st_size > 1000


def test_rates_rise_straight_and_fall_as_a_cosine_to_the_floor(tiny_llama, tmp_path):
    stages = [{"steps": 20, "warmup": 4, "floor": 0.1, "learning_rate": {"visual": 0.1, "language": 0.2}}]
    made = trainer(tiny_llama, tmp_path, stages=stages, measured=False)
    made._enter(0)
    steps = made._plan.group_steps[0]
    for group, top in (("visual", 0.1), ("language", 0.2)):
        optimizer = made._optimizers[group]
        total = steps[group]
        for done in range(total + 1):
            rise = min((done + 1) / 4, 1)
            fall = 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done / total))
            assert top * optimizer.share(done) == pytest.approx(top * rise * fall)
        assert optimizer.share(total) == pytest.approx(0.1)


def test_sources_are_drawn_by_weight_or_taken_in_turns():
    stages = [
        {"steps": 400, "sources": {"pairs": 3, "words": 1}},
        {"steps": 4, "sources": {"words": 1, "pairs": 5}, "order": "alternate"},
    ]
    plan = Plan(Recipe.model_validate({"sources": SOURCES, "stages": stages}))
    drawn = [step.source for step in plan.steps]
    assert 270 < drawn[:400].count("pairs") < 330
    assert drawn[400:] == ["pairs", "words", "pairs", "words"]
    assert [step.batch for step in plan.steps if step.source == "words"] == list(range(drawn.count("words")))
    assert plan.group_steps[1] == {"visual": 2, "language": 2}
    assert plan.steps[403].done == {"visual": 2, "language": 1}
