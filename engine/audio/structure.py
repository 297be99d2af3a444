"""The sections of a song (verse, chorus, bridge) from its sound: where it changes for long, and what repeats.

Boundaries are peaks of the novelty of the self-similarity (Foote 2000, "Automatic audio segmentation using a measure
of audio novelty"); sections that sound alike get the same label (the survey is Paulus, Müller and Klapuri 2010).
"""

import itertools

import msgspec
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

HOP_S = 0.5
SHORTEST_S = 8.0  # of a section
_WINDOW = 8192  # samples, at 22050 Hz
_SIDE = 16  # hops on each side of a boundary that are compared
_PITCHES_HZ = (65.0, 2100.0)
_BANDS_HZ = np.geomspace(60.0, 10_000.0, 11)
_LEAST_PITCH, _LEAST_BAND = 0.03, 0.2  # deviations below which a song does not change: share of power, and Bel
_PEAK = 0.15  # of the highest novelty that there can be; the least for a boundary
_ALIKE = 0.8  # correlation of two sections' sound from which on they are the same


class Section(msgspec.Struct, frozen=True):
    """A stretch of the song; those that sound alike have the same label: "A", "B", ..."""

    start: float  # s
    end: float  # s
    label: str


def find_sections(mono: NDArray[np.float32], rate: int) -> list[Section]:
    """The sections of a song, [n] samples at `rate` Hz, in order, from its beginning to its end without a gap."""
    duration = len(mono) / rate
    sound = _sound(mono, rate)
    edges = [0, *_boundaries(sound), len(sound)]
    found: list[Section] = []
    known: list[tuple[str, Matrix]] = []
    for begin, end in itertools.pairwise(edges):
        mean = sound[begin:end].mean(axis=0)
        alike = (label for label, other in known if _correlation(mean, other) >= _ALIKE)
        label = next(alike, None) or _name(len({label for label, _ in known}))
        known.append((label, mean))
        found.append(Section(begin * HOP_S, duration if end == len(sound) else end * HOP_S, label))
    return found


def _sound(mono: NDArray[np.float32], rate: int) -> Matrix:
    """Pitch classes and bands in each hop, [hops, 12 + bands], each column with mean 0 and deviation 1 at most."""
    hop = round(HOP_S * rate)
    hops = max(1, len(mono) // hop)
    padded = np.pad(mono, (_WINDOW // 2, _WINDOW + hop))
    taper = np.hanning(_WINDOW).astype(np.float32)
    hz = np.fft.rfftfreq(_WINDOW, 1 / rate)
    tonal = (hz >= _PITCHES_HZ[0]) & (hz <= _PITCHES_HZ[1])
    classes = np.round(12 * np.log2(np.maximum(hz, 1.0) / 440.0)).astype(int) % 12
    folding = np.array([(tonal & (classes == each)).astype(np.float64) for each in range(12)])
    bands = np.array([(hz >= low) & (hz < high) for low, high in itertools.pairwise(_BANDS_HZ)], float)
    rows = np.empty((hops, 12 + len(bands)))
    for number in range(hops):
        begin = number * hop
        power = np.abs(np.fft.rfft(padded[begin : begin + _WINDOW] * taper)) ** 2
        pitches = folding @ power
        rows[number] = [*(pitches / (pitches.sum() + 1e-9)), *np.log10(bands @ power + 1e-3)]
    smooth = np.ones(5) / 5
    rows = np.array([np.convolve(np.pad(column, 2, mode="edge"), smooth, "valid") for column in rows.T]).T
    rows -= rows.mean(axis=0)
    least = np.array([_LEAST_PITCH] * 12 + [_LEAST_BAND] * len(bands))
    return np.asarray(rows / np.maximum(rows.std(axis=0), least))


def _boundaries(sound: Matrix) -> list[int]:
    """Hops at which the sound before differs most from the sound after."""
    novelty = np.array([_novelty(sound, at) for at in range(len(sound))])
    shortest = round(SHORTEST_S / HOP_S)
    chosen: list[int] = []
    for at in np.argsort(-novelty, kind="stable"):
        if novelty[at] < _PEAK:
            break
        if all(abs(int(at) - other) >= shortest for other in (0, len(sound), *chosen)):
            chosen.append(int(at))
    return sorted(chosen)


def _novelty(sound: Matrix, at: int) -> float:
    """How much more alike the hops on each side are among themselves than across; from 0 to 1."""
    side = min(_SIDE, at, len(sound) - at)
    if side < 2:
        return 0.0
    around = sound[at - side : at + side]
    # Plus 1: hops that hardly differ from the mean count little.
    unit = around / (np.linalg.norm(around, axis=1, keepdims=True) + 1.0)
    alike = unit @ unit.T
    within = (alike[:side, :side].mean() + alike[side:, side:].mean()) / 2
    return max(0.0, float(within - alike[:side, side:].mean()) / 2)


def _correlation(one: Matrix, other: Matrix) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9))


def _name(number: int) -> str:
    return _name(number // 26 - 1) + _name(number % 26) if number >= 26 else chr(ord("A") + number)
