"""Audio features a hundred times a second, which pictures react to: band levels, onsets, attacks, spectral flux, beat.

All are causal, so a file and a live input give the same.
"""

import bisect
import math
import threading
from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.audio.beats import BeatTracker, Tempo

RATE = 100  # envelope frames a second
BANDS_HZ = ((30.0, 150.0), (150.0, 2500.0), (2500.0, 16000.0))  # low (kick, bass), mid, high (cymbals)
_WINDOW_S = 0.023
_LEVEL_MEMORY_S = 8.0  # levels are relative to the loudest of about this many seconds
_MEAN_MEMORY_S = 8.0
_LEAST_FLUX = 0.01  # of a bin: a band that rises less than this counts as still
_ONSET_GAP_S = 0.06
_ONSET_DECAY_S = 0.15
_BEAT_DECAY_S = 0.12
_RISE_WINDOW_S = 0.046
_RISE_BANDS, _RISE_HZ = 40, (30.0, 11000.0)
_RISE_FLOOR_DB = 60.0  # below the loudest of the last minute nothing rises
_RISE_MEMORY_S = 120.0
_RISE_FRAMES = 4  # a rise is about that long


class Features(msgspec.Struct, frozen=True):
    """The features at one moment; every value but the last is from 0 to 1."""

    level: float
    low: float
    mid: float
    high: float
    onset: float  # the last onset's strength, decaying
    beat_phase: float  # 0 on the beat, rising to 1 before the next
    beat: float  # 1 on the beat, decaying
    cumulative_flux: float = 0.0  # spectral flux summed from the start; a usual onset of the last minute adds 1


class Onset(msgspec.Struct, frozen=True):
    """The start of a sound."""

    time: float  # s
    strength: float  # 0..1, against the recent song


def _time_of(onset: Onset) -> float:
    return onset.time


def _decayed(onsets: Sequence[Onset], time: float) -> float:
    """The greatest strength that those of the onsets before `time` have left."""
    left = (each.strength * math.exp((each.time - time) / _ONSET_DECAY_S) for each in onsets if each.time <= time)
    return max(left, default=0.0)


class FeatureExtractor:
    """Band levels and onsets of a stream of mono sound, kept for `at`.

    Onsets are peaks of half-wave rectified log-spectral flux (Bello et al. 2005; Dixon 2006), placed at the
    steepest rise of the waveform's envelope to 1 ms.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.onsets: list[Onset] = []
        self.beats: list[float] = []  # s; set by the caller, who tracks them
        self._size = int(2 ** round(math.log2(_WINDOW_S * rate)))
        self._taper = np.hanning(self._size).astype(np.float32)
        hz = np.fft.rfftfreq(self._size, 1 / rate)
        self._bins = [np.flatnonzero((hz >= a) & (hz < b)) for a, b in BANDS_HZ]
        self._flux = _SpectralFlux(rate)
        # The first window ends at sample 0, so that frame k knows the sound up to k / RATE and no further.
        self._longest = max(self._size, self._flux.size)
        self._buffer = np.zeros(self._longest, np.float32)
        self._buffer_start = -self._longest
        self._frames = 0
        self._trimmed = 0  # frames
        self._peaks = np.full(4, 1e-4)
        self._previous: NDArray[np.float32] | None = None
        self._flux_peak = 1e-3
        self._recent_flux: list[float] = []
        self._recent_loud: list[float] = []
        self._cumulative_flux: list[float] = []
        self._levels: list[tuple[float, float, float, float]] = []
        self.onset_strength: list[float] = []  # RATE a second; beats are tracked from it
        self._usual = [_RunningMean(_MEAN_MEMORY_S, _LEAST_FLUX * len(bins)) for bins in self._bins]

    @classmethod
    def of(cls, mono: NDArray[np.float32], rate: int) -> "FeatureExtractor":
        """The features of a whole song, [n] at `rate` Hz."""
        features = cls(rate)
        for at in range(0, len(mono), rate * 10):
            features.push(mono[at : at + rate * 10])
        features.push(np.zeros(rate // 5, np.float32))  # so that the last onset is followed by a fall
        return features

    def push(self, mono: NDArray[np.float32]) -> None:
        """Take in the next samples, [n]."""
        self._buffer = np.concatenate([self._buffer, mono])
        ends = []  # of the frames that are now known, in the buffer
        while (end := round(self._frames * self.rate / RATE) - self._buffer_start) <= len(self._buffer):
            ends.append(end)
            self._frames += 1
        if not ends:
            return
        frames = np.stack([self._buffer[end - self._size : end] for end in ends])
        spectra = np.abs(np.fft.rfft(frames * self._taper, axis=1)).astype(np.float32) / self._size
        loud = np.sqrt(np.square(frames).mean(axis=1))
        compressed = np.log1p(1000 * spectra)
        before = compressed[:1] if self._previous is None else self._previous
        rise = np.maximum(0, np.diff(compressed, axis=0, prepend=before))
        self._previous = compressed[-1:]
        band_level = np.stack([np.sqrt(np.square(spectra[:, b]).sum(axis=1)) for b in self._bins], axis=1)
        band_rise = np.stack([rise[:, b].sum(axis=1) for b in self._bins], axis=1)
        first = self._frames - len(ends)
        for k in range(len(ends)):
            self._step(first + k, float(loud[k]), band_level[k], band_rise[k])
        self._cumulative_flux += self._flux.push(np.stack([self._buffer[end - self._flux.size : end] for end in ends]))
        keep = min(len(self._buffer), self._longest + self.rate)
        self._buffer_start += len(self._buffer) - keep
        self._buffer = self._buffer[len(self._buffer) - keep :]

    def _step(self, frame: int, loud: float, bands: NDArray[np.float32], rise: NDArray[np.float32]) -> None:
        now = np.array([loud, *bands])
        self._peaks = np.maximum(np.maximum(now, 1e-4), self._peaks * math.exp(-1 / (RATE * _LEVEL_MEMORY_S)))
        relative = np.sqrt(now / self._peaks)
        if self._levels:  # instant rise, slow fall: light that flickers with every period is unpleasant
            relative = np.maximum(relative, np.array(self._levels[-1]) * math.exp(-1 / (RATE * 0.12)))
        self._levels.append((float(relative[0]), float(relative[1]), float(relative[2]), float(relative[3])))
        flux = float(rise.sum())
        # Each band against its own usual rises: an open hat off the beat has many times the flux of the kick on it.
        low, mid, high = (usual.ratio(float(of_band)) for usual, of_band in zip(self._usual, rise, strict=True))
        self.onset_strength.append(2.0 * low + mid + high)  # kick and bass carry the beat: as much as the rest together
        self._flux_peak = max(flux, self._flux_peak * math.exp(-1 / (RATE * _LEVEL_MEMORY_S)), 1e-3)
        self._recent_flux.append(flux)
        self._recent_loud.append(loud)
        del self._recent_flux[:-20], self._recent_loud[:-20]
        self._pick(frame)

    def _pick(self, frame: int) -> None:
        """The frame before the last is an onset if it is a peak well above its recent past."""
        recent = self._recent_flux
        if len(recent) < 3:
            return
        value = recent[-2]
        if not (value >= recent[-1] and value > recent[-3] and value >= max(recent[-5:])):
            return
        if self._recent_loud[-2] < 0.85 * max(self._recent_loud[-5:-2]):
            return  # a sound that is cut off spreads over the spectrum, too
        threshold = float(np.median(recent)) * 1.6 + 0.08 * self._flux_peak
        if value < max(threshold, 0.5):
            return
        time = self._refine((frame - 1) / RATE)
        if self.onsets and time - self.onsets[-1].time < _ONSET_GAP_S:
            return
        self.onsets.append(Onset(time, min(1.0, value / self._flux_peak)))

    def _refine(self, about: float) -> float:
        """The steepest rise of the waveform's envelope in the 30 ms before the window's end, in s."""
        first = round((about - 0.03) * self.rate) - self._buffer_start
        piece = np.abs(self._buffer[max(0, first) : max(0, first) + round(0.035 * self.rate)])
        step = max(1, self.rate // 1000)
        count = len(piece) // step
        if count < 4:
            return max(0.0, about)
        envelope = piece[: count * step].reshape(count, step).max(axis=1)
        rise = np.diff(envelope)
        return max(0.0, (max(0, first) + self._buffer_start + (int(rise.argmax()) + 1) * step) / self.rate)

    def trim(self, keep: float) -> None:
        """Drop what is older than the last `keep` seconds (and at most as much again), for sound without an end."""
        spare = len(self._levels) - round(2 * keep * RATE)
        if spare > 0:
            drop = len(self._levels) - round(keep * RATE)
            self._trimmed += drop
            del self._levels[:drop], self.onset_strength[:drop], self._cumulative_flux[:drop]
            del self.onsets[: bisect.bisect_left(self.onsets, self._trimmed / RATE, key=_time_of)]

    def at(self, time: float) -> Features:
        """The features at `time` seconds; before the first and after the last sample, those of that sample."""
        level, low, mid, high, flux = (0.0, 0.0, 0.0, 0.0, 0.0)
        if self._levels:
            index = min(max(int(time * RATE) - self._trimmed, 0), len(self._levels) - 1)
            level, low, mid, high = self._levels[index]
            flux = self._cumulative_flux[index]
        last = bisect.bisect_right(self.onsets, time, key=_time_of)
        onset = _decayed(self.onsets[max(0, last - 4) : last], time)
        return Features(level, low, mid, high, onset, *self._beat_at(time), flux)

    def _beat_at(self, time: float) -> tuple[float, float]:
        beats = self.beats
        next_ = bisect.bisect_right(beats, time)
        if not 0 < next_ < len(beats):
            return 0.0, 0.0
        since, period = time - beats[next_ - 1], beats[next_] - beats[next_ - 1]
        return min(1.0, since / period), math.exp(-since / _BEAT_DECAY_S)


class _RunningMean:
    """The mean of recent values, RATE a second, each weighted by itself: the usual height of a peak."""

    def __init__(self, memory_s: float, least: float) -> None:
        self._fading = math.exp(-1 / (RATE * memory_s))
        self._least = least
        self._mass, self._weight = 0.0, 1e-9

    @property
    def value(self) -> float:
        return max(self._mass / self._weight, self._least)

    def ratio(self, value: float) -> float:
        """Take in the next value; returns its ratio to the mean."""
        self._mass = self._mass * self._fading + value**2
        self._weight = self._weight * self._fading + value
        return value / self.value


class _SpectralFlux:
    """Cumulative spectral flux in decibels, as loudness is felt: how much the sound changes, small as well as large.

    Half-wave rectified rise of log-spaced bands in dB (as in Böck & Widmer 2013, without the maximum filter).
    """

    def __init__(self, rate: int) -> None:
        self.size = int(2 ** round(math.log2(_RISE_WINDOW_S * rate)))  # samples
        self._taper = np.hanning(self.size).astype(np.float32)
        hz = np.fft.rfftfreq(self.size, 1 / rate)
        edges = np.geomspace(*_RISE_HZ, _RISE_BANDS + 2)
        first = np.searchsorted(hz, edges[:-2])
        end = np.minimum(np.searchsorted(hz, np.maximum(edges[2:], edges[:-2] + hz[1])), len(hz) - 1)
        self._bands = np.stack([first, end], axis=1)[first < end].ravel()
        self._loudest = -100.0  # dB
        self._before: NDArray[np.float32] | None = None
        self._recent = [0.0] * _RISE_FRAMES
        self._usual = _RunningMean(_RISE_MEMORY_S, 1.0)
        self._sum = 0.0

    def push(self, frames: NDArray[np.float32]) -> list[float]:
        """The cumulative flux after each of `frames` [n, size]."""
        power = np.square(np.abs(np.fft.rfft(frames * self._taper, axis=1)) / self.size).astype(np.float32)
        # No matrix product: its threads wait for one another where a processor is busy.
        levels = 10.0 * np.log10(np.add.reduceat(power, self._bands, axis=1)[:, ::2] + 1e-10)
        sums = []
        for level in levels:
            self._loudest = max(float(level.max()), self._loudest - _RISE_FLOOR_DB / (RATE * _RISE_MEMORY_S))
            audible = np.maximum(level, self._loudest - _RISE_FLOOR_DB)
            if self._before is not None:
                self._recent = [*self._recent[1:], float(np.maximum(0.0, audible - self._before).mean())]
            self._before = audible
            rise = sum(self._recent)
            self._usual.ratio(rise)
            self._sum += self._recent[-1] / self._usual.value
            sums.append(self._sum)
        return sums


_STEP_S = 0.0025
_PAST = 20  # steps that an attack must exceed: 50 ms, four periods of a low voice
_RISE = 4.0  # in power: 6 dB over the loudest of them
_FLOOR = 1e-7  # power of the difference signal below which nothing is an attack
_AGAINST_PEAK = 0.01  # nor below this share of the recent peak
_MEMORY_S = 8.0
_GAP_S = 0.08


class AttackDetector:
    """Finds attacks in a stream of mono sound as soon as the 5 ms in which they fall are known.

    An attack is a jump of the power of the differenced signal, which emphasizes the high frequencies of a click or a
    stick. Spectral flux (`FeatureExtractor`) finds soft onsets as well, some 20 ms later.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._step = max(1, round(_STEP_S * rate))
        self._rest = np.zeros(0, np.float32)
        self._before = np.float32(0.0)  # the last sample
        self._past: list[float] = []
        self._peak = 0.0
        self._steps = 0
        self._last = -1.0
        self._pending: tuple[float, float] | None = None  # an attack's time and power: the next step shows its height

    def push(self, mono: NDArray[np.float32]) -> list[Onset]:
        """Take in the next samples, [n]; returns the attacks in them."""
        difference = np.diff(mono, prepend=self._before)
        if len(mono):
            self._before = mono[-1]
        samples = np.concatenate([self._rest, difference])
        count = len(samples) // self._step
        powers = np.square(samples[: count * self._step]).reshape(count, self._step).mean(axis=1)
        self._rest = samples[count * self._step :]
        return [onset for power in powers.tolist() if (onset := self._detect(power))]

    def _detect(self, power: float) -> Onset | None:
        time = self._steps * self._step / self._rate
        self._steps += 1
        self._peak = max(power, self._peak * (1.0 - _STEP_S / _MEMORY_S))
        stands_out = len(self._past) == _PAST and power > _RISE * max(self._past)
        self._past = [*self._past[1 - _PAST :], power]
        if self._pending:
            begins, before = self._pending
            self._pending = None
            return Onset(begins, min(1.0, (max(power, before) / self._peak) ** 0.25))
        if stands_out and power >= max(_FLOOR, _AGAINST_PEAK * self._peak) and time - self._last >= _GAP_S:
            self._last = time
            self._pending = (time, power)
        return None


_KEPT_S = 12.0
_SAME_S = 0.09  # an onset this near an attack is the same event


class LiveFeatureExtractor:
    """The features of sound that is pushed in, with attacks and a live tempo; `at` may be called from another thread.

    An attack counts as soon as it is found; `at` returns the latest features for a moment that is not known yet.
    """

    def __init__(self, rate: int, tempo: Tempo) -> None:
        """`rate` of the sound, Hz."""
        self.tempo = tempo
        self.onsets: list[Onset] = []  # the latest few
        self.extractor = FeatureExtractor(rate)
        self._detector = AttackDetector(rate)
        self._tracker = BeatTracker(RATE)
        self._lock = threading.Lock()

    def push(self, mono: NDArray[np.float32]) -> list[Onset]:
        """Take in the next samples, [n], full scale 1.0; returns the onsets found in them."""
        with self._lock:
            found = self._detector.push(mono)
            known, soft = len(self.extractor.onset_strength), len(self.extractor.onsets)
            self.extractor.push(mono)
            for onset in self.extractor.onsets[soft:]:
                if all(abs(onset.time - other.time) > _SAME_S for other in (*self.onsets[-8:], *found)):
                    found.append(onset)
            for beat in self._tracker.push(np.array(self.extractor.onset_strength[known:])):
                self.tempo.add_beat(beat)
            for onset in found:
                self.tempo.add_onset(onset.time)
            self.onsets = sorted([*self.onsets, *found], key=_time_of)[-64:]
            self.extractor.trim(_KEPT_S)
        return found

    def at(self, time: float) -> Features:
        """The features at `time` seconds."""
        with self._lock:
            phase, beat = self.tempo.at(time)
            onset = _decayed(self.onsets[-6:], time)
            return replace(self.extractor.at(time), onset=onset, beat_phase=phase, beat=beat)
