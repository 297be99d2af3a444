"""`aimv config`, and how the config's values become the commands' defaults."""

import os
from typing import Annotated, Any

import typer
from rich.console import Console

from aimv.config import SECRET, Config, config_path, read_config
from engine.errors import UsageError

_NOT_SETTINGS = ("help",)
_config: Config | None = None


def load_config(app: typer.Typer) -> dict[str, dict[str, Any]]:
    """Read the config and check every value as its option would; the defaults of each command.

    Raises:
        UsageError: a key or a value that cannot be, named.
    """
    global _config  # noqa: PLW0603 - one command line, one config
    commands = _commands(app)
    _config = read_config(
        config_path(), {name: [each.name for each in options(each)] for name, each in commands.items()}
    )
    for name, given in _config.settings.items():
        for option in options(commands[name]):
            if option.name in given:
                _check(commands[name], name, option, given[option.name].value)
    return _config.defaults()


def loaded() -> Config:
    """The config as it was read at the start."""
    return _config or Config(config_path(), {}, {})


def options(command: Any) -> list[Any]:
    """The options of a command that can stand in the config."""
    return [each for each in command.params if each.param_type_name == "option" and each.name not in _NOT_SETTINGS]


def config(
    context: typer.Context,
    command: Annotated[str, typer.Argument(help="Only this command's settings: play, live, export, ...")] = "",
) -> None:
    """Show every setting, its value and where the value comes from.

    The file is named in the first line; its keys are the names of the options, in a [command] for one command only.

    [dim]Examples:[/dim]

        aimv config
        aimv config live
    """
    commands = context.parent.command.commands if context.parent else {}  # type: ignore[attr-defined]
    if command and command not in commands:
        raise UsageError(f"there is no command {command!r}: there are {', '.join(commands)}")
    read = loaded()
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"{read.path}{'' if read.path.exists() else ' (not there yet)'}")
    rows = [
        (name, option.name, *_effective(option, read, name))
        for name in ([command] if command else ("play", "live", "export"))
        for option in options(commands[name])
    ]
    rows += [("midi", control, wanted, str(read.path)) for control, wanted in read.midi.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        out.print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))


def _effective(option: Any, read: Config, command: str) -> tuple[str, str]:
    given = read.settings.get(command, {}).get(option.name)
    if option.envvar and (value := os.environ.get(option.envvar)):
        source = str(option.envvar)
    elif given:
        value, source = given.value, given.source
    else:
        value, source = option.default, "default"
    if option.name in SECRET and value:
        value = "(set)"
    return _shown(value), source


def _shown(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _commands(app: typer.Typer) -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _check(command: Any, name: str, option: Any, value: Any) -> None:
    wrong: Any = typer.BadParameter.__base__
    try:
        option.process_value(command.make_context(name, [], resilient_parsing=True), value)
    except wrong as error:
        raise UsageError(f"the config {config_path()}: {option.name} for {name}: {error.message}") from None
