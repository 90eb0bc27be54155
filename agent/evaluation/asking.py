"""Asks the agent a data set's questions, whole or with some of its parts taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal

from vqa.agent.agent import VQAAgent
from vqa.agent.batch.outcomes import Outcome
from vqa.agent.batch.running import locally
from vqa.agent.evaluation.cases import Case
from vqa.agent.windows import BATCH_ROWS, Load
from vqa.registry import routers

Subsets = Literal["single", "all"]


def ask(
    agent: VQAAgent,
    cases: Sequence[Case],
    load: Load,
    *,
    batch_rows: int = BATCH_ROWS,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Yield what becomes of each case, in order.

    Args:
        load: Turns a row's picture into a LoadedImage, in threads.
        batch_rows: Rows worked on together.
        stop: Once true, only what is being answered is still yielded.

    Raises:
        ModelUnavailable: The core's weights cannot be had.
    """
    for window in locally(agent, load, batch_rows=batch_rows, stop=stop)(case.row for case in cases):
        yield from window


def ablated(agent: VQAAgent, subsets: Subsets) -> Iterator[tuple[str, VQAAgent]]:
    """Yield agents with fewer parts, each with its name; they share the models of the one given.

    First the core alone, then subsets of the experts (those that can look here, and that the agent's settings allow),
    then the agent as it is.

    Args:
        subsets: "single" is each expert alone, and all together; "all" is every subset.
    """
    allowed = [name for name in agent.settings.experts or agent.experts if name not in agent.settings.no_experts]
    usable = [name for name in allowed if agent.experts[name].available() is None]
    sizes = range(1, len(usable) + 1) if subsets == "all" else sorted({1, len(usable)} - {0})
    yield "core alone", _variant(agent, (), "none")
    for size in sizes if usable else ():
        for chosen in combinations(usable, size):
            yield "+".join(chosen), _variant(agent, chosen, agent.router.name)
    as_it_is = "experts given" if agent.settings.experts else f"{agent.router.name} router"
    yield as_it_is, agent


def _variant(agent: VQAAgent, experts: tuple[str, ...], router: str) -> VQAAgent:
    settings = replace(agent.settings, experts=experts, no_experts=(), router=router)
    chooser = routers.get(router).from_settings(settings)
    return VQAAgent(list(agent.experts.values()), chooser, core=agent.core, settings=settings)
