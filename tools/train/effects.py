"""Audio effects with random settings: amplifier, equalizer, reverb, chorus, compressor, limiter, noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from tools.train.labels import SAMPLE_RATE
from tools.train.sound import Sound, gain, rms

Random = np.random.Generator

REVERB_S = 1.3
"""Longest impulse response, in seconds."""


def shelf(sound: Sound, hertz: float, db: float, high: bool) -> Sound:
    """Shelving filter (Bristow-Johnson's cookbook, slope 1)."""
    a = 10 ** (db / 40)
    w = 2 * np.pi * hertz / SAMPLE_RATE
    cos, alpha = np.cos(w), np.sin(w) / 2 * np.sqrt(2)
    root, sign = 2 * np.sqrt(a) * alpha, (1 if high else -1)
    b = [a * ((a + 1) + sign * (a - 1) * cos + root), -2 * sign * a * ((a - 1) + sign * (a + 1) * cos),
         a * ((a + 1) + sign * (a - 1) * cos - root)]  # fmt: skip
    c = [(a + 1) - sign * (a - 1) * cos + root, 2 * sign * ((a - 1) - sign * (a + 1) * cos),
         (a + 1) - sign * (a - 1) * cos - root]  # fmt: skip
    return np.asarray(signal.lfilter(b, c, sound), dtype=np.float32)


def bell(sound: Sound, hertz: float, db: float, q: float) -> Sound:
    """Peaking filter (Bristow-Johnson's cookbook)."""
    a, w = 10 ** (db / 40), 2 * np.pi * hertz / SAMPLE_RATE
    alpha = np.sin(w) / (2 * q)
    b = [1 + alpha * a, -2 * np.cos(w), 1 - alpha * a]
    c = [1 + alpha / a, -2 * np.cos(w), 1 - alpha / a]
    return np.asarray(signal.lfilter(b, c, sound), dtype=np.float32)


@lru_cache(maxsize=256)
def _pass(kind: str, hertz: int, order: int) -> NDArray[np.float64]:
    return np.asarray(signal.butter(order, hertz, kind, fs=SAMPLE_RATE, output="sos"))


def cut(sound: Sound, kind: str, hertz: float, order: int = 2) -> Sound:
    """Butterworth "lowpass" or "highpass"."""
    return np.asarray(signal.sosfilt(_pass(kind, int(hertz), order), sound), dtype=np.float32)


def equalise(random: Random, sound: Sound, db: float = 5.0) -> Sound:
    """Random equalizer: two shelves and a bell."""
    sound = shelf(sound, float(random.uniform(80, 400)), float(random.normal(0, db * 0.7)), high=False)
    sound = shelf(sound, float(random.uniform(2000, 8000)), float(random.normal(0, db * 0.7)), high=True)
    return bell(sound, float(np.exp(random.uniform(np.log(200), np.log(6000)))), float(random.normal(0, db)), 0.9)


def amplifier(random: Random, sound: Sound) -> Sound:
    """A guitar amplifier and its cabinet: from nearly clean to high gain, never much above 5 kHz."""
    sound = cut(sound, "highpass", float(random.uniform(60, 160)), 1)
    drive = gain(float(random.choice([3, 10, 20, 30, 42]) + random.uniform(-3, 3)))
    driven = sound / max(1e-4, float(np.abs(sound).max(initial=0.0))) * drive
    bias = float(random.uniform(0, 0.3))
    shaped = np.tanh(driven + bias) - np.tanh(bias)
    if random.random() < 0.3:
        shaped = np.clip(shaped * 2.5, -1, 1)
    shaped = cut(shaped.astype(np.float32), "lowpass", float(random.uniform(3200, 6500)), 3)
    shaped = cut(shaped, "highpass", float(random.uniform(60, 110)), 2)
    return bell(shaped, float(random.uniform(1500, 3500)), float(random.uniform(-2, 7)), 1.0)


def drive(random: Random, sound: Sound) -> Sound:
    """Mild saturation, as of tape or a microphone driven hard."""
    peak = max(1e-4, float(np.abs(sound).max(initial=0.0)))
    return np.asarray(np.tanh(sound / peak * gain(float(random.uniform(0, 14)))) * peak, dtype=np.float32)


@lru_cache(maxsize=64)
def _impulse_response(number: int) -> Sound:
    """Impulse response: direct sound, a few early reflections, noise that decays and darkens."""
    random = np.random.default_rng(number)
    decay = float(np.exp(random.uniform(np.log(0.12), np.log(2.2))))
    time = np.arange(int(min(REVERB_S - 0.1, decay * 1.1) * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(time)) * np.exp(-6.9 * time / decay)
    tail = signal.lfilter([1.0], [1.0, -float(random.uniform(0.1, 0.7))], tail)
    delay = int(random.uniform(0, 0.03) * SAMPLE_RATE)
    response = np.zeros(len(time) + delay)
    response[delay:] = tail / np.sqrt((tail**2).sum())
    for _ in range(6):
        response[int(random.uniform(0.003, 0.06) * SAMPLE_RATE) % len(response)] += float(random.normal(0, 0.15))
    return response.astype(np.float32)


@lru_cache(maxsize=64)
def _reverb_spectrum(number: int, size: int) -> NDArray[np.complex64]:
    return np.asarray(fft.rfft(_impulse_response(number), size))


def reverberate(random: Random, sound: Sound, wet: float) -> Sound:
    """Reverb by one of 64 impulse responses; ``wet`` is its level relative to the dry sound."""
    size = int(fft.next_fast_len(len(sound) + int(REVERB_S * SAMPLE_RATE), real=True))
    echo = fft.irfft(fft.rfft(sound, size) * _reverb_spectrum(int(random.integers(0, 64)), size), size)[: len(sound)]
    return sound + np.float32(wet) * np.asarray(echo, dtype=np.float32)


def modulate(random: Random, sound: Sound) -> Sound:
    """Chorus: a copy with modulated delay."""
    rate, depth = float(random.uniform(0.3, 5)), float(random.uniform(0.0005, 0.003))
    index = np.arange(len(sound))
    delay = (0.008 + depth * np.sin(2 * np.pi * rate * index / SAMPLE_RATE + random.uniform(0, 6))) * SAMPLE_RATE
    return (0.7 * sound + 0.7 * np.interp(index - delay, index, sound, left=0.0)).astype(np.float32)


def tremolo(random: Random, sound: Sound) -> Sound:
    """Tremolo: periodic amplitude modulation."""
    wave = np.sin(2 * np.pi * float(random.uniform(2, 8)) * np.arange(len(sound)) / SAMPLE_RATE)
    return (sound * (1 - float(random.uniform(0.1, 0.4)) * (0.5 + 0.5 * wave))).astype(np.float32)


def compress(random: Random, sound: Sound) -> Sound:
    """A feed-forward compressor over 5 ms blocks, fast attack, slower release."""
    block = SAMPLE_RATE // 200
    count = -(-len(sound) // block)
    padded = np.zeros(count * block, np.float32)
    padded[: len(sound)] = sound
    level = 20 * np.log10(np.abs(padded).reshape(count, block).max(1) + 1e-6)
    threshold = 20 * np.log10(rms(sound)) + float(random.uniform(-4, 8))
    over = np.maximum(0.0, level - threshold) * (1 - 1 / float(random.uniform(1.5, 8)))
    release, reduction, now = float(np.exp(-1 / random.uniform(4, 40))), np.zeros(count), 0.0
    for i, target in enumerate(over):
        now = target if target > now else now * release
        reduction[i] = now
    curve = np.interp(np.arange(len(padded)) / block, np.arange(count) + 0.5, -reduction)
    return np.asarray(padded * 10 ** (curve / 20), dtype=np.float32)[: len(sound)]


def limit(random: Random, sound: Sound) -> Sound:
    """Soft-clipping limiter, as for a loud master."""
    peak = max(1e-4, float(np.abs(sound).max(initial=0.0)))
    pushed = gain(float(random.uniform(2, 10)))
    return np.asarray(np.tanh(sound / peak * pushed) * peak, dtype=np.float32)


def noise(random: Random, count: int) -> Sound:
    """Hiss, hum, vinyl crackle or the roar of a crowd, at RMS near 1."""
    kind = int(random.integers(0, 4))
    white = random.standard_normal(count).astype(np.float32)
    if kind == 0:
        out = white
    elif kind == 1:
        hertz = float(random.choice([50, 60]))
        phase = 2 * np.pi * hertz * np.arange(count) / SAMPLE_RATE
        hums = np.stack([np.sin(phase * k) / k for k in (1, 2, 3, 5)]).sum(0)
        out = np.asarray(hums + 0.1 * white, dtype=np.float32)
    elif kind == 2:
        ticks = (random.random(count) < float(random.uniform(3, 40)) / SAMPLE_RATE) * random.standard_normal(count) * 40
        out = np.asarray(signal.lfilter([1, -0.9], [1, -0.5], ticks) + 0.4 * white, dtype=np.float32)
    else:
        roar = cut(cut(white, "lowpass", 3000), "highpass", 250)
        swell = np.interp(np.arange(count), np.linspace(0, count, 8), random.uniform(0.5, 1, 8))
        out = np.asarray(roar * swell, dtype=np.float32)
    return np.asarray(out / rms(np.asarray(out, np.float32)), dtype=np.float32)
