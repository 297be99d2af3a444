"""Reading and basic processing of mono sound: float32 arrays at the classifier's 32 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tools.train.labels import SAMPLE_RATE

Sound = NDArray[np.float32]


def read(path: Path, rate: int = SAMPLE_RATE, seconds: float | None = None) -> Sound:
    """A file's first ``seconds`` (all without), channels averaged, at ``rate``. Raises soundfile.LibsndfileError."""
    with soundfile.SoundFile(path) as file:
        frames = -1 if seconds is None else int(seconds * file.samplerate)
        audio = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
        own = file.samplerate
    return resampled(audio, own, rate)


def resampled(sound: Sound, own: int, rate: int = SAMPLE_RATE) -> Sound:
    """Sound of ``own`` samples per second at ``rate``."""
    return np.asarray(sound if own == rate else soxr.resample(sound, own, rate), dtype=np.float32)


def rms(sound: Sound) -> float:
    """Root mean square, never quite 0."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)) + 1e-14)) if len(sound) else 1e-7


def decibels(ratio: float) -> float:
    """Amplitude ratio in dB."""
    return float(20 * np.log10(max(ratio, 1e-9)))


def gain(db: float) -> float:
    """Amplitude ratio of so many dB."""
    return float(10 ** (db / 20))


def fade_out(sound: Sound, seconds: float) -> Sound:
    """The sound with its last ``seconds`` faded to nothing."""
    count = min(len(sound), int(seconds * SAMPLE_RATE))
    faded = sound.copy()
    if count:
        faded[-count:] *= np.linspace(1, 0, count, dtype=np.float32)
    return faded


def starting_at_onset(sound: Sound, share: float = 0.04) -> Sound:
    """The sound from 1 ms before it first exceeds ``share`` of its peak."""
    loud = np.flatnonzero(np.abs(sound) > share * np.abs(sound).max(initial=0.0))
    return sound[max(0, int(loud[0]) - SAMPLE_RATE // 1000) :] if len(loud) else sound


def add(target: Sound, sound: Sound, start: int) -> None:
    """Add ``sound`` into ``target`` from sample ``start``, which may lie before or past its ends."""
    low, high = max(0, start), min(len(target), start + len(sound))
    if high > low:
        target[low:high] += sound[low - start : high - start]


def at_speed(sound: Sound, ratio: float) -> Sound:
    """The sound played ``ratio`` times as fast (pitch rises with it), linear interpolation."""
    if abs(ratio - 1) < 1e-4:
        return sound
    places = np.arange(0, len(sound) - 1, ratio)
    return np.asarray(np.interp(places, np.arange(len(sound)), sound), dtype=np.float32)


def to_peak(sound: Sound, peak: float = 0.9) -> Sound:
    """The sound scaled to a peak."""
    top = float(np.abs(sound).max(initial=0.0))
    return np.asarray(sound * (peak / top), dtype=np.float32) if top > 0 else sound


def from_int16(sound: NDArray[np.int16]) -> Sound:
    """16-bit integers as floats below 1."""
    return np.asarray(sound / np.float32(32768), dtype=np.float32)


def to_int16(sound: Sound) -> NDArray[np.int16]:
    """16-bit integers, clipped."""
    return np.asarray(np.clip(np.round(sound * 32767), -32768, 32767), dtype=np.int16)
