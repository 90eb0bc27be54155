"""What every command of the command line has in common: options from `Settings`, messages on stderr, an exit code.

The options are made from the dataclass's fields, so that flags, VQA_* variables and files cannot drift apart.
"""

from __future__ import annotations

import functools
import inspect
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from vqa.errors import VQAError
from vqa.settings import Settings, setting_help
from vqa.terminal import messages, shown

if TYPE_CHECKING:
    from typer import Typer

_TYPES: dict[str, Any] = {"int": int, "float": float, "bool": bool, "tuple[str, ...]": list[str]}
_METAVARS: dict[Any, str | None] = {int: "N", float: "X", bool: None, list[str]: "A,B", str: "TEXT"}
_SPELLINGS = {"no_experts": ("--no-expert", "--no-experts"), "experts": ("--experts", "--expert")}


def command(
    app: Typer, name: str, *examples: str, settings: Sequence[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command; a decorator.

    Args:
        app: The Typer app or group it belongs to.
        name: What the user types.
        examples: Lines to paste, for the end of its help.
        settings: Settings that become options; the function receives the loaded `Settings` as its first argument.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]
        parameters = [*own, *map(_setting_option, settings), *_message_options()]

        @functools.wraps(function)
        def framed(*, verbose: int, quiet: bool, **values: Any) -> None:
            import typer

            def call() -> None:
                flags = {setting: _joined(values.pop(setting)) for setting in settings}
                function(Settings.load(flags), **values)

            with messages(-1 if quiet else verbose):
                code = _exit_code(call)
            raise typer.Exit(code)

        framed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        framed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        epilog = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
        app.command(name, epilog=epilog, help=inspect.getdoc(function))(framed)
        return function

    return register


def group(description: str, *, default: str, takes_arguments: bool = False) -> Typer:
    """Return a new group of commands; without a command's name, or with options alone, `default` runs.

    Args:
        description: Its help.
        default: A command's name.
        takes_arguments: Whether a first word that is no command's name is the default's argument, and not a mistake.
    """
    import typer
    import typer.core

    class WithDefault(typer.core.TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            plain = not args or (args[0].startswith("-") and args[0] != "--help")
            argument = takes_arguments and bool(args) and args[0] not in (*self.commands, "--help")
            return super().parse_args(ctx, [default, *args] if plain or argument else args)

    return typer.Typer(cls=WithDefault, rich_markup_mode=None, help=description)


def run(app: Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; `arguments` are those of the process by default."""
    try:
        return app(args=arguments, prog_name="vqa", standalone_mode=False) or 0
    except Exception as error:
        if not hasattr(error, "format_message"):  # the mark of Typer's usage errors in every version of it
            raise
        with messages(0):
            context = getattr(error, "ctx", None)
            path = context.command_path if context else "vqa"
            _log.error("%s (see %s --help)", error.format_message().rstrip("."), path)
        return 2


def run_process(app: Typer) -> None:
    """Run this process's command line and exit."""
    for stream in (sys.stdout, sys.stderr):  # an answer in Korean must not fail in a terminal that cannot show it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # other packages' warnings; `python -W default -m vqa` shows them
    sys.exit(run(app))


def _exit_code(call: Callable[[], None]) -> int:
    try:
        call()
        sys.stdout.flush()  # a closed pipe is noticed here and not when the process ends
        return 0
    except VQAError as error:
        _log.debug("where it went wrong:", exc_info=True)
        _log.error("%s", error)
        return error.exit_code
    except BrokenPipeError:  # the reader has seen enough; what is still to be flushed at exit must go nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _log.error("interrupted")
        return 130
    except Exception as error:
        _log.debug("where it went wrong:", exc_info=True)
        _log.error("%s: %s (this should not happen; -vv shows where)", type(error).__name__, error)
        return 1


@functools.cache  # most commands take most settings
def _setting_option(name: str) -> inspect.Parameter:
    import typer

    setting = Settings.__dataclass_fields__[name]
    kind = _TYPES.get(str(setting.type), str)
    dashed = name.replace("_", "-")
    spellings = (f"--{dashed}/--no-{dashed}",) if kind is bool else _SPELLINGS.get(name, (f"--{dashed}",))
    # Only shown: an option that is not given stays None, and the environment, the files and the default decide.
    default = (
        "" if callable(setting.default_factory) or not setting.default else f" [default: {shown(setting.default)}]"
    )
    option = typer.Option(*spellings, help=setting_help(name) + default, show_default=False, metavar=_METAVARS[kind])
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _message_options() -> list[inspect.Parameter]:
    import typer

    verbose = typer.Option(
        "-v", "--verbose", count=True, help="Say what is done; -vv adds tracebacks.", show_default=False
    )
    quiet = typer.Option("-q", "--quiet", help="On stderr, errors only.")
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter("verbose", keyword, default=0, annotation=Annotated[int, verbose]),
        inspect.Parameter("quiet", keyword, default=False, annotation=Annotated[bool, quiet]),
    ]


def _joined(value: Any) -> Any:
    """Return `--experts a,b --experts c` as "a,b,c", the spelling of the environment; nothing given as None."""
    return (",".join(value) or None) if isinstance(value, list | tuple) else value


_log = logging.getLogger(__name__)
