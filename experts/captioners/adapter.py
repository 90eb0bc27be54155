"""The built-in captioner: the language model of the built-in cores with an adapter that was trained on captions.

Its sentences lean towards what people would say of the picture, which is foretold by other means (`phrases`), and are
held against it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from vqa import registry
from vqa.experts.captioners import phrases
from vqa.fingerprints import fingerprint
from vqa.networks import SIGHT
from vqa.protocols import SearchingCore
from vqa.settings import Settings
from vqa.values import GenerationOptions, Score

if TYPE_CHECKING:
    from torch import Tensor

    from vqa.experts.captioners.phrases import Phrases
    from vqa.networks.sight import Sight
    from vqa.values import LoadedImage

_CORES = {"input": "minigpt4-smollm2"}  # by how the adapter lets the picture in; any other way: the built-in core
_BUILT_IN = "smollm2-captions"
_QUESTION = "Describe the image in one sentence."  # as in the adapter's training recipe
_OPTIONS = GenerationOptions(max_new_tokens=32, num_beams=8)
LEANS = 0.8
"""How much a sentence leans, as it is searched for, towards words that people would say of this picture rather than of
any other."""
AGREES = 3.0
"""What full agreement with what is foretold adds to a sentence's mean log probability, and none takes away."""
USUAL = 0.34
"""The agreement of a usual sentence, which changes nothing."""


class AdapterCaptioner:
    """A core in caption mode.

    Args:
        make_core: Returns a core that renders and searches, its weights yet to be loaded.
        adapter: The adapter it has.
        settings: Where the vision network's weights are, which foretells what people would say.
    """

    def __init__(self, make_core: Callable[[], SearchingCore], adapter: str, settings: Settings) -> None:
        self.model = adapter
        self.rough = adapter == _BUILT_IN
        self._settings = settings
        self._make_core = make_core
        self._core = make_core()
        self._foretelling: tuple[Sight, Phrases] | None = None

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

        return cls(make_core, adapter, settings)

    @property
    def fingerprint(self) -> str | None:
        """What a caption depends on besides the picture."""
        identity: str | None = getattr(self._core, "fingerprint", None)
        code = (Path(__file__), *((Path(phrases.__file__), phrases.FILE, *SIGHT) if self.rough else ()))
        return identity and fingerprint(identity, _QUESTION, _OPTIONS, (LEANS, AGREES, USUAL), code=code)

    def available(self) -> str | None:
        return self._core.available()

    def captions(self, images: Sequence[LoadedImage]) -> list[list[tuple[str, float]]]:
        """Return sentences for each picture, best first, each with a score in [0, 1].

        That is the geometric mean of its tokens' probabilities, more or less by how well the built-in captioner's says
        what people would say; other captioners learnt from other people.
        """
        batch = [(image, self._core.render(_QUESTION, ())) for image in images]
        if not self.rough:
            return [_told(texts) for texts in self._core.search(batch, _OPTIONS)]
        from vqa.networks.sight import pooled, sight

        sees, people = self._foretelling = self._foretelling or (sight(self._settings), phrases.Phrases.load())
        seen = [pooled(sees.tokens(image)) for image in images]
        leanings = [{word: LEANS * far for word, far in people.leanings(one).items()} for one in seen]
        found = self._core.search(batch, _OPTIONS, leanings=leanings)
        return [_weighed(_told(texts), people, people.foretold(one)) for texts, one in zip(found, seen, strict=True)]

    def unload(self) -> None:
        self._core = self._make_core()
        self._foretelling = None


def _told(texts: Sequence[tuple[str, Score]]) -> list[tuple[str, float]]:
    return [(" ".join(text.split()), math.exp(score.mean)) for text, score in texts]


def _weighed(said: Sequence[tuple[str, float]], people: Phrases, foretold: Tensor) -> list[tuple[str, float]]:
    """Return sentences, best first, with scores that rise and fall with how far they agree with what is foretold."""
    so_far = ((text, score, people.agreement(text, foretold)) for text, score in said)
    weighed = ((text, min(score * math.exp(AGREES * (agrees - USUAL)), 1.0)) for text, score, agrees in so_far)
    return sorted(weighed, key=lambda sentence: -sentence[1])


def _fusion(folder: Path) -> str:
    """Return how an adapter lets the picture in, as its config has it; empty if there is no adapter in the folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("fusion", "")) if (folder / "adapter.safetensors").is_file() else ""
