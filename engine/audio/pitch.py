"""The dominant frequency of a window: its strongest partial as the ear weighs it."""

import numpy as np
from numpy.typing import NDArray

LOWEST_HZ, HIGHEST_HZ = 27.5, 8000.0


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
