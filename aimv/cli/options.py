"""Options on the command line and in the config: typer commands from groups of options (aimv/options.py).

The values in the config are the defaults of the commands; `aimv config` prints them with their sources.
"""

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimv.config import Config, config_path, read_config
from aimv.fields import Group, Option, options_of
from engine.errors import AimvError, UsageError

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
SongFile = Annotated[Path, typer.Argument(help="A sound file: wav, flac, mp3, ogg, m4a; any rate.", metavar="FILE")]
OPTIONS: dict[str, tuple[Option, ...]] = {}  # of each command


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command of `function`'s name; see `with_options`."""
    run = with_options(function)
    OPTIONS[function.__name__] = run.options  # type: ignore[attr-defined]
    return run


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """`function` as typer takes it: each parameter that is a group of options becomes one parameter per option.

    An AimvError that names one of the options in `option` gets its advice as a note.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    groups = {
        name: each.annotation
        for name, each in parameters.items()
        if isinstance(each.annotation, type) and issubclass(each.annotation, Group)
    }
    own = tuple(option for group in groups.values() for option in options_of(group))

    @functools.wraps(function)
    def run(**given: Any) -> None:
        try:
            built = {
                name: group(**{option.name: given.pop(option.name) for option in options_of(group)})
                for name, group in groups.items()
            }
            function(**given, **built)
        except AimvError as error:
            for option in own:
                if option.name == error.option:
                    error.add_note(f"{option.advice}; see {option.flag}".removeprefix("; "))
            raise

    typed = [each for name, each in parameters.items() if name not in groups] + [_parameter(option) for option in own]
    typed.sort(key=lambda each: each.kind)
    run.__signature__ = inspect.Signature(typed)  # type: ignore[attr-defined]
    run.options = own  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in typed}
    return run


def _parameter(option: Option) -> inspect.Parameter:
    """The parameter that typer makes the option of."""
    flag = option.flag if option.default is not True else f"{option.flag}/--no-{option.flag[2:]}"
    info = typer.Option(flag, help=option.help, metavar=option.metavar, envvar=option.env)
    kind: Any = list[str] if option.type is list else option.type
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.default is dataclasses.MISSING else option.default,
        annotation=Annotated[kind | None if option.optional and option.default is None else kind, info],
    )


def load_config() -> Config:
    """Read and check the config.

    Raises:
        UsageError: a key or a value is not possible; it is named.
    """
    return read_config(config_path(), OPTIONS)


@command
def config(
    name: Annotated[
        str, typer.Argument(help="Print the settings of this command only: play, live, export, ...", metavar="COMMAND")
    ] = "",
) -> None:
    """Print every setting, its value and its source.

    The first line is the path of the config file. Its keys are the names of the options; a table with the name of a
    command sets them for that command only.

    [dim]Examples:[/dim]

        aimv config
        aimv config live
    """
    if name and name not in OPTIONS:
        raise UsageError(f"there is no command {name!r}: there are {', '.join(OPTIONS)}")
    read = load_config()
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"{read.path}{'' if read.path.exists() else ' (not there yet)'}")
    rows = [
        (each, option.name, *_value_and_source(option, read, each))
        for each in ([name] if name else ("play", "live", "export"))
        for option in OPTIONS[each]
    ]
    rows += [("midi", control, wanted, str(read.path)) for control, wanted in read.midi.items()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        out.print("  ".join([*map(str.ljust, row, widths), row[3]]))


def _value_and_source(option: Option, read: Config, name: str) -> tuple[str, str]:
    """The value of a command's option as text, and its source."""
    value, source = option.default, "default"
    if option.env and (variable := os.environ.get(option.env)):
        value, source = variable, option.env
    elif setting := read.settings.get(name, {}).get(option.name):
        value, source = setting.value, setting.source
    if value is None or value is dataclasses.MISSING or value in ("", [], ()):
        return "-", source
    if option.secret:
        return "(set)", source
    if isinstance(value, bool):
        return "on" if value else "off", source
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value), source
