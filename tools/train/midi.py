"""Notes, MIDI files of them, and their rendering through a soundfont with the fluidsynth command."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import soundfile

from tools.train.labels import SAMPLE_RATE
from tools.train.sound import Sound

TICKS = 480
"""Ticks a quarter note; at the default 120 beats a minute a second holds 960."""


@dataclass(frozen=True)
class Note:
    """One note: start and length in seconds, MIDI key, velocity 1..127."""

    start: float
    length: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """What one programme plays: ``drums`` uses the percussion channel. Notes count from the part's own start."""

    program: int
    notes: tuple[Note, ...]
    drums: bool = False


def midi_file(parts: list[Part], spacing: float) -> bytes:
    """A type-0 MIDI file: part i begins ``spacing`` * i seconds in, with its programme chosen just before."""
    events: list[tuple[int, int, bytes]] = []
    for i, part in enumerate(parts):
        channel = 9 if part.drums else 0
        begin = int(i * spacing * 2 * TICKS)
        events.append((max(0, begin - 20), 0, bytes([0xB0 | channel, 120, 0])))
        events.append((max(0, begin - 10), 1, bytes([0xC0 | channel, part.program])))
        for note in part.notes:
            start = begin + int(note.start * 2 * TICKS)
            stop = max(start + 1, begin + int((note.start + note.length) * 2 * TICKS))
            events.append((start, 3, bytes([0x90 | channel, note.key, note.velocity])))
            events.append((stop, 2, bytes([0x80 | channel, note.key, 0])))
    events.sort(key=lambda event: event[:2])
    track, now = bytearray(), 0
    for tick, _, message in events:
        track += _variable(tick - now) + message
        now = tick
    track += _variable(int(spacing * 2 * TICKS)) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _variable(number: int) -> bytes:
    """MIDI's variable-length number."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(0x80 | (number & 0x7F))
    return bytes(reversed(out))


def render(font: Path, parts: list[Part], spacing: float, reverb: bool = False) -> list[Sound]:
    """Each part as mono sound of ``spacing`` seconds. Raises CalledProcessError when fluidsynth fails."""
    with tempfile.TemporaryDirectory() as folder:
        song, wave = Path(folder, "song.mid"), Path(folder, "song.wav")
        song.write_bytes(midi_file(parts, spacing))
        effects = ["-R", "1" if reverb else "0", "-C", "1" if reverb else "0"]
        command = ["fluidsynth", "-ni", *effects, "-g", "0.5", "-r", str(SAMPLE_RATE), "-T", "wav", "-F", str(wave)]
        subprocess.run([*command, str(font), str(song)], check=True, capture_output=True)
        audio = soundfile.read(wave, dtype="float32", always_2d=True)[0].mean(axis=1)
    length = int(spacing * SAMPLE_RATE)
    return [audio[i * length : (i + 1) * length] for i in range(len(parts)) if (i + 1) * length <= len(audio)]
