"""What an editable install puts on the path: it hands over to the real `vqa` beside this folder.

Putting the checkout itself on the path would make `agent`, `tools` and `cli` importable everywhere.
"""

import importlib.util
import sys
from pathlib import Path

_package = Path(__file__).resolve().parent.parent / "vqa"
_spec = importlib.util.spec_from_file_location("vqa", _package / "__init__.py", submodule_search_locations=[str(_package)])
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["vqa"] = _module
_spec.loader.exec_module(_module)
