"""Experts, routers and cores by name: from their folder, from other packages, and what happens when that fails."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from vqa.errors import InputError
from vqa.registry import Registry, cores, experts, member, routers, unknown_name

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Give a function that writes importable modules; they are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def module(name: str, text: str) -> None:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    yield module
    for name in set(sys.modules) - before:
        if name.startswith(("registry_case", "foreign_case")):
            del sys.modules[name]


def a_package(write: Write) -> Registry[object]:
    """Return the registry of a package with one class in one file."""
    registry: Registry[object] = Registry("dish", "registry_case", "registry_case.dishes")
    write("registry_case/__init__.py", "")
    write("registry_case/soup.py", "class Soup:\n    name = 'soup'\n")
    return registry


def an_entry_point(write: Write, value: str) -> None:
    write("foreign_case-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: foreign_case\nVersion: 1.0\n")
    write("foreign_case-1.0.dist-info/entry_points.txt", f"[registry_case.dishes]\npie = {value}\n")


def test_the_folders_are_scanned() -> None:
    assert {"detect", "ocr", "caption"} <= set(experts.names())
    assert {"rules", "all", "none"} <= set(routers.names())
    assert {"smollm2-135m", "echo"} <= set(cores.names())
    assert [expert.name for expert in experts] == experts.names() == sorted(experts.names())


def test_an_unknown_name_lists_the_names_and_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown expert 'detekt': did you mean 'detect'\? choose from .*ocr"):
        experts.get("detekt")
    assert unknown_name("dish", "x", []) == "unknown dish 'x': choose from none installed"


def test_a_name_with_a_colon_is_a_family_that_answers_to_all_names_like_it() -> None:
    registry: Registry[object] = Registry("dish", "vqa.agent.routers", "registry_case.dishes")

    class Soup:
        name = "soup:OF/WHAT"

    registry.register(Soup)
    assert registry.names() == ["soup:OF/WHAT"]
    assert registry.get("soup:fish/and:chips") is registry.get("soup:OF/WHAT") is Soup
    assert member(Soup.name, "soup:fish/and:chips") == "fish/and:chips"
    assert member(Soup.name, Soup.name) == member(Soup.name, "soup") == member("soup", "soup:fish") == ""
    for nobodys in ("soup:", "soup", "soups:fish"):
        with pytest.raises(InputError, match=rf"unknown dish '{nobodys}': .*soup:OF/WHAT"):
            registry.get(nobodys)


def test_two_classes_cannot_share_a_name_but_one_may_come_twice() -> None:
    registry: Registry[object] = Registry("dish", "registry_case", "registry_case.dishes")

    class Soup:
        name = "soup"

    class Other:
        name = "soup"

    assert registry.register(Soup) is Soup
    registry.register(Soup)
    Other.__module__ = "elsewhere"
    with pytest.raises(InputError, match=r"'soup' is registered by .*test_registry.* and elsewhere"):
        registry.register(Other)


def test_a_class_of_another_package_joins_by_its_entry_point(write: Write) -> None:
    registry = a_package(write)
    write("foreign_case.py", "class Pie:\n    name = 'pie'\n")
    an_entry_point(write, "foreign_case:Pie")
    assert registry.names() == ["pie"]
    assert registry.get("pie").__module__ == "foreign_case"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("foreign_case:Pie", "raise RuntimeError('too\\nhot')"),
        ("foreign_case:Missing", ""),
        ("no_such_module:Pie", ""),
        ("foreign_case:Pie", "class Pie: pass"),
    ],
)
def test_a_broken_package_is_left_out_with_a_warning(
    write: Write, value: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry = a_package(write)
    write("foreign_case.py", text)
    an_entry_point(write, value)
    with caplog.at_level(logging.WARNING):
        assert registry.names() == []
    assert len(caplog.records) == 1
    (line,) = caplog.records[0].getMessage().splitlines()
    assert f"dish 'pie' of {value} is left out" in line


def test_a_failed_scan_is_tried_again_and_never_half_done(write: Write) -> None:
    registry: Registry[object] = Registry("dish", "registry_case", "registry_case.dishes")
    write("registry_case/__init__.py", "")
    write("registry_case/broken.py", "raise RuntimeError('broken')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            registry.names()


def test_threads_that_ask_at_once_see_everything(write: Write) -> None:
    registry: Registry[object] = Registry("dish", "registry_case", "registry_case.dishes")
    write("registry_case/__init__.py", "")
    write("registry_case/soup.py", "import time\ntime.sleep(0.05)\n")
    write("foreign_case.py", "class Pie:\n    name = 'pie'\n")
    an_entry_point(write, "foreign_case:Pie")
    seen: list[list[str]] = []
    threads = [Thread(target=lambda: seen.append(registry.names())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [["pie"]] * 4
