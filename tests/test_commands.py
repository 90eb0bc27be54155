"""The frame around every command: options from settings, messages, exit codes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated

import pytest
import typer

from vqa.commands import command, run
from vqa.errors import InputError, ModelUnavailable, PartialFailure, VQAError
from vqa.settings import Settings, setting_names


def app_that(does: Callable[[], None]) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)

    @command(app, "work", "vqa work")
    def work(settings: Settings) -> None:
        """Work."""
        does()

    @command(app, "rest", "vqa rest")
    def rest(settings: Settings) -> None:
        """Rest."""

    return app


def raising(error: BaseException) -> Callable[[], None]:
    def does() -> None:
        raise error

    return does


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VQAError("no luck"), 1),
        (InputError("no luck"), 2),
        (ModelUnavailable("no luck"), 3),
        (PartialFailure("no luck"), 4),
        (ZeroDivisionError("no luck"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_line_and_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(app_that(raising(error)), ["work"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "no luck" in err
    assert err.count("\n") == 1


def test_an_unexpected_error_says_its_type_and_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app_that(raising(ZeroDivisionError("no luck"))), ["work"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "-vv" in err


def test_only_vv_shows_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    run(app_that(raising(InputError("no luck"))), ["work", "-v"])
    assert "Traceback" not in capsys.readouterr().err
    run(app_that(raising(InputError("no luck"))), ["work", "-vv"])
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app_that(raising(KeyboardInterrupt())), ["work"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


@pytest.mark.parametrize("arguments", [["work", "--bad"], ["wrok"], ["work", "too much"]])
def test_wrong_usage_is_one_line_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app_that(lambda: None), arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "--help" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        (["-q"], ["an error"]),
        ([], ["an error", "a warning"]),
        (["-v"], ["an error", "a warning", "what is done"]),
        (["-vv"], ["an error", "a warning", "what is done", "a detail"]),
    ],
)
def test_v_and_q_choose_what_stderr_says(
    options: list[str], seen: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def talk() -> None:
        log = logging.getLogger("vqa.anything")
        log.error("an error")
        log.warning("a warning")
        log.info("what is done")
        log.debug("a detail")
        logging.getLogger("somebody.else").warning("chatter")

    assert run(app_that(talk), ["work", *options]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ", 1)[1] for line in lines if "chatter" not in line] == seen
    assert any("chatter" in line for line in lines) is (options == ["-vv"])


def test_logging_is_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("vqa")
    before = (list(root.handlers), root.level, ours.level)
    run(app_that(raising(InputError("no luck"))), ["work", "-vv"])
    assert (list(root.handlers), root.level, ours.level) == before


def test_flags_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_SEED", "5")
    monkeypatch.setenv("VQA_CORE", "from-the-environment")
    app = typer.Typer(rich_markup_mode=None)
    got: list[Settings] = []

    @command(app, "ask", "vqa ask", settings=setting_names())
    def ask(settings: Settings, word: Annotated[str, typer.Argument()] = "") -> None:
        """Ask."""
        got.append(settings)

    @command(app, "rest", "vqa rest")
    def rest(settings: Settings) -> None:
        """Rest."""

    arguments = "ask hello --core echo --experts a,b --expert c --no-expert d --no-tiles --offline --temperature 0.5"
    assert run(app, arguments.split()) == 0
    settings = got[0]
    assert (settings.core, settings.seed, settings.temperature) == ("echo", 5, 0.5)
    assert settings.experts == ("a", "b", "c")
    assert settings.no_experts == ("d",)
    assert (settings.tiles, settings.offline, settings.strict) == (False, True, False)
    origins = {name: settings.origins[name] for name in ("core", "seed", "tiles", "top_p")}
    assert origins == {"core": "flag", "seed": "VQA_SEED", "tiles": "flag", "top_p": "default"}
