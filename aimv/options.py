"""Every option, defined once; the command line, the config file, Python and docs/options.md read these definitions.

An instance of a group is always valid: its constructor checks and normalizes every value, and raises UsageError with
the name of the field in `option`.

    Settings(size="1280x720", seed=7).width    # 1280

To add an option, add a field: its flag, help, check, config key and place in docs/options.md follow. A command has the
options of the groups that its function takes (aimv/cli).
"""

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, cast

import platformdirs

from aimv.fields import Group, between, named, option
from engine.errors import UsageError
from engine.generators.registry import check_name, check_preset, names, presets
from engine.render.protocol import MAX_WORKERS

LARGEST_SIDE = 7680  # pixels
WHISPER = "base"  # multilingual, installed with AIMV
HOP_S = 1.0  # from one row of an analysis to the next


def parse_size(value: Any) -> tuple[int, int]:
    """(width, height) in pixels of "1280x720" or (1280, 720).

    Raises:
        UsageError: it is no size, or one that no video can have.
    """
    try:
        width, height = (int(side) for side in (value.lower().split("x") if isinstance(value, str) else value))
    except (TypeError, ValueError):
        raise UsageError(f"a size of {value!r:.40} cannot be read: give WIDTHxHEIGHT, for example 1280x720") from None
    if any(not 16 <= side <= LARGEST_SIDE or side % 2 for side in (width, height)):
        raise UsageError(
            f"a size of {str(value)[:40]} is not possible: width and height must be even numbers from 16 to "
            f"{LARGEST_SIDE}, for example 1280x720"
        )
    return width, height


def _language(value: str) -> str | None:
    from engine.analysis.transcription.languages import parse_language  # noqa: PLC0415 - reads a table

    return None if value == "auto" else parse_language(value)


def _broker(value: str) -> str:
    if value:
        from engine.control.mqtt import parse_broker  # noqa: PLC0415 - for a value that needs it

        parse_broker(value)
    return value


def _address(value: str) -> str:
    if value:
        from engine.control.osc import parse_address  # noqa: PLC0415 - for a value that needs it

        parse_address(value)
    return value


def _file(value: str) -> str:
    if value and not Path(value).is_file():
        raise UsageError(f"there is no file {value}: check its name")
    return value


_KEYS = Path(platformdirs.user_config_dir("aimv")) / "keys"
_SCORE = named(".score.jsonl", "score")
_SECONDS = between(0, 1_000_000, "{:g} s")


@dataclass(frozen=True, kw_only=True)
class Log(Group):
    """The log."""

    log: Path | None = option(None, "Append a log of events to this file, as JSON Lines.", "FILE", env="AIMV_LOG")


@dataclass(frozen=True, kw_only=True)
class Seed(Group):
    """The seed of random choices."""

    seed: int = option(
        0, "Seed of random choices; equal seeds give equal results.", "N", check=between(0, 2**31 - 1, "a seed of {}")
    )


@dataclass(frozen=True, kw_only=True)
class AnalysisSettings(Seed):
    """How a song is analyzed. `language` is a code of Whisper's, or None to detect it."""

    language: str | None = option(
        "auto", "Language of the lyrics, such as en, es, fr or de; auto detects it.", "LANG", check=_language
    )
    whisper: str = option(
        WHISPER, "Whisper model: name (`aimv models`), hub id or folder.", "MODEL", advice="`aimv models` lists them"
    )


@dataclass(frozen=True, kw_only=True)
class ScoreSettings(AnalysisSettings):
    """How a song becomes a score."""

    style: str = option("", 'Words added to every sentence, such as "oil painting".', "TEXT")


@dataclass(frozen=True, kw_only=True)
class Generation(Group):
    """The generator of the clips."""

    generator: str = option("auto", f"Generator of the clips: {', '.join(names())}.", "NAME", check=check_name)
    model: str = option("", "Hub id or folder of the model, for a generator that loads one.", "ID_OR_FOLDER")


@dataclass(frozen=True, kw_only=True)
class Settings(ScoreSettings, Generation):
    """How a video looks. `size` is "WIDTHxHEIGHT" or (width, height) in pixels; once constructed, the latter."""

    preset: str = option("", f"Level of quality at which clips are rendered: {', '.join(presets())}.", "NAME")
    scenes: str = option("", "Folder of ISF files to draw in place of AIMV's own scenes.", "FOLDER")
    lettering: bool = option(False, "Draw the sung words as text on the picture.")
    reaction: float = option(
        1.0, "How strongly the picture reacts to the music, 0 to 2.", "X", check=between(0, 2, "a reaction of {:g}")
    )
    size: str | tuple[int, int] = option("1280x720", "Width and height in pixels.", "WxH", check=parse_size)
    fps: float = option(24.0, "Frames per second, 1 to 120.", "N", check=between(1, 120, "{:g} frames a second"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_preset(self.generator, self.preset)

    @property
    def width(self) -> int:
        """Pixels."""
        return cast(tuple[int, int], self.size)[0]

    @property
    def height(self) -> int:
        """Pixels."""
        return cast(tuple[int, int], self.size)[1]


@dataclass(frozen=True, kw_only=True)
class ShowSettings(Settings):
    """How a video looks that is shown while it is made."""

    fps: float = field(default=30.0, metadata=Settings.__dataclass_fields__["fps"].metadata)


@dataclass(frozen=True, kw_only=True)
class Keys(Group):
    """The keys with which hosts authenticate each other."""

    keys: Path = option(
        _KEYS, "Folder with the keys that `aimv keys` makes.", "FOLDER", advice="`aimv keys` makes them"
    )


@dataclass(frozen=True, kw_only=True)
class Pool(Keys):
    """The render processes."""

    workers: int = option(
        1, "Render processes on this host.", "N", check=between(0, MAX_WORKERS, "a number of {} render processes")
    )
    worker: tuple[str, ...] = option(
        (), "Render process on another host; may be repeated.", "tcp://HOST:PORT", advice="`aimv render` starts one"
    )


@dataclass(frozen=True, kw_only=True)
class Host(Keys, Generation):
    """How this host renders for others."""

    bind: str = option(MISSING, "Address of this host to which other hosts connect.", "tcp://HOST:PORT")


@dataclass(frozen=True, kw_only=True)
class Outputs(Group):
    """The outputs beside the window."""

    record: Path | None = option(
        None, "Record video and sound into this file, the score beside it.", "OUT.mp4", check=named(".mp4", "video")
    )
    stream: tuple[str, ...] = option(
        (), "Stream to rtmp://, srt://, udp:// or tcp://HOST:PORT; may be repeated.", "URL"
    )
    camera: bool = option(False, "Provide a virtual camera for other programs.")
    ndi: bool = option(False, "Provide an NDI source on the network.")


@dataclass(frozen=True, kw_only=True)
class MidiInput(Group):
    """A MIDI input."""

    midi: str = option(
        "", "MIDI input that controls the show, or a part of its name.", "NAME", advice="`aimv inputs` lists them"
    )


@dataclass(frozen=True, kw_only=True)
class Control(MidiInput):
    """What controls a show; empty for nothing."""

    mqtt: str = option("", "Control over MQTT: mqtt://[USER@]HOST, mqtts:// for TLS.", "URL", check=_broker)
    mqtt_password: str = option(
        "", "Password of the broker; better set in the config.", "WORD", env="AIMV_MQTT_PASSWORD", secret=True
    )
    mqtt_ca: str = option("", "File with the CA certificate of the broker.", "FILE", check=_file)
    osc: str = option("", "Control over OSC at this port.", "[HOST:]PORT", check=_address)


@dataclass(frozen=True, kw_only=True)
class LiveControl(Control):
    """What controls a live show, and who reads its state."""

    link: bool = option(False, "Take the beat from Ableton Link while it has other peers.")
    metrics: str = option("", "Serve metrics to Prometheus at this port.", "[HOST:]PORT", check=_address)


@dataclass(frozen=True, kw_only=True)
class Window(Group):
    """The window of a show."""

    fullscreen: bool = option(False, "Start in full screen.")
    hud: bool = option(False, "Start with the readout of analysis and rendering over the picture.")


@dataclass(frozen=True, kw_only=True)
class LiveInput(Group):
    """The input of a live show."""

    input: str | None = option(
        None, "Sound input: its name, a part of it, or its number.", "NAME", advice="`aimv inputs` lists them"
    )
    words: bool = option(True, "Transcribe the lyrics.")
    duration: float | None = option(None, "Stop after this many seconds.", "S", check=_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Listening(Group):
    """How a song is analyzed window by window, and what is printed."""

    hop: float = option(
        HOP_S, "Seconds from one window of 1 s to the next, 0.02 to 1.", "S", check=between(0.02, 1, "a hop of {:g} s")
    )
    live: bool = option(False, "Analyze the file like a live input, of which the future is not known.")
    json: bool = option(False, "Print JSON Lines instead of a table, one line per window.")
    all: bool = option(False, "With --json: print the probability of every label, too.")
    plot: Path | None = option(None, "Draw the analysis into this file.", "OUT.png", check=named(".png", "picture"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.all and not self.json:
            raise UsageError("all probabilities are printed as JSON only: ask for both, or neither", option="all")


@dataclass(frozen=True, kw_only=True)
class ScoreFile(Group):
    """The score that is written."""

    out: Path | None = option(
        None, "Score; by default FILE's name with .score.jsonl.", "OUT.score.jsonl", flag="-o", check=_SCORE
    )


@dataclass(frozen=True, kw_only=True)
class VideoFile(Group):
    """The video that is written, and the part of the song that it shows."""

    out: Path | None = option(
        None, "Video; by default FILE's name with .mp4.", "OUT.mp4", flag="-o", check=named(".mp4", "video")
    )
    start: float = option(0.0, "Start at this second of the song.", "S", check=_SECONDS)
    duration: float | None = option(None, "Length of the excerpt in seconds.", "S", check=_SECONDS)
    resume: bool = option(False, "Resume an export that was interrupted.")
