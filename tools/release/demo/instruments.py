"""The demo song as a MIDI file, and its tracks as stems rendered by FluidSynth."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from tools.release.demo.arrangement import BEATS_IN_BAR, BPM, LEAD_IN_S, Track, duration_s, seconds
from tools.synthesis import TICKS_PER_BEAT, append_events, fluidsynth

DRUM_CHANNEL = 9


def midi(tracks: tuple[Track, ...], melody: tuple[tuple[str, float, float, int], ...] = ()) -> mido.MidiFile:
    """A format 1 MIDI file of the tracks, notes in beats; `melody` (word, start, length, key) is a track of lyrics."""
    song = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    head.append(mido.MetaMessage("time_signature", numerator=BEATS_IN_BAR, denominator=4))
    song.tracks.append(head)
    for index, track in enumerate(tracks):
        channel = DRUM_CHANNEL if track.program is None else index % DRUM_CHANNEL
        events: list[tuple[float, int, mido.Message]] = []
        for note in track.notes:
            on = mido.Message("note_on", channel=channel, note=note.key, velocity=note.velocity)
            events.append((note.start, 1, on))
            off = mido.Message("note_off", channel=channel, note=note.key)
            events.append((note.start + note.length, 0, off))
        song.tracks.append(_track(track.name, channel, track.program, events))
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
    in_order = sorted(events, key=lambda event: event[:2])
    append_events(track, ((round(beat * TICKS_PER_BEAT), message) for beat, _, message in in_order))
    return track


def stem(track: Track, soundfont: Path, sample_rate: int) -> NDArray[np.float64]:
    """Render one track without effects: float64, shape (2, samples of the whole song), lead-in included."""
    rendered = fluidsynth(soundfont, midi((track,)), sample_rate, gain=0.6, as_float=True)
    out = np.zeros((2, round(duration_s() * sample_rate)))
    first = round(LEAD_IN_S * sample_rate)
    used = min(len(rendered), out.shape[1] - first)
    out[:, first : first + used] = rendered[:used].T
    return out if track.damp_s is None else out * _damped(track, track.damp_s, out.shape[1], sample_rate)


def _damped(track: Track, damp_s: float, length: int, sample_rate: int) -> NDArray[np.float64]:
    t = np.arange(length) / sample_rate
    hits = np.array([seconds(note.start) for note in track.notes])
    since = t - hits[np.clip(np.searchsorted(hits, t, side="right") - 1, 0, None)]
    gain: NDArray[np.float64] = np.exp(-np.maximum(since, 0) / damp_s)
    return gain
