"""Visual question answering with evidence: a picture and a question go in, an answer with its findings comes out.

`vqa` is the only importable name. In a source checkout the folders `agent/`, `experts/`, `adapter_model/`, `tools/`
and the file `cli.py` are siblings of this one; a wheel carries them inside it. Both answer to
`vqa.agent`, `vqa.experts`, ….
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_here = Path(__file__).resolve().parent
if not (_here / "agent").is_dir():
    __path__.append(str(_here.parent))

# The public names load on first use, so that `import vqa` (and `vqa --help`) costs nothing.
_PUBLIC = {
    "VQAAgent": "vqa.agent.agent",
    "Answer": "vqa.values",
    "Finding": "vqa.values",
    "GenerationOptions": "vqa.values",
    "LoadedImage": "vqa.values",
    "Prompt": "vqa.values",
    "Question": "vqa.values",
    "Region": "vqa.values",
    "Route": "vqa.values",
    "Settings": "vqa.settings",
    "load_image": "vqa.images",
    "register_core": "vqa.registry",
    "register_expert": "vqa.registry",
    "register_router": "vqa.registry",
    "VQAError": "vqa.errors",
    "InputError": "vqa.errors",
    "ModelUnavailable": "vqa.errors",
    "PartialFailure": "vqa.errors",
}
__all__ = sorted(_PUBLIC)

if TYPE_CHECKING:
    from vqa.agent.agent import VQAAgent as VQAAgent
    from vqa.errors import InputError as InputError
    from vqa.errors import ModelUnavailable as ModelUnavailable
    from vqa.errors import PartialFailure as PartialFailure
    from vqa.errors import VQAError as VQAError
    from vqa.images import load_image as load_image
    from vqa.registry import register_core as register_core
    from vqa.registry import register_expert as register_expert
    from vqa.registry import register_router as register_router
    from vqa.settings import Settings as Settings
    from vqa.values import Answer as Answer
    from vqa.values import Finding as Finding
    from vqa.values import GenerationOptions as GenerationOptions
    from vqa.values import LoadedImage as LoadedImage
    from vqa.values import Prompt as Prompt
    from vqa.values import Question as Question
    from vqa.values import Region as Region
    from vqa.values import Route as Route


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vqa' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
