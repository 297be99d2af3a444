"""MIDI notes and text to audio by the synthesizers that Debian packages: FluidSynth, eSpeak NG and Flite."""

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import soundfile
from numpy.typing import NDArray

TICKS_PER_BEAT = 480


@dataclass(frozen=True)
class Note:
    """One note: start and length, both in seconds or both in beats, MIDI key, MIDI velocity."""

    start: float
    length: float
    key: int
    velocity: int


def append_events(track: mido.MidiTrack, events: Iterable[tuple[int, Any]]) -> None:
    """Append messages in the order of their ticks, which count from the beginning of the track."""
    now = 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick


def fluidsynth(
    soundfont: Path,
    song: mido.MidiFile,
    rate: int,
    *,
    gain: float,
    effects: bool = False,
    as_float: bool = False,
    dtype: str = "float64",
) -> NDArray[Any]:
    """Render `song` as [samples, 2] of `dtype` at `rate` Hz, by way of a wav file of 16-bit integers or floats.

    `effects` are FluidSynth's own reverb and chorus.

    Raises:
        subprocess.CalledProcessError: fluidsynth fails.
        ValueError: fluidsynth renders at another rate.
    """
    switch = "1" if effects else "0"
    with tempfile.TemporaryDirectory() as folder:
        notes, out = Path(folder, "song.mid"), Path(folder, "song.wav")
        song.save(notes)
        command = f"fluidsynth -ni -q -R {switch} -C {switch} -g {gain:g} -r {rate} -T wav".split()
        command += ["-O", "float"] if as_float else []
        subprocess.run([*command, "-F", str(out), str(soundfont), str(notes)], check=True, capture_output=True)
        audio, rendered_rate = soundfile.read(out, dtype=dtype, always_2d=True)
    if rendered_rate != rate:
        raise ValueError(f"fluidsynth rendered at {rendered_rate} Hz in place of {rate} Hz")
    return audio  # type: ignore[no-any-return]


def espeak(
    text: str, *, voice: str, words_per_minute: int, pitch: int | None = None, dtype: str = "float64"
) -> tuple[NDArray[Any], int]:
    """`text` spoken by eSpeak NG, `pitch` from 0 to 99: mono [samples] of `dtype`, and the sample rate in Hz.

    Raises:
        subprocess.CalledProcessError: espeak-ng fails.
    """
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute)]
    command += ["-p", str(pitch)] if pitch is not None else []
    return _speech([*command, text, "-w"], dtype)


def flite(text: str, *, voice: str, dtype: str = "float64") -> tuple[NDArray[Any], int]:
    """`text` spoken by Flite: mono [samples] of `dtype`, and the sample rate in Hz.

    Raises:
        subprocess.CalledProcessError: flite fails.
    """
    return _speech(["flite", "-voice", voice, "-t", text, "-o"], dtype)


def _speech(command: list[str], dtype: str) -> tuple[NDArray[Any], int]:
    """The mono wav file that a command writes to its last argument."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "speech.wav")
        subprocess.run([*command, str(out)], check=True, capture_output=True)
        audio, rate = soundfile.read(out, dtype=dtype)
    return audio, rate
