"""Notes, MIDI files of them, and their rendering through a soundfont with the fluidsynth command."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import soundfile

from tools.synthesis import fluidsynth
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


def midi_file(parts: list[Part], spacing: float) -> mido.MidiFile:
    """A type-0 MIDI file: part i begins ``spacing`` * i seconds in, with its programme chosen just before."""
    events: list[tuple[int, int, mido.Message]] = []
    for i, part in enumerate(parts):
        channel = 9 if part.drums else 0
        begin = int(i * spacing * 2 * TICKS)
        silence = mido.Message("control_change", channel=channel, control=120, value=0)
        events.append((max(0, begin - 20), 0, silence))
        events.append((max(0, begin - 10), 1, mido.Message("program_change", channel=channel, program=part.program)))
        for note in part.notes:
            start = begin + int(note.start * 2 * TICKS)
            stop = max(start + 1, begin + int((note.start + note.length) * 2 * TICKS))
            pressed = mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)
            released = mido.Message("note_off", channel=channel, note=note.key, velocity=0)
            events += [(start, 3, pressed), (stop, 2, released)]
    events.sort(key=lambda event: event[:2])
    track, now = mido.MidiTrack(), 0
    for tick, _, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=int(spacing * 2 * TICKS)))
    return mido.MidiFile(type=0, ticks_per_beat=TICKS, tracks=[track])


def render(font: Path, parts: list[Part], spacing: float, reverb: bool = False) -> list[Sound]:
    """Each part as mono sound of ``spacing`` seconds. Raises CalledProcessError when fluidsynth fails."""
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder, "song.wav")
        fluidsynth(font, midi_file(parts, spacing), wave, SAMPLE_RATE, gain=0.5, effects=reverb)
        audio = soundfile.read(wave, dtype="float32", always_2d=True)[0].mean(axis=1)
    length = int(spacing * SAMPLE_RATE)
    return [audio[i * length : (i + 1) * length] for i in range(len(parts)) if (i + 1) * length <= len(audio)]
