"""Loudness and pitch of a stretch of sound as the ear weighs them: LUFS (ITU-R BS.1770-5), the dominant frequency."""

import functools
import math

import numpy as np
from numpy.typing import NDArray

SILENCE_LUFS = -70.0  # the standard's absolute gate
_DECAY_S = 0.2  # after which nothing is left of the K filter's impulse response (1e-18)
LOWEST_HZ, HIGHEST_HZ = 27.5, 8000.0


@functools.lru_cache(maxsize=32)
def k_weighting(rate: int) -> NDArray[np.float64]:
    """The K filter as second-order sections b0, b1, b2, 1, a1, a2, [2, 6], for any sample rate.

    BS.1770 tabulates 48 kHz only; these are the analogue prototypes behind the table, by bilinear transform
    with the corner frequencies prewarped (Mansbridge, Finn & Reiss 2012).
    """
    sections = []
    shelf = 10 ** (3.999843853973347 / 20)
    for f0, q, high, band, low in (
        (1681.974450955533, 0.7071752369554196, shelf, shelf**0.4996667741545416, 1.0),
        # A high pass; the standard's table leaves b at 1, -2, 1 while dividing a: +0.043 dB.
        (38.13547087602444, 0.5003270373238773, 1.004995, 0.0, 0.0),
    ):
        w = 2 * rate * math.tan(math.pi * min(f0, 0.49 * rate) / rate)
        b, a = _bilinear((high, band * w / q, low * w * w), rate), _bilinear((1.0, w / q, w * w), rate)
        sections.append(np.concatenate([b, a]) / a[0])
    return np.array(sections)


def _bilinear(s: tuple[float, float, float], rate: int) -> NDArray[np.float64]:
    """The polynomial s0 s^2 + s1 s + s2 in powers of 1/z, times (1 + 1/z)^2, for s = 2 rate (1 - 1/z) / (1 + 1/z)."""
    square, linear, constant = s[0] * 4.0 * rate * rate, s[1] * 2.0 * rate, s[2]
    return np.array([square + linear + constant, 2.0 * (constant - square), square - linear + constant])


@functools.lru_cache(maxsize=4)
def _k_response(rate: int, length: int) -> tuple[int, NDArray[np.complex128]]:
    """An FFT size for `length` samples with silence behind them, and the K filter's response at its frequencies."""
    least = length + math.ceil(_DECAY_S * rate)
    size = min(odd << max(0, math.ceil(math.log2(least / odd))) for odd in (15, 27, 45, 75, 125))  # few factors: fast
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    powers = np.stack([np.ones_like(delay), delay, delay**2])
    responses = [(section[:3] @ powers) / (section[3:] @ powers) for section in k_weighting(rate)]
    return size, np.asarray(np.prod(responses, axis=0))


def k_weighted(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """`samples` [n, channels] at `rate` Hz through the K filter, [channels, n].

    By FFT: the filter's impulse response is short, so sound with silence behind it may be taken as periodic.
    """
    length, channels = samples.shape
    size, response = _k_response(rate, length)
    padded = np.zeros((channels, size))
    padded[:, :length] = samples.T
    return np.asarray(np.fft.irfft(np.fft.rfft(padded) * response, size)[:, :length])


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Loudness of `samples` [n, channels] at `rate` Hz in LUFS, ungated; never below `SILENCE_LUFS`.

    All channels weigh alike (the standard's surround weights need a known layout).
    """
    if not len(samples):
        return SILENCE_LUFS
    power = float(np.square(k_weighted(samples, rate)).mean(axis=1).sum())
    return max(SILENCE_LUFS, -0.691 + 10 * math.log10(power)) if power > 1e-12 else SILENCE_LUFS


class RunningLoudness:
    """Compares each window with the average loudness so far.

    The average is of decibels, over the windows that are not silent, the present one included: loudness
    is heard in decibels, and an average of powers would be the loudest part's alone.
    """

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def is_loud(self, lufs: float) -> bool:
        """Take in one window's loudness and compare it with the average; silence is never loud."""
        if lufs <= SILENCE_LUFS:
            return False
        self._sum += lufs
        self._count += 1
        return lufs > self._sum / self._count


def a_weighting(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """A-weighting as a linear gain (IEC 61672-1, annex E), 1.0 near 1 kHz."""
    f2 = np.square(hz)
    gain = (12194.0**2 * f2 * f2) / ((f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2))
    return np.asarray(gain * 1.2589, dtype=np.float64)


def dominant_frequency(mono: NDArray[np.float32], rate: int) -> float:
    """Frequency in Hz of the strongest A-weighted peak of `mono` [n]; 0.0 for silence.

    A Hann window and a parabola through the log magnitudes around the peak (Smith & Serra 1987) place it
    to a small fraction of a bin.
    """
    if len(mono) < 64 or float(np.abs(mono).max()) < 1e-5:
        return 0.0
    size = len(mono)
    magnitude = np.abs(np.fft.rfft(mono * np.hanning(size)))
    hz = np.fft.rfftfreq(size, 1 / rate).astype(np.float64)
    weighted = magnitude * a_weighting(hz)
    weighted[(hz < LOWEST_HZ) | (hz > min(HIGHEST_HZ, 0.45 * rate))] = 0.0
    peak = int(weighted.argmax())
    if weighted[peak] <= 0.0:
        return 0.0
    left, middle, right = np.log(weighted[peak - 1 : peak + 2] + 1e-12)
    curve = left - 2 * middle + right
    offset = 0.5 * (left - right) / curve if curve < 0 else 0.0
    return float((peak + np.clip(offset, -0.5, 0.5)) * rate / size)
