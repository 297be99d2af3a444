"""Mix of the demo song: levels, panning, reverb and a limiter, from stems to stereo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import butter, fftconvolve, sosfilt

from tools.release.demo.arrangement import BEATS_IN_BAR, SECTIONS, SEED, seconds

Stereo = NDArray[np.float64]

CEILING_DB = -1.0
REVERB_S = 1.5


@dataclass(frozen=True)
class Channel:
    """One mixer channel: level while it sounds (dB RMS), pan (-1 left to 1 right), reverb send (dB), filters (Hz)."""

    level_db: float
    pan: float
    send_db: float
    low_cut_hz: float = 30.0
    high_cut_hz: float = 15000.0


CHANNELS = {
    "kick": Channel(-17.0, 0.0, -22.0),
    "tom": Channel(-18.0, 0.15, -13.0, 60.0),
    "bass": Channel(-18.5, 0.0, -50.0, 32.0),
    "crash": Channel(-23.5, -0.4, -16.0, 300.0),
    "splash": Channel(-28.0, 0.45, -16.0, 500.0),
    "synth": Channel(-26.0, 0.25, -12.0, 180.0, 4000.0),
    "synth low": Channel(-23.0, 0.0, -30.0, 40.0, 2500.0),
    "synth high": Channel(-34.0, -0.4, -8.0, 400.0, 7000.0),
    "cello": Channel(-28.0, -0.25, -8.0, 60.0),
    "guitar": Channel(-27.0, 0.3, -10.0, 80.0),
    "voice": Channel(-15.0, 0.0, -13.0, 130.0),
    "harmony": Channel(-30.0, -0.25, -8.0, 150.0),
    "hum": Channel(-29.0, 0.05, -7.0, 100.0),
}
DUCKED = ("crash", "splash", "synth", "synth low", "synth high")
DUCK_DB = -4.0
KIND_OF = {"kick": "b", "tom": "b", "bass": "b", "cello": "c", "guitar": "c", "hum": "c"}
RELEASE_S = {"a": 0.5, "b": 0.25, "c": 0.6}


def mix(stems: dict[str, Stereo], sample_rate: int) -> Stereo:
    """Mix stems, each float64 of shape (2, samples), through CHANNELS: same shape, peaks below CEILING_DB."""
    length = next(iter(stems.values())).shape[1]
    dry, room = np.zeros((2, length)), np.zeros((2, length))
    duck = _duck(stems["voice"], sample_rate)
    for name, sound in stems.items():
        channel = CHANNELS[name]
        band = (channel.low_cut_hz, channel.high_cut_hz)
        cut = sosfilt(butter(2, band, "bandpass", fs=sample_rate, output="sos"), sound, axis=1)
        cut = cut * _sections(KIND_OF.get(name, "a"), length, sample_rate)
        if name in DUCKED:
            cut = cut * duck
        placed = _pan(cut * _db(channel.level_db - _level_db(cut, sample_rate)), channel.pan)
        dry += placed
        room += placed * _db(channel.send_db)
    song = dry + _reverb(room, sample_rate)
    song *= _ending(length, sample_rate)
    return _limit(song, sample_rate)


def _db(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))


def _level_db(sound: Stereo, sample_rate: int) -> float:
    """RMS over the 50 ms blocks above -40 dB of the loudest, in dB."""
    block = sample_rate // 20
    power = (sound[:, : sound.shape[1] // block * block].reshape(2, -1, block) ** 2).mean(axis=(0, 2))
    return float(10 * np.log10(power[power > power.max() * 1e-4].mean()))


def _sections(kind: str, length: int, sample_rate: int) -> NDArray[np.float64]:
    """1 while sections of this kind last, falling to 0 over the release after each."""
    t = np.arange(length) / sample_rate
    gate = np.zeros(length)
    for index, section in enumerate(SECTIONS):
        if section.kind == kind:
            last = index == len(SECTIONS) - 1
            begin = seconds(section.first_bar * BEATS_IN_BAR) - 0.3
            end = np.inf if last else seconds((section.first_bar + section.bars) * BEATS_IN_BAR)
            inside = np.clip((t - begin) / 0.005, 0, 1) * np.clip(1 - (t - end) / RELEASE_S[kind], 0, 1)
            gate = np.maximum(gate, inside)
    return gate


def _pan(sound: Stereo, pan: float) -> Stereo:
    """Constant-power pan of a stereo stem."""
    angle = (pan + 1) * np.pi / 4
    placed: Stereo = sound * (np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]]))
    return placed


def _duck(voice: Stereo, sample_rate: int) -> NDArray[np.float64]:
    """Ducking gain: DUCK_DB while the voice sings, 1 elsewhere, with transitions of 100 ms."""
    singing = uniform_filter1d((np.abs(voice).max(axis=0) > 0.1).astype(float), sample_rate // 5)
    moving = uniform_filter1d((singing > 0.2).astype(float), sample_rate // 10)
    gain: NDArray[np.float64] = 10.0 ** (DUCK_DB * moving / 20.0)
    return gain


def _reverb(sound: Stereo, sample_rate: int) -> Stereo:
    """A room of decaying noise (Moorer 1979), darker as it decays, 20 ms after the dry sound; unit energy."""
    noise = np.random.default_rng(SEED).standard_normal((2, round(REVERB_S * sample_rate)))
    t = np.arange(noise.shape[1]) / sample_rate
    dark = sosfilt(butter(1, 2500, fs=sample_rate, output="sos"), noise, axis=1)
    tail = noise * np.exp(-t * 9.0) + dark * np.exp(-t * 4.6)
    tail /= np.sqrt((tail**2).sum(axis=1, keepdims=True))
    late = np.concatenate([np.zeros((2, round(0.02 * sample_rate))), tail], axis=1)
    return np.asarray(fftconvolve(sound, late, axes=1)[:, : sound.shape[1]])


def _ending(length: int, sample_rate: int) -> NDArray[np.float64]:
    """Fade-out over the last 1.5 s."""
    left = (length - 1 - np.arange(length)) / sample_rate
    fade: NDArray[np.float64] = np.sin(np.clip(left / 1.5, 0, 1) * np.pi / 2) ** 2
    return fade


def _limit(sound: Stereo, sample_rate: int) -> Stereo:
    """Look-ahead limiter: gain falls before a peak and recovers after it, so no sample passes CEILING_DB."""
    ceiling = _db(CEILING_DB)
    needed = np.minimum(1.0, ceiling / np.maximum(np.abs(sound).max(axis=0), 1e-9))
    span = round(0.012 * sample_rate) | 1
    gain = uniform_filter1d(minimum_filter1d(needed, 2 * span + 1), span)
    limited: Stereo = np.clip(sound * gain, -ceiling, ceiling)
    return limited
