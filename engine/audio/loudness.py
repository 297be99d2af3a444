"""Loudness of a stretch of sound in LUFS (ITU-R BS.1770-5), and its running average."""

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import bilinear, sosfilt, tf2sos

SILENCE_LUFS = -70.0  # the standard's absolute gate


@functools.lru_cache(maxsize=32)
def k_weighting(rate: int) -> NDArray[np.float64]:
    """The K filter as second-order sections, [2, 6], for any sample rate.

    BS.1770 tabulates 48 kHz only; these are the analogue prototypes behind the table, by bilinear transform
    with the corner frequencies prewarped (Mansbridge, Finn & Reiss 2012).
    """
    sections = []
    for kind, f0, q, gain_db in (
        ("shelf", 1681.974450955533, 0.7071752369554196, 3.999843853973347),
        ("pass", 38.13547087602444, 0.5003270373238773, 0.0),
    ):
        w = 2 * rate * math.tan(math.pi * min(f0, 0.49 * rate) / rate)
        if kind == "shelf":
            high = 10 ** (gain_db / 20)
            band = high**0.4996667741545416
            numerator = [high, band * w / q, w * w]
        else:
            numerator = [1.004995, 0.0, 0.0]  # the standard's table leaves b at 1, -2, 1 while dividing a: +0.043 dB
        b, a = bilinear(numerator, [1.0, w / q, w * w], fs=rate)
        sections.append(tf2sos(b, a)[0])
    return np.array(sections)


def loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Loudness of `samples` [n, channels] at `rate` Hz in LUFS, ungated; never below `SILENCE_LUFS`.

    All channels weigh alike (the standard's surround weights need a known layout).
    """
    if not len(samples):
        return SILENCE_LUFS
    weighted = sosfilt(k_weighting(rate), samples.astype(np.float64), axis=0)
    power = float(np.square(weighted).mean(axis=0).sum())
    return max(SILENCE_LUFS, -0.691 + 10 * math.log10(power)) if power > 1e-12 else SILENCE_LUFS


class RunningLoudness:
    """Says of each window whether it is louder than the song has been so far.

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
