"""The config: one TOML file whose keys are the names of the commands' options.

style = "oil painting"       # for every command that has the option

[live]                       # presets: for one command
input = "USB"
mqtt = "mqtts://vj@stage.local"

[midi]                       # written by `aimv learn`
"ch1 cc7" = "react"
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from aimv.fields import Option
from engine.errors import UsageError
from engine.files import whole_file

MIDI = "midi"
_SHOWN = 40  # characters of a wrong key in an error


class Setting(msgspec.Struct, frozen=True):
    """One value and its source: the file, or the file and the table in it."""

    value: Any
    source: str


class Config(msgspec.Struct, frozen=True):
    """The settings in the file by command and option, and the MIDI map."""

    path: Path
    settings: dict[str, dict[str, Setting]]
    midi: dict[str, str]

    def defaults(self) -> dict[str, dict[str, Any]]:
        """The values alone."""
        return {command: {key: each.value for key, each in of.items()} for command, of in self.settings.items()}


def config_path() -> Path:
    """Where the config lies; `AIMV_CONFIG` overrides it."""
    return Path(os.environ.get("AIMV_CONFIG") or platformdirs.user_config_path("aimv") / "config.toml")


def read_config(path: Path, options: Mapping[str, Iterable[Option]]) -> Config:
    """Read and check the config; an empty one if there is no file. `options` are those of each command.

    Raises:
        UsageError: the file cannot be read, has a key that no command has (the nearest is named), or a value that is
            not possible.
    """
    known = {command: {option.name: option for option in own} for command, own in options.items()}
    settings: dict[str, dict[str, Setting]] = {command: {} for command in known}

    def read_table(table: Mapping[str, Any], commands: Iterable[str], title: str = "") -> None:
        for key, value in table.items():
            name = key.replace("-", "_")
            found = {command: known[command][name] for command in commands if name in known[command]}
            if not found:
                names = {option for command in commands for option in known[command]}
                where = title and f" in{title}"
                raise _unknown(path, f"there is no setting {key[:_SHOWN]!r}{where}", name, names)
            for command, option in found.items():
                try:
                    option.parse(value)
                except UsageError as error:
                    raise UsageError(f"the config {path}:{title} {name}: {error}") from None
                settings[command][name] = Setting(value, f"{path}{title}")

    parsed = _parse(path)
    tables = {key: value for key, value in parsed.items() if isinstance(value, dict)}
    midi = _midi(path, tables.pop(MIDI, {}))
    read_table({key: value for key, value in parsed.items() if not isinstance(value, dict)}, known)
    for command, table in tables.items():
        if command not in known:
            raise _unknown(path, f"there is no command {command[:_SHOWN]!r}", command, [*known, MIDI])
        read_table(table, [command], f" [{command}]")
    return Config(path, settings, midi)


def write_midi_control(path: Path, control: str, command: str) -> None:
    """Map a MIDI control to a command in the config, in place of what either had; all else stays as it is.

    Raises:
        UsageError, OutputError: the file cannot be read or written.
    """
    import tomlkit  # noqa: PLC0415 - of the extra

    _parse(path)
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    if MIDI not in document:
        document[MIDI] = tomlkit.table()
    table: Any = document[MIDI]
    for other in [known for known, wanted in table.items() if wanted == command]:
        del table[other]
    table[control] = command
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, option="") as temporary:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the config {path} cannot be read ({error}): mend it or move it away") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the config {path} is not TOML: {error}") from None


def _midi(path: Path, table: dict[str, Any]) -> dict[str, str]:
    for control, command in table.items():
        if not isinstance(command, str):
            has = f"{control[:_SHOWN]!r} = {str(command)[:_SHOWN]}"
            raise UsageError(f'the config {path}: [midi] has {has}: write a command, as "react"')
    return dict(table)


def _unknown(path: Path, what: str, key: str, known: Iterable[str]) -> UsageError:
    near = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
    return UsageError(f"the config {path}: {what}: {hint}")
