"""Singing synthesis for the demo song: spoken words with the pitch and the durations of the melody.

Speech comes from eSpeak NG; analysis and synthesis by WORLD (Morise et al. 2016, IEICE Trans. E99-D).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyworld
import soxr
from numpy.typing import NDArray

from tools.release.demo.arrangement import BPM, Syllable, duration_s, seconds
from tools.synthesis import espeak

SPEAKER = "en-us+f3"
FRAME_S = 0.005
PORTAMENTO_S = 0.05
VIBRATO_HZ = 5.4
VIBRATO_SEMITONES = 0.28
VIBRATO_AFTER_S = 0.3
HUM = "mm"
HUM_WORD = "moon"  # its m is the hum; its vowel opens the hum a little in the middle of a note


@dataclass(frozen=True)
class Spoken:
    """WORLD analysis of a word: envelope and aperiodicity per frame, and the frames of its segments."""

    sample_rate: int
    voiced: NDArray[np.bool_]
    envelope: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    begin: int
    vowel: int
    hold: tuple[int, int]
    end: int


@dataclass(frozen=True)
class Sung:
    """When one syllable sounds, in seconds of the song."""

    text: str
    start_s: float
    end_s: float


@cache
def _speak(word: str) -> Spoken:
    sound, rate = espeak(word, voice=SPEAKER, words_per_minute=110)
    f0, times = pyworld.harvest(sound, rate, f0_floor=60.0, f0_ceil=400.0, frame_period=1000 * FRAME_S)
    envelope = pyworld.cheaptrick(sound, f0, times, rate)
    aperiodicity = pyworld.d4c(sound, f0, times, rate)
    level = 10 * np.log10(envelope.sum(axis=1) + 1e-12)
    sounding = np.flatnonzero(level > level.max() - 45)
    voiced = np.flatnonzero((f0 > 0) & (level > level.max() - 25))
    first, last = int(voiced[0]), int(voiced[-1]) + 1
    hold = (first + round(0.3 * (last - first)), first + round(0.65 * (last - first)))
    return Spoken(rate, f0 > 0, envelope, aperiodicity, int(sounding[0]), first, hold, int(sounding[-1]) + 1)


def _frames(spoken: Spoken, length_s: float) -> tuple[NDArray[np.int64], int]:
    """Spoken frame for every sung frame, and how many of them come before the vowel; only the vowel is stretched."""
    lo, hi = spoken.hold
    held = max(4, round(length_s / FRAME_S) - (lo - spoken.vowel) - (spoken.end - hi) // 2)
    line = [np.arange(spoken.begin, lo), np.linspace(lo, hi, held, endpoint=False), np.arange(hi, spoken.end)]
    return np.round(np.concatenate(line)).astype(np.int64), spoken.vowel - spoken.begin


def _pitch(key: float, previous: float | None, frames: int, onset: int) -> NDArray[np.float64]:
    """Sung pitch in Hz per frame: glide from the previous note, then vibrato that grows."""
    t = (np.arange(frames) - onset) * FRAME_S
    depth = VIBRATO_SEMITONES * np.clip((t - VIBRATO_AFTER_S) / 0.3, 0, 1)
    semitones = key + depth * np.sin(2 * np.pi * VIBRATO_HZ * t)
    glide = -1.5 if previous is None else float(np.clip(previous - key, -5, 5))
    semitones += glide * np.exp(-np.maximum(t, 0) / PORTAMENTO_S)
    pitch: NDArray[np.float64] = 440.0 * 2.0 ** ((semitones - 69) / 12)
    return pitch


def _word(text: str, key: int, previous: float | None, length_s: float) -> tuple[NDArray[np.float64], int, float]:
    spoken = _speak(text)
    index, onset = _frames(spoken, length_s)
    f0 = np.where(spoken.voiced[index], _pitch(key, previous, len(index), onset), 0.0)
    sound = pyworld.synthesize(f0, spoken.envelope[index], spoken.aperiodicity[index], spoken.sample_rate, 5.0)
    return sound, spoken.sample_rate, onset * FRAME_S


def _hum(key: int, previous: float | None, length_s: float) -> tuple[NDArray[np.float64], int, float]:
    spoken = _speak(HUM_WORD)
    frames = round(length_s / FRAME_S)
    nasal, vowel = spoken.vowel + 6, spoken.hold[0]
    opening = 0.55 * np.sin(np.pi * np.linspace(0, 1, frames))[:, None] ** 2
    envelope = np.exp((1 - opening) * np.log(spoken.envelope[nasal]) + opening * np.log(spoken.envelope[vowel]))
    aperiodicity = np.repeat(spoken.aperiodicity[nasal][None], frames, axis=0)
    f0 = _pitch(key, previous, frames, 0)
    return pyworld.synthesize(f0, envelope, aperiodicity, spoken.sample_rate, 5.0), spoken.sample_rate, 0.0


def sing(line: tuple[Syllable, ...], sample_rate: int) -> tuple[NDArray[np.float64], list[Sung]]:
    """Sing a line: mono float64 over the whole song at `sample_rate`, and where each syllable sounds."""
    out = np.zeros(round(duration_s() * sample_rate))
    sung: list[Sung] = []
    previous: Syllable | None = None
    for syllable in line:
        legato = previous is not None and syllable.start - previous.start - previous.length < 0.3
        before = float(previous.key) if legato and previous is not None else None
        length_s = syllable.length * 60 / BPM
        if syllable.text == HUM:
            sound, rate, onset_s = _hum(syllable.key, before, length_s)
        else:
            sound, rate, onset_s = _word(syllable.text, syllable.key, before, length_s)
        sound = sound / np.sqrt(np.mean(sound**2))
        fade = np.minimum(1.0, np.arange(len(sound)) / (0.012 * rate))
        sound = soxr.resample(sound * fade * fade[::-1], rate, sample_rate, quality="VHQ")
        start_s = seconds(syllable.start) - onset_s
        first = round(start_s * sample_rate)
        used = min(len(sound), len(out) - first)
        out[first : first + used] += sound[:used]
        sung.append(Sung(syllable.text, start_s, start_s + used / sample_rate))
        previous = syllable
    return out, sung
