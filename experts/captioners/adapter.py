"""The built-in captioner: the language model of the built-in cores with an adapter that was trained on captions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vqa import registry
from vqa.fingerprints import fingerprint
from vqa.protocols import SearchingCore
from vqa.settings import Settings
from vqa.values import GenerationOptions

if TYPE_CHECKING:
    from vqa.values import LoadedImage

_CORES = {"input": "minigpt4-smollm2"}  # by how the adapter lets the picture in; any other way: the built-in core
_BUILT_IN = "smollm2-captions"
_QUESTION = "Describe the image in one sentence."  # as in the adapter's training recipe
_OPTIONS = GenerationOptions(max_new_tokens=32, num_beams=5)


class AdapterCaptioner:
    """A core in caption mode.

    Args:
        make_core: Returns a core that renders and searches, its weights yet to be loaded.
        adapter: The adapter it has.
    """

    def __init__(self, make_core: Callable[[], SearchingCore], adapter: str) -> None:
        self.model = adapter
        self.rough = adapter == _BUILT_IN
        self._make_core = make_core
        self._core = make_core()

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return the captioner if the settings name the built-in adapter, or a folder with another one."""
        adapter = settings.caption_model
        fusion = "input" if adapter == _BUILT_IN else adapter and _fusion(Path(adapter).expanduser())
        if not fusion:
            return None
        core = _CORES.get(fusion, "smollm2-135m")
        of_core = replace(settings, adapter=adapter, core=core)

        def make_core() -> SearchingCore:
            made = registry.cores.get(core).from_settings(of_core)
            assert isinstance(made, SearchingCore)
            return made

        return cls(make_core, adapter)

    @property
    def fingerprint(self) -> str | None:
        """What a caption depends on besides the picture."""
        identity: str | None = getattr(self._core, "fingerprint", None)
        return identity and fingerprint(identity, _QUESTION, _OPTIONS, code=(Path(__file__),))

    def available(self) -> str | None:
        return self._core.available()

    def captions(self, images: Sequence[LoadedImage]) -> list[list[tuple[str, float]]]:
        """Return sentences for each picture, each with the geometric mean of its tokens' probabilities, in [0, 1]."""
        prompt = self._core.render(_QUESTION, ())
        found = self._core.search([(image, prompt) for image in images], _OPTIONS)
        return [[(" ".join(text.split()), math.exp(score.mean)) for text, score in texts] for texts in found]

    def unload(self) -> None:
        self._core = self._make_core()


def _fusion(folder: Path) -> str:
    """Return how an adapter lets the picture in, as its config has it; empty if there is no adapter in the folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("fusion", "")) if (folder / "adapter.safetensors").is_file() else ""
