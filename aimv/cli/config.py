"""`aimv config`, and the config's values as the commands' defaults."""

import os
from dataclasses import MISSING
from typing import Annotated, Any

import typer
from rich.console import Console

from aimv.cli.commands import OPTIONS, command
from aimv.config import Config, config_path, read_config
from aimv.fields import Option
from engine.errors import UsageError

_config: Config | None = None


def load_config() -> dict[str, dict[str, Any]]:
    """Read and check the config; the defaults of each command.

    Raises:
        UsageError: a key or a value that is not possible, named.
    """
    global _config  # noqa: PLW0603 - one command line, one config
    _config = read_config(config_path(), OPTIONS)
    return _config.defaults()


def loaded() -> Config:
    """The config as it was read at the start."""
    return _config or Config(config_path(), {}, {})


@command
def config(
    name: Annotated[
        str, typer.Argument(help="Only this command's settings: play, live, export, ...", metavar="COMMAND")
    ] = "",
) -> None:
    """Show every setting, its value and where the value comes from.

    The file is named in the first line; its keys are the names of the options, in a [command] for one command only.

    [dim]Examples:[/dim]

        aimv config
        aimv config live
    """
    if name and name not in OPTIONS:
        raise UsageError(f"there is no command {name!r}: there are {', '.join(OPTIONS)}")
    read = loaded()
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"{read.path}{'' if read.path.exists() else ' (not there yet)'}")
    rows = [
        (each, option.name, *_effective(option, read, each))
        for each in ([name] if name else ("play", "live", "export"))
        for option in OPTIONS[each]
    ]
    rows += [("midi", control, wanted, str(read.path)) for control, wanted in read.midi.items()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        out.print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))


def _effective(option: Option, read: Config, name: str) -> tuple[str, str]:
    """The value of a command's option as text, and its source."""
    given = read.settings.get(name, {}).get(option.name)
    value: Any
    if option.env and (value := os.environ.get(option.env)):
        source = option.env
    elif given:
        value, source = given.value, given.source
    else:
        value, source = option.default, "default"
    return "(set)" if option.secret and value else _text(value), source


def _text(value: Any) -> str:
    if value is None or value is MISSING or value in ("", [], ()):
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
