"""Every option, defined once: typed, checked at construction, read by the command line, the config and Python alike.

A group is a frozen dataclass whose fields are options. Its constructor checks and normalizes every value, so that an
instance is always valid; a value that is not possible raises UsageError with the name of its field in `option`.

    Settings(size="1280x720", seed=7).width    # 1280

To add an option, add one field here: its flag, help, check, config key and place in docs/options.md follow.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import platformdirs

from engine.errors import UsageError
from engine.generators.registry import check_name, check_preset, names, presets

LARGEST_SIDE = 7680  # pixels
MAX_SEED = 2**31 - 1
MAX_WORKERS = 16
WHISPER = "base"  # multilingual, installed with AIMV


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """What is known of one option. `name` is its field, its key in the config and, with dashes, its flag."""

    name: str
    type: Any  # bool, int, float, str, Path, or list for an option that may be repeated
    default: Any
    help: str
    metavar: str | None
    flags: tuple[str, ...]
    env: str | None
    secret: bool
    show_default: bool
    advice: str  # for a person whose value was refused; {flag} stands for the flag
    check: Callable[[Any], Any] | None
    optional: bool  # None is a value

    @property
    def flag(self) -> str:
        """The flag that a person types."""
        return self.flags[0] if self.flags else "--" + self.name.replace("_", "-")

    def parse(self, value: Any) -> Any:
        """The value, checked and normalized.

        Raises:
            UsageError: it is of the wrong type, or not possible.
        """
        if value is None and self.optional:
            return None
        try:
            value = _CONVERT[self.type](value)
            return self.check(value) if self.check else value
        except UsageError as error:
            error.option = error.option or self.name
            raise
        except (TypeError, ValueError):
            raise UsageError(f"{self.name} is {_TYPE_NAMES[self.type]}, not {value!r:.40}", option=self.name) from None


def option(
    default: Any,
    help: str,
    *,
    metavar: str | None = None,
    flags: tuple[str, ...] = (),
    env: str | None = None,
    secret: bool = False,
    show_default: bool = True,
    advice: str = "see {flag}",
    check: Callable[[Any], Any] | None = None,
) -> Any:
    """A field of a group. `check` takes a value of the field's type and returns it normalized, or raises UsageError."""
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "metavar": metavar,
            "flags": flags,
            "env": env,
            "secret": secret,
            "show_default": show_default,
            "advice": advice,
            "check": check,
        },
    )


class Group:
    """Base of the groups of options."""

    def __post_init__(self) -> None:
        for each in options_of(type(self)):
            object.__setattr__(self, each.name, each.parse(getattr(self, each.name)))


def options_of(group: Any) -> tuple[Option, ...]:
    """The options of a group, in order."""
    fields: Any = dataclasses.fields(group)
    return tuple(
        Option(name=field.name, default=field.default, **_kind(field.type), **field.metadata) for field in fields
    )


def _kind(annotation: Any) -> dict[str, Any]:
    """The value's type by the field's annotation: the first of a union; a tuple of strings is a list."""
    is_union = isinstance(annotation, types.UnionType)
    members = typing.get_args(annotation) if is_union else (annotation,)
    kind = typing.get_origin(members[0]) or members[0]
    return {"type": list if kind is tuple else kind, "optional": types.NoneType in members}


def _to_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _to_int(value: Any) -> int:
    if isinstance(value, bool) or value != int(value) or isinstance(value, str):
        raise TypeError
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool | str):
        raise TypeError
    return float(value)


def _to_str(value: Any) -> Any:
    if not isinstance(value, str | Path | tuple | list):
        raise TypeError
    return str(value) if isinstance(value, Path) else value


def _to_path(value: Any) -> Path:
    return Path(value)


def _to_list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


_CONVERT: dict[Any, Callable[[Any], Any]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_str,
    Path: _to_path,
    list: _to_list,
}
_TYPE_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    list: "a list of texts",
}


def _between(low: float, high: float, what: str, advice: str) -> Callable[[float], float]:
    """A check for a number from `low` to `high`."""

    def check(value: float) -> float:
        if not low <= value <= high:  # also for NaN
            raise UsageError(f"{what.format(value)} is not possible: choose {advice}")
        return value

    return check


def parse_size(value: Any) -> tuple[int, int]:
    """(width, height) of "1280x720" or (1280, 720)."""
    sides = value.lower().split("x") if isinstance(value, str) else list(value)
    try:
        width, height = (int(str(side).strip()[:7]) for side in sides)
    except ValueError:
        raise UsageError(f"a size of {value!r:.40} cannot be read: give WIDTHxHEIGHT, for example 1280x720") from None
    if any(not 16 <= side <= LARGEST_SIDE or side % 2 for side in (width, height)):
        raise UsageError(
            f"a size of {width}x{height} is not possible: width and height must be even numbers "
            f"from 16 to {LARGEST_SIDE}, for example 1280x720"
        )
    return width, height


def _language(value: str) -> str | None:
    from engine.analysis.transcription.languages import parse_language  # noqa: PLC0415 - reads a table

    return None if value == "auto" else parse_language(value)


def _suffix(suffix: str, what: str) -> Callable[[Path], Path]:
    """A check for a file name."""

    def check(path: Path) -> Path:
        if not path.name.lower().endswith(suffix):
            raise UsageError(f"{path} is not named as {what}: give a name that ends in {suffix}")
        return path

    return check


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnalysisSettings(Group):
    """How a song is analyzed. `language` is an ISO 639-1 code, or None to detect it."""

    language: str | None = option(
        "auto", "Language that is sung, as en, es, fr, de, ...; auto detects it.", metavar="LANG", check=_language
    )
    whisper: str = option(
        WHISPER, "Whisper model: a name that `aimv models` lists, a hub id or a folder.", metavar="MODEL"
    )
    seed: int = option(
        0,
        "The number all chance comes from; the same one gives the same result.",
        check=_between(0, MAX_SEED, "a seed of {}", f"from 0 to {MAX_SEED}"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreSettings(AnalysisSettings):
    """How a song becomes a score."""

    style: str = option("", 'Words added to every sentence, such as "oil painting".', metavar="TEXT")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(ScoreSettings):
    """How a video looks. `size` is "WIDTHxHEIGHT" or (width, height), and (width, height) once constructed."""

    generator: str = option("auto", f"What makes the pictures: {', '.join(names())}.", check=check_name)
    model: str = option("", "Hub id or folder, for a generator that loads a model.", metavar="ID_OR_FOLDER")
    preset: str = option("", f"How much work a clip is given: {', '.join(presets())}.", metavar="NAME")
    scenes: str = option("", "A folder of ISF files to draw in place of AIMV's own scenes.", metavar="FOLDER")
    lettering: bool = option(False, "Set the sung words in type on the picture.")
    reaction: float = option(
        1.0,
        "How far the music moves the picture, 0 to 2.",
        metavar="X",
        check=_between(0, 2, "a reaction of {:g}", "from 0 (none) to 2 (a lot)"),
    )
    size: str | tuple[int, int] = option("1280x720", "Width and height in pixels.", metavar="WxH", check=parse_size)
    fps: float = option(
        24.0,
        "Frames a second, 1 to 120.",
        metavar="N",
        check=_between(1, 120, "{:g} frames a second", "from 1 to 120"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_preset(self.generator, self.preset)

    @property
    def width(self) -> int:
        """Pixels."""
        return typing.cast(tuple[int, int], self.size)[0]

    @property
    def height(self) -> int:
        """Pixels."""
        return typing.cast(tuple[int, int], self.size)[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShowSettings(Settings):
    """How a video looks that is shown while it is made."""

    fps: float = dataclasses.field(default=30.0, metadata=Settings.__dataclass_fields__["fps"].metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Keys(Group):
    """By which keys hosts know each other."""

    keys: Path = option(
        Path(platformdirs.user_config_dir("aimv")) / "keys",
        "The folder of keys that `aimv keys` makes.",
        metavar="FOLDER",
        show_default=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pool(Keys):
    """Which render processes there are."""

    workers: int = option(
        1,
        "Render processes on this host.",
        metavar="N",
        check=_between(0, MAX_WORKERS, "a number of {} render processes", f"from 0 to {MAX_WORKERS}"),
    )
    worker: tuple[str, ...] = option(
        (), "A render process on another host (`aimv render`); may be repeated.", metavar="tcp://HOST:PORT"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outputs(Group):
    """Where pictures and sound go beside the window."""

    record: Path | None = option(
        None,
        "Record pictures and sound into this .mp4, and the score beside it.",
        metavar="OUT.mp4",
        advice="choose another with {flag}",
        check=_suffix(".mp4", "a video"),
    )
    stream: tuple[str, ...] = option(
        (), "Stream to rtmp://, srt://, udp:// or tcp://HOST:PORT; may be repeated.", metavar="URL"
    )
    camera: bool = option(False, "Be a camera for other programs.")
    ndi: bool = option(False, "Be an NDI source on the network.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Control(Group):
    """What a show may be steered by; empty for not at all."""

    mqtt: str = option("", "Control by MQTT: mqtt://[USER@]HOST, mqtts:// for TLS.", metavar="URL")
    mqtt_password: str = option("", "Better in the config.", metavar="WORD", env="AIMV_MQTT_PASSWORD", secret=True)
    mqtt_ca: str = option("", "File with the broker's certificate.", metavar="FILE")
    osc: str = option("", "Control by OSC at this port.", metavar="[HOST:]PORT")
    midi: str = option("", "Control by this MIDI input, or a part of its name.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveControl(Control):
    """What a live show may be steered by, and what reads its state."""

    link: bool = option(False, "Take the beat from Ableton Link while others are in it.")
    metrics: str = option("", "Serve numbers to Prometheus at this port.", metavar="[HOST:]PORT")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window(Group):
    """The window that a show is shown in."""

    fullscreen: bool = option(False, "Begin with the whole screen.")
    hud: bool = option(False, "Begin with what it hears and does over the picture.")


def groups() -> Iterable[type[Group]]:
    """Every group, a base before what extends it."""
    waiting: list[type[Group]] = [Group]
    while waiting:
        group = waiting.pop(0)
        waiting += group.__subclasses__()
        if group is not Group:
            yield group
