"""What an editable install puts on the path: it hands over to the real `vqa` of this checkout.

Putting the checkout itself on the path would make `agent`, `tools` and `cli` importable everywhere. This is a package
and not a module because `python -m vqa` looks for `__main__` only in packages.
"""

import importlib.util
import sys
from pathlib import Path

_package = Path(__file__).resolve().parents[2] / "vqa"
_spec = importlib.util.spec_from_file_location(
    "vqa", _package / "__init__.py", submodule_search_locations=[str(_package)]
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["vqa"] = _module
_spec.loader.exec_module(_module)
