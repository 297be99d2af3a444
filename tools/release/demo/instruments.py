"""The demo song's band: MIDI file out, one stem of sound per track in, through FluidSynth and a soundfont."""

from __future__ import annotations

import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray

from tools.release.demo.arrangement import BEATS_IN_BAR, BPM, LEAD_IN_S, Part, duration_s, seconds
from tools.synthesis import fluidsynth

TICKS_PER_BEAT = 480
DRUM_CHANNEL = 9


def midi(parts: tuple[Part, ...], melody: tuple[tuple[str, float, float, int], ...] = ()) -> mido.MidiFile:
    """A format 1 MIDI file of the parts; `melody` (word, start, length, key) becomes a track with its lyric."""
    song = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    head.append(mido.MetaMessage("time_signature", numerator=BEATS_IN_BAR, denominator=4))
    song.tracks.append(head)
    for index, part in enumerate(parts):
        channel = DRUM_CHANNEL if part.program is None else index % DRUM_CHANNEL
        events: list[tuple[float, int, mido.Message]] = []
        for note in part.notes:
            on = mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)
            events.append((note.start, 1, on))
            off = mido.Message("note_off", channel=channel, note=note.key)
            events.append((note.start + note.length, 0, off))
        song.tracks.append(_track(part.name, channel, part.program, events))
    if melody:
        words = []
        for text, start, length, key in melody:
            words.append((start, 1, mido.MetaMessage("lyrics", text=text)))
            words.append((start, 2, mido.Message("note_on", channel=15, note=key, velocity=90)))
            words.append((start + length, 0, mido.Message("note_off", channel=15, note=key)))
        song.tracks.append(_track("voice", 15, 53, words))
    return song


def _track(
    name: str, channel: int, program: int | None, events: list[tuple[float, int, mido.Message]]
) -> mido.MidiTrack:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=name))
    if program is not None:
        track.append(mido.Message("program_change", channel=channel, program=program))
    now = 0
    for beat, _, message in sorted(events, key=lambda event: (event[0], event[1])):
        tick = round(beat * TICKS_PER_BEAT)
        track.append(message.copy(time=tick - now))
        now = tick
    return track


def stem(part: Part, soundfont: Path, sample_rate: int) -> NDArray[np.float64]:
    """Render one part, dry: float64, shape (2, samples of the whole song), lead-in included."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "part.wav")
        fluidsynth(soundfont, midi((part,)), sound, sample_rate, gain=0.6, as_float=True)
        rendered, rate = soundfile.read(sound, dtype="float64", always_2d=True)
    if rate != sample_rate:
        raise ValueError(f"fluidsynth rendered {rate} Hz, {sample_rate} wanted")
    out = np.zeros((2, round(duration_s() * sample_rate)))
    first = round(LEAD_IN_S * sample_rate)
    used = min(len(rendered), out.shape[1] - first)
    out[:, first : first + used] = rendered[:used].T
    return out if part.damp_s is None else out * _damped(part, part.damp_s, out.shape[1], sample_rate)


def _damped(part: Part, damp_s: float, length: int, sample_rate: int) -> NDArray[np.float64]:
    t = np.arange(length) / sample_rate
    hits = np.array([seconds(note.start) for note in part.notes])
    since = t - hits[np.clip(np.searchsorted(hits, t, side="right") - 1, 0, None)]
    gain: NDArray[np.float64] = np.exp(-np.maximum(since, 0) / damp_s)
    return gain
