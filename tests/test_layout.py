"""What the layout promises: who imports whom, what importing costs, one importable name however it is installed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("agent", "tools", "cli", "experts", "adapter_model")  # never importable under these names
HEAVY = frozenset(
    "torch torchvision transformers ultralytics easyocr onnxruntime open_clip langchain cv2 timm ai_edge_litert "
    "skimage numpy PIL gguf safetensors tokenizers huggingface_hub mcp fastapi".split()
)
PROBE = f"""
import importlib.util, json, pickle, sys
import vqa.agent.agent, vqa.cli, vqa.experts, vqa.tools, vqa.adapter_model
from vqa.values import Region
region = Region((0.0, 0.0, 1.0, 1.0), "bus", 0.5)
print(json.dumps({{
    "cli": vqa.cli.__file__,
    "agent": vqa.agent.agent.__file__,
    "pickles": pickle.loads(pickle.dumps(region)) == region,
    "leaked": [name for name in {OURS!r} if importlib.util.find_spec(name)],  # not asked for in a bare checkout
}}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(folder: Path, *install: str | Path) -> Path:
    """Return the programs' folder of a new virtual environment with this one's dependencies and one more package."""
    venv.create(folder)
    site_packages = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    dependencies = [path for path in sys.path if Path(path).name == "site-packages"]
    (site_packages / "dependencies.pth").write_text(
        "\n".join(dependencies)
    )  # an installation of ours in there stays out
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install", "--force-reinstall", *options)
    run(*pip, *install, cwd=folder)
    return programs


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    return folder / run(sys.executable, "-c", build, cwd=ROOT).split()[-1]


@pytest.fixture(scope="module")
def tree(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files as they lie in site-packages."""
    folder = tmp_path_factory.mktemp("tree")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_puts_every_folder_inside_one_package(tree: Path) -> None:
    assert [path.name for path in tree.iterdir() if path.suffix != ".dist-info"] == ["vqa"]
    folders = ("agent", "experts", "adapter_model", "tools")
    ours = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    ours |= {path.relative_to(ROOT / "vqa") for path in (ROOT / "vqa").rglob("*.py")} | {
        Path("cli.py"),
        Path("py.typed"),
    }
    assert ours <= {path.relative_to(tree / "vqa") for path in (tree / "vqa").rglob("*")}


@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_installed_it_is_importable_only_as_vqa(editable: bool, wheel: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "environment", *(("--editable", ROOT) if editable else (wheel,)))
    probed = json.loads(run(programs / "python", "-c", PROBE, cwd=tmp_path))
    assert probed["leaked"] == []
    assert probed["pickles"]
    assert (Path(probed["cli"]) == ROOT / "cli.py") is editable, "an editable install runs the checkout's file"
    assert (Path(probed["agent"]) == ROOT / "agent" / "agent.py") is editable
    for command in ((programs / "vqa",), (programs / "python", "-m", "vqa")):
        assert "yes  detect" in run(*command, "route", "How many dogs are there?", cwd=tmp_path)


def test_bare_checkout_needs_no_installation() -> None:
    probed = json.loads(run(sys.executable, "-c", PROBE, cwd=ROOT))
    assert Path(probed["cli"]) == ROOT / "cli.py"
    assert Path(probed["agent"]) == ROOT / "agent" / "agent.py"


def test_nobody_imports_against_the_layers(tree: Path) -> None:
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    report = run(sys.executable, "-c", linter, "--config", ROOT / "pyproject.toml", "--no-cache", cwd=tree)
    assert " 0 broken" in report


def test_listing_every_expert_router_and_core_loads_no_heavy_package() -> None:
    listing = f"""
import sys
from vqa.registry import cores, experts, routers
from vqa.settings import Settings
assert experts.names() and routers.names() and cores.names()
for registry in (experts, routers, cores):
    for kind in registry:
        kind.from_settings(Settings())
print(*sorted({set(HEAVY)!r} & set(sys.modules)))
"""
    assert run(sys.executable, "-c", listing, cwd=ROOT).split() == []


def heavy_imports(path: Path) -> list[str]:
    """Return the heavy packages that importing the file imports: not those inside functions or for type checkers."""
    names: list[str] = []
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            names += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(str(node.module).split(".")[0])
        nodes += ast.iter_child_nodes(node)
    return [name for name in names if name in HEAVY]


FILES = sorted(
    path
    for folder in ("vqa", "agent", "experts", "adapter_model/cores", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent != ROOT / "vqa" / "networks"  # classes of PyTorch's
)


@pytest.mark.parametrize("path", [ROOT / "cli.py", *FILES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_heavy_packages_are_imported_inside_functions(path: Path) -> None:
    assert heavy_imports(path) == []


def test_heavy_imports_are_seen_where_they_cost(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text("import json\ntry:\n    import torch.nn\nexcept ImportError: pass\ndef f():\n    import numpy\n")
    assert heavy_imports(file) == ["torch"]
