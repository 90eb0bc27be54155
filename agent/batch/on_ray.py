"""The same run on Ray Data: actors that hold the models answer windows of rows, on one machine or many.

Ray Data keeps the order, holds back what the actors cannot take yet, starts an actor that died again and gives it its
windows again (https://docs.ray.io/en/latest/data/data.html). Writing, resuming and counting stay with the caller, as in
a local run.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqa.agent.batch.outcomes import Outcome
from vqa.agent.batch.rows import Row
from vqa.agent.batch.running import Answering, Refused, locally
from vqa.agent.batch.thumbnails import Thumbnail, name_of, thumbnail_of
from vqa.agent.windows import window_rows
from vqa.errors import ModelUnavailable, VQAError
from vqa.settings import Settings
from vqa.values import Answer

_WINDOWS_A_BLOCK = 8
_DEATHS = 3  # workers that die in a row before they have loaded their models, until the run gives up


@dataclass(frozen=True)
class Cluster:
    """How much of which cluster to use.

    Attributes:
        workers: Actors, each with its own models.
        cpus: CPU cores of each; torch uses as many threads.
        gpus: GPUs of each; a fraction shares one.
        address: Of a running cluster; empty: this machine alone.
    """

    workers: int = 2
    cpus: float = 1
    gpus: float = 0
    address: str = ""


def on_ray(
    settings: Settings,
    image_root: str | None,
    cluster: Cluster,
    *,
    batch_rows: int,
    thumbnails: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Answering:
    """Return what answers rows on Ray; every machine must see the pictures under the same paths.

    Args:
        settings: What each worker's agent is made with.
        image_root: Where pictures' names are looked up.
        cluster: How much of which cluster to use.
        batch_rows: Rows of a window.
        thumbnails: Bring a small picture with each answer, for a page.
        stop: Once true, no more windows are waited for.

    Raises:
        ModelUnavailable: Ray is not installed.
    """
    ray = _started(cluster)

    def answering(rows: Iterable[Row | Refused]) -> Iterator[list[Outcome]]:
        windows = [{"window": pickle.dumps(window)} for window in _windows(rows, batch_rows)]
        if not windows:
            return
        data = ray.data.from_items(windows, override_num_blocks=-(-len(windows) // _WINDOWS_A_BLOCK))
        del windows
        answered = data.map_batches(
            Worker,
            fn_constructor_kwargs={
                "settings": settings,
                "image_root": image_root,
                "batch_rows": batch_rows,
                "thumbnails": thumbnails,
                "folder": str(Path.cwd()),
            },
            batch_size=1,
            concurrency=cluster.workers,
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus,
        )
        try:
            for record in answered.iter_rows():
                if stop():
                    return
                yield pickle.loads(record["outcomes"])
        except Exception as error:  # a window's own failures are rows: this is a worker that cannot start, say
            _log.debug("Ray failed", exc_info=True)
            raise VQAError(f"Ray's workers failed: {_gist(error)}; mend it, then go on with --resume") from error

    return answering


class Worker:
    """One actor: an agent of its own, which keeps its models between windows."""

    def __init__(
        self, *, settings: Settings, image_root: str | None, batch_rows: int, thumbnails: bool, folder: str
    ) -> None:
        from vqa.agent.agent import VQAAgent
        from vqa.agent.batch.pictures import Pictures

        if Path(folder).is_dir():
            os.chdir(folder)  # names of pictures are relative to it
        agent = VQAAgent.from_pretrained(settings=settings)
        self._thumbnails = thumbnails
        self._answer = locally(
            agent, Pictures(image_root, offline=settings.offline).load, batch_rows=batch_rows, lanes=1
        )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        rows = [row for window in batch["window"] for row in pickle.loads(window)]
        made: dict[str, Thumbnail] = {}
        outcomes = [self._light(outcome, made) for window in self._answer(rows) for outcome in window]
        return {"outcomes": [pickle.dumps(outcomes)]}

    def _light(self, outcome: Outcome, made: dict[str, Thumbnail]) -> Outcome:
        """Return the outcome without its picture, which is not worth its way through the cluster; a small one may be.

        Args:
            outcome: A row's.
            made: The window's thumbnails; receives this picture's.
        """
        if not isinstance(outcome.result, Answer):
            return outcome
        image, thumbnail = outcome.result.image, None
        if self._thumbnails and image is not None:
            name = name_of(image)
            thumbnail = made[name] = made.get(name) or thumbnail_of(image)
        return replace(outcome, result=replace(outcome.result, image=None), thumbnail=thumbnail)


def _windows(rows: Iterable[Row | Refused], most_rows: int) -> Iterator[list[Row | Refused]]:
    """Yield the windows that a local run has, if their pictures are not too large for it."""
    left = deque(rows)
    while left:
        yield [left.popleft() for _ in range(min(window_rows(len(left), most_rows), len(left)))]


def _started(cluster: Cluster) -> Any:
    """Return Ray, connected, quiet, and with answers in the order of their rows."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise ModelUnavailable("--engine ray needs Ray; run `pip install 'vqa-agent[ray]'`") from None
    if not ray.is_initialized():
        _connect(ray, cluster)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.max_consecutive_actor_init_deaths = _DEATHS
    return ray


def _connect(ray: Any, cluster: Cluster) -> None:
    # Here: as many cores as the workers ask for, and one for Ray Data's own tasks.
    alone = {"num_cpus": math.ceil(cluster.workers * cluster.cpus) + 1, "include_dashboard": False}
    where = {"address": cluster.address} if cluster.address else alone
    for last in (False, False, True):  # Ray gives its own processes 30 s to start: on a busy machine not enough
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
            return
        except Exception as error:
            if last:
                raise ModelUnavailable(f"Ray cannot be started or reached: {_gist(error)}") from error
            _log.info("Ray did not start (%s); once more", error)
            ray.shutdown()


def _gist(error: Exception) -> str:
    """Return the last line of a message, where a worker's traceback says what happened."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


_log = logging.getLogger(__name__)
