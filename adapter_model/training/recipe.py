"""What a training run is: one YAML file, parsed strictly; the words of its keys are explained in docs/training.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vqa.adapter_model.config import Group

Format = Literal["captions", "vqa", "vqa_v2", "instructions", "alpaca", "llava", "webdataset", "easy_vqa"]
Groups = Literal["visual", "language", "both"]

_Share = Annotated[float, Field(ge=0, lt=1)]
_Positive = Annotated[float, Field(gt=0)]

CAPTION_QUESTION = "Describe the image in one sentence."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """One set of examples, and which parameters it may change.

    Attributes:
        format: How its file is written.
        path: The file, or for "webdataset" the tar files, `*` allowed; "easy_vqa" needs none.
        annotations: The second file of "vqa_v2".
        pictures: A folder, or tar files with `*` allowed; empty: the rows hold paths beside the file, or URLs.
        group: The parameters it trains; "both" goes beyond the paper's disjoint groups (visual-instruction data).
        where: Only rows whose fields have these values, e.g. `split: train`.
        fields: Names of a row's fields that differ from the format's own, e.g. `captions: comment`.
        question: Asked about a picture that has captions alone.
        questions: Other wordings of it, one drawn for each row of a batch.
        agreed: Captions of a picture that are learnt at most, those that agree most with its others; 0: all of them.
        answers: Captions of a picture that share one prompt in a batch; 0: all of them.
        views: Forms of a picture to learn from: plain, flip, crop, crop2, crop3, …; one is drawn each time.
        limit: The most rows read; 0: all.
    """

    format: Format
    path: str = ""
    annotations: str = ""
    pictures: str = ""
    group: Groups = "visual"
    where: dict[str, str | int | bool] = {}
    fields: dict[str, str] = {}
    question: str = CAPTION_QUESTION
    questions: tuple[str, ...] = ()
    agreed: Annotated[int, Field(ge=0)] = 0
    answers: Annotated[int, Field(ge=0)] = 0
    views: tuple[Annotated[str, Field(pattern=r"^(plain|flip|crop\d*)$")], ...] = Field(("plain",), min_length=1)
    limit: Annotated[int, Field(ge=0)] = 0


class Stage(_Strict):
    """Some steps with one setting of everything that learns.

    Attributes:
        steps: Optimizer steps.
        learns: "answers": the next token of each, through the language model; "words": which words a picture's answers
            hold, by the visual path alone (`training.words`); "cider": to give answers that score well
            (`training.self_critical`).
        samples: Answers sampled for each row where CIDEr is learnt.
        sources: Each source's weight in the draw; empty: all of them alike.
        order: "weighted" draws a source for each step; "alternate" takes them in turns.
        batch: Rows in a step; a row is one prompt with all its answers.
        accumulate: Parts that a step's rows are worked on in, to save memory.
        learning_rate: For all groups or for each.
        optimizer: "adamw", or "muon" for the matrices of the visual path, AdamW for the rest.
        warmup: Steps of a group over which its rate rises from zero.
        floor: Share of the rate that the cosine ends at.
        gate_multiple: How much faster gates learn; a closed gate lets no gradient through to its prompt.
        weight_decay: Of matrices; never of gates, scales, biases and norms.
        clip: Largest norm of a step's gradient.
        label_smoothing: Probability given to all words alike.
        prompt_dropout: Share of the visual prompt's values that a step leaves out.
        patch_dropout: Share of a picture's patches that a step leaves out.
    """

    name: str = ""
    steps: Annotated[int, Field(gt=0)]
    learns: Literal["answers", "words", "cider"] = "answers"
    samples: Annotated[int, Field(gt=1)] = 5
    sources: dict[str, Annotated[float, Field(ge=0)]] = {}
    order: Literal["weighted", "alternate"] = "weighted"
    batch: Annotated[int, Field(gt=0)] = 16
    accumulate: Annotated[int, Field(gt=0)] = 1
    learning_rate: _Positive | dict[Group, _Positive] = 1e-3
    optimizer: Literal["adamw", "muon"] = "adamw"
    warmup: Annotated[int, Field(ge=0)] = 50
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    gate_multiple: _Positive = 10.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[_Share, _Share] = (0.9, 0.95)
    clip: _Positive = 1.0
    label_smoothing: _Share = 0.0
    prompt_dropout: _Share = 0.0
    patch_dropout: _Share = 0.0

    def rate(self, group: Group) -> float:
        """Return a group's highest learning rate. Raises KeyError if the stage does not say."""
        return self.learning_rate[group] if isinstance(self.learning_rate, dict) else self.learning_rate


class Recipe(_Strict):
    """A whole run.

    Attributes:
        adapter: The adapter's shape: a preset's name under `preset`, and fields of `AdapterConfig` that differ.
        init: An adapter to start from: a folder, a preset or owner/name on the hub; `adapter` says what differs.
        output: Folder of the run.
        features: Folder of the pictures' patch features; empty: inside the run's folder. Runs may share one.
        sources: What is learnt from.
        validation: What is measured on; the mean of their losses chooses the best weights.
        stages: What is done, one after the other.
        seed: Of everything drawn.
        max_tokens: Rows longer than this are left out.
        validate_every: Steps between measurements; 0: only at the end.
        save_every: Steps between checkpoints.
        save_dtype: How the adapter is written.
        ema: Decay of the average of weights that is measured and written instead of the last; 0: none.
        bad_steps: Steps in a row without a finite loss after which training gives up.
        gradient_checkpointing: Compute activations twice to save memory.
    """

    adapter: dict[str, Any] = {}
    init: str = ""
    output: str = "run"
    features: str = ""
    sources: dict[str, Source] = Field(min_length=1)
    validation: dict[str, Source] = {}
    stages: tuple[Stage, ...] = Field(min_length=1)
    seed: Annotated[int, Field(ge=0)] = 0
    max_tokens: Annotated[int, Field(gt=0)] = 512
    validate_every: Annotated[int, Field(ge=0)] = 0
    save_every: Annotated[int, Field(gt=0)] = 200
    save_dtype: Literal["float32", "float16"] = "float32"
    ema: _Share = 0.0
    bad_steps: Annotated[int, Field(gt=0)] = 5
    gradient_checkpointing: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.init and "preset" in self.adapter:
            raise ValueError("give init or adapter.preset, not both: an adapter to start from has its own shape")
        for place, stage in enumerate(self.stages):
            for name in stage.sources:
                if name not in self.sources:
                    raise ValueError(f"stages.{place}.sources: no source {name!r}; there are {', '.join(self.sources)}")
            chosen = self.stage_sources(stage)
            if not chosen:
                raise ValueError(f"stages.{place}.sources: every weight is 0")
            for group in {g for name in chosen for g in groups_of(self.sources[name])}:
                if isinstance(stage.learning_rate, dict) and group not in stage.learning_rate:
                    raise ValueError(
                        f"stages.{place}.learning_rate: none for the {group} group, which its sources train"
                    )
        return self

    def stage_sources(self, stage: Stage) -> dict[str, float]:
        """Return the weights of the sources that a stage draws from, in the recipe's order."""
        weights = stage.sources or dict.fromkeys(self.sources, 1.0)
        return {name: weights[name] for name in self.sources if weights.get(name, 0) > 0}

    def trained_groups(self) -> tuple[Group, ...]:
        """Return the groups that some stage changes."""
        found = {
            g for stage in self.stages for name in self.stage_sources(stage) for g in groups_of(self.sources[name])
        }
        return tuple(group for group in ALL_GROUPS if group in found)


ALL_GROUPS: tuple[Group, ...] = ("visual", "language")


def groups_of(source: Source) -> tuple[Group, ...]:
    """Return the groups whose parameters a source changes."""
    return ALL_GROUPS if source.group == "both" else (source.group,)
