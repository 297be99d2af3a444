"""Many short parts in one MIDI file, rendered through a soundfont and split again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mido

from tools.synthesis import TICKS_PER_BEAT, Note, append_events, fluidsynth
from tools.train.labels import SAMPLE_RATE
from tools.train.sound import Sound

TICKS_PER_SECOND = 2 * TICKS_PER_BEAT  # at MIDI's default tempo of 120 beats per minute


@dataclass(frozen=True)
class Part:
    """Notes in seconds from the start of the part, and their program; ``drums`` uses the percussion channel."""

    program: int
    notes: tuple[Note, ...]
    drums: bool = False


def midi_file(parts: list[Part], spacing: float) -> mido.MidiFile:
    """A type-0 MIDI file: part i begins ``spacing`` * i seconds in, after its program change."""
    events: list[tuple[int, int, mido.Message]] = []
    for i, part in enumerate(parts):
        channel = 9 if part.drums else 0
        begin = int(i * spacing * TICKS_PER_SECOND)
        silence = mido.Message("control_change", channel=channel, control=120, value=0)
        events.append((max(0, begin - 20), 0, silence))
        events.append((max(0, begin - 10), 1, mido.Message("program_change", channel=channel, program=part.program)))
        for note in part.notes:
            start = begin + int(note.start * TICKS_PER_SECOND)
            stop = max(start + 1, begin + int((note.start + note.length) * TICKS_PER_SECOND))
            pressed = mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)
            released = mido.Message("note_off", channel=channel, note=note.key, velocity=0)
            events += [(start, 3, pressed), (stop, 2, released)]
    events.sort(key=lambda event: event[:2])
    track = mido.MidiTrack()
    append_events(track, ((tick, message) for tick, _, message in events))
    track.append(mido.MetaMessage("end_of_track", time=int(spacing * TICKS_PER_SECOND)))
    return mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track])


def render(font: Path, parts: list[Part], spacing: float, reverb: bool = False) -> list[Sound]:
    """Each part as mono sound of ``spacing`` seconds. Raises CalledProcessError when fluidsynth fails."""
    song = midi_file(parts, spacing)
    audio = fluidsynth(font, song, SAMPLE_RATE, gain=0.5, effects=reverb, dtype="float32").mean(axis=1)
    length = int(spacing * SAMPLE_RATE)
    return [audio[i * length : (i + 1) * length] for i in range(len(parts)) if (i + 1) * length <= len(audio)]
