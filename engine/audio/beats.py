"""Beat tracking from onset strength: with the whole song known, and causally."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

SLOWEST_BPM, FASTEST_BPM, USUAL_BPM = 55.0, 215.0, 120.0
_TIGHTNESS = 100.0


def _gaussian_smoothed(values: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """`values` [n] through a Gaussian of that standard deviation (samples), mirrored at both ends."""
    reach = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / deviation))
    padded = np.pad(values, reach, mode="symmetric")
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def _periodicity(strength: NDArray[np.float64], rate: int) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Candidate periods in frames and how strongly each recurs, weighed by how usual its tempo is."""
    shortest, longest = round(60 / FASTEST_BPM * rate), round(60 / SLOWEST_BPM * rate)
    size = 2 ** math.ceil(math.log2(2 * len(strength)))
    spectrum = np.abs(np.fft.rfft(strength - strength.mean(), size)) ** 2
    recurrence = np.fft.irfft(spectrum)[: len(strength)]
    lags = np.arange(shortest, min(longest, len(strength) // 2 - 1) + 1)
    if len(lags) == 0:
        return lags, np.zeros(0)
    # A beat's double and half recur too: a period with a strong double is the likelier beat.
    doubled = recurrence[np.minimum(2 * lags, len(recurrence) - 1)]
    usual = np.exp(-0.5 * np.square(np.log2(60 * rate / lags / USUAL_BPM) / 0.9))
    return lags, np.maximum(0, recurrence[lags] + 0.5 * doubled) * usual


def track_beats(strength: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Beat times in s from onset strength [n] at `rate` frames a second, the whole song known.

    Dynamic programming over beats that fall on onsets and keep a tempo (Ellis 2007); the tempo is the strongest
    recurrence of the onset strength. A song without a beat, or shorter than 3 s, gives none.
    """
    if len(strength) < 3 * rate or float(strength.std()) < 1e-9:
        return np.zeros(0)
    local = _gaussian_smoothed(strength / strength.std(), rate * 0.01)
    lags, weight = _periodicity(local, rate)
    if len(lags) == 0 or weight.max() <= 0:
        return np.zeros(0)
    period = float(lags[weight.argmax()])
    reach = np.arange(-round(2 * period), -round(period / 2) + 1)
    penalty = -_TIGHTNESS * np.square(np.log(-reach / period))
    score = local.copy()
    back = np.full(len(local), -1)
    for t in range(round(period / 2), len(local)):
        candidates = reach[max(0, -reach[0] - t) :] + t if t < -reach[0] else reach + t
        ranked = score[candidates] + penalty[len(penalty) - len(candidates) :]
        best = int(ranked.argmax())
        if ranked[best] > 0:
            score[t] += ranked[best]
            back[t] = candidates[best]
    tail = score[-round(2 * period) :]
    beats = [len(score) - len(tail) + int(tail.argmax())]
    while back[beats[-1]] >= 0:
        beats.append(int(back[beats[-1]]))
    frames = np.array(beats[::-1])
    audible = local[frames] > 0.2 * np.median(local[frames])
    if not audible.any():
        return np.zeros(0)
    first, last = np.flatnonzero(audible)[[0, -1]]
    return np.asarray(frames[first : last + 1] / rate, dtype=np.float64)


@cache
def _likely(period: float) -> NDArray[np.float64]:
    """Likelihood that the last beat was so many frames ago, from half a `period` to two, in frames."""
    past = np.arange(max(1, round(period / 2)), round(2 * period) + 1)
    return np.asarray(np.exp(-0.5 * np.square(5.0 * np.log(past / period))))


class BeatTracker:
    """Causal beat tracking from onset strength that is pushed in; a beat is returned no later than it falls.

    The cumulative score of Stark, Davies & Plumbley 2009: past beats predict the next one, which is returned half
    a period ahead; the tempo is estimated anew each half second over the last 8 s.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._strength: list[float] = []
        self._score: list[float] = []
        self._from = 0  # frame of the first entry kept
        self._period = rate * 60 / USUAL_BPM
        self._decide_at: float | None = None
        self._last_beat = -1e9

    def push(self, strength: NDArray[np.float64]) -> list[float]:
        """Take in more onset strength, [n]; returns the times in s of the beats now expected, some of them ahead."""
        beats = []
        for value in strength:
            self._strength.append(float(value))
            self._score.append(self._cumulative(float(value)))
            frame = self._from + len(self._strength) - 1
            if frame % (self._rate // 2) == 0 and frame >= 3 * self._rate:
                self._estimate_tempo()
                if self._decide_at is None:
                    self._decide_at = frame + 1.0
            if self._decide_at is not None and frame >= self._decide_at:
                beat = self._predict(frame)
                if beat - self._last_beat > 0.5 * self._period:
                    beats.append(beat / self._rate)
                    self._last_beat = beat
                self._decide_at = beat + self._period / 2
        keep = 9 * self._rate
        if len(self._strength) > 2 * keep:
            drop = len(self._strength) - keep
            del self._strength[:drop], self._score[:drop]
            self._from += drop
        return beats

    def _cumulative(self, value: float) -> float:
        nearest = max(1, round(self._period / 2))
        farthest = min(round(2 * self._period), len(self._score))
        if farthest < nearest:
            return value
        earlier = np.array(self._score[-farthest : len(self._score) - nearest + 1])[::-1]
        return 0.1 * value + 0.9 * float((_likely(self._period)[: len(earlier)] * earlier).max())

    def _estimate_tempo(self) -> None:
        recent = np.array(self._strength[-8 * self._rate :])
        if recent.std() < 1e-9:
            return
        lags, weight = _periodicity(_gaussian_smoothed(recent / recent.std(), self._rate * 0.01), self._rate)
        if not len(lags):
            return
        near = np.exp(-0.5 * np.square(np.log2(lags / self._period) / 0.35))  # tempo seldom jumps
        self._period = float(lags[(weight * (0.3 + near)).argmax()])

    def _predict(self, frame: int) -> float:
        """The frame at which the next beat falls: run the score on without new onsets and find its peak."""
        ahead = list(self._score)
        past = np.arange(max(1, round(self._period / 2)), min(round(2 * self._period), len(ahead) - 1) + 1)
        weight = _likely(self._period)[: len(past)]
        steps = round(self._period)
        future = np.empty(steps)
        history = np.array(ahead[-int(past[-1]) - 1 :])
        for k in range(steps):
            value = float((weight * history[::-1][past - 1]).max())
            future[k] = value
            history = np.append(history[1:], value)
        expected = np.exp(-0.5 * np.square((np.arange(1, steps + 1) - self._period / 2) / (self._period / 2)))
        return float(frame + 1 + int((future * expected).argmax()))
