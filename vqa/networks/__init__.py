"""Networks that experts and cores share, and how their files are read; importing one loads PyTorch."""

from pathlib import Path

SIGHT = tuple(Path(__file__).with_name(name) for name in ("sight.py", "efficientnet_lite.py"))
"""The files on which it depends what the built-in vision network sees."""
