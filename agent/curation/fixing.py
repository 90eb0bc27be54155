"""Who mends a paragraph: the offline rules, a language model by its core's name, or any function.

The prompt asks for what the paper's does (arXiv 2304.10592, section 3.2), in words of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vqa.agent.curation.describing import Description, written
from vqa.agent.curation.rules import mend, tidy
from vqa.errors import ModelUnavailable, VQAError
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions

Fix = Callable[[Sequence[Description]], Sequence[str | VQAError]]
"""Returns for each description its mended text, or why there is none."""

RULES = "rules"
PROMPT = (
    "Correct the paragraph below. Remove sentences and phrases that repeat others, characters without meaning, and "
    "whatever is not English. Complete or remove unfinished sentences. Add nothing that the paragraph does not say. "
    "Reply with the corrected paragraph alone; if nothing is wrong with it, repeat it as it is.\n\n{paragraph}"
)

_LONGER = 1.25  # times its own tokens that a paragraph may have afterwards


def by_rules(descriptions: Sequence[Description]) -> list[str | VQAError]:
    """Return the texts without what the rules find wrong with them."""
    return [mend(one.text).text for one in descriptions]


def by_model(name: str, settings: Settings) -> Fix:
    """Return what lets a core mend texts: "openai:MODEL", "text:OWNER/NAME" or any other.

    Raises:
        InputError: No core is called that.
        ModelUnavailable: It cannot run here.
    """
    # The adapter belongs to the model that describes.
    core = cores.get(name).from_settings(replace(settings, core=name, adapter="", base_model=""))
    if missing := core.available():
        raise ModelUnavailable(f"fix {name!r}: {missing}")

    def fix(descriptions: Sequence[Description]) -> list[str | VQAError]:
        prompts = [(one.image, core.render(PROMPT.format(paragraph=one.text), ())) for one in descriptions]
        longest = max((core.count_tokens(one.text) for one in descriptions), default=0)
        options = GenerationOptions(max_new_tokens=max(int(longest * _LONGER), 1), seed=settings.seed)
        fixed = written(core, prompts, options) if prompts else []
        return [text if isinstance(text, VQAError) else tidy(text.strip()) for text in fixed]

    return fix


def fixer(name: str, settings: Settings) -> Fix:
    """Return who is called `name`. Raises as `by_model`."""
    return by_rules if name == RULES else by_model(name, settings)
