"""Beats: tracked from onset strength, with the whole song known or causally; and the tempo of a live show."""

import bisect
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

SLOWEST_BPM, FASTEST_BPM, USUAL_BPM = 55.0, 215.0, 120.0
_TIGHTNESS = 100.0
_DECAY_S = 0.12
_KEPT = 16  # beats, and taps
_TAP_GAP_S = 2.0  # a longer pause between taps starts anew
_PULL, _PULL_PERIOD = 0.15, 0.02  # how far an onset near a tapped beat draws the beat and its period
_NEAR = 0.12  # of a period


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
        past = np.arange(max(1, round(self._period / 2)), min(round(2 * self._period), len(self._score) - 1) + 1)
        weight = _likely(self._period)[: len(past)]
        steps = round(self._period)
        future = np.empty(steps)
        history = np.array(self._score[-int(past[-1]) - 1 :])
        for k in range(steps):
            future[k] = (weight * history[::-1][past - 1]).max()
            history = np.append(history[1:], future[k])
        expected = np.exp(-0.5 * np.square((np.arange(1, steps + 1) - self._period / 2) / (self._period / 2)))
        return float(frame + 1 + int((future * expected).argmax()))


class Tempo:
    """The beat phase at any moment, from three sources. Times are in s of the show.

    Taps override the tracked beat; tapped beats are drawn to the onsets near them. Ableton Link overrides both while
    it has peers.
    """

    def __init__(self) -> None:
        self.offset_s = 0.0  # by which every beat was nudged
        self._tracked: list[float] = []
        self._taps: list[float] = []
        self._grid: tuple[float, float] | None = None  # a beat and the period, tapped
        self._link: tuple[float, float] | None = None

    def add_beat(self, beat: float) -> None:
        """Add a beat that was tracked, or is expected."""
        if not self._tracked or beat > self._tracked[-1]:
            self._tracked = [*self._tracked[1 - _KEPT :], beat]

    def tap(self, time: float) -> None:
        """Add a tap; from the second on the tempo is known."""
        if self._taps and not 0.2 <= time - self._taps[-1] <= _TAP_GAP_S:
            self._taps = []
        self._taps = [*self._taps[-7:], time]
        if len(self._taps) >= 2:
            self._grid = (time - self.offset_s, float(np.median(np.diff(self._taps))))

    def nudge(self, seconds: float) -> None:
        """Shift every beat; later is positive."""
        self.offset_s += seconds

    def add_onset(self, time: float) -> None:
        """Add an onset: a tapped beat nearby is drawn to it."""
        if self._grid is None:
            return
        beat, period = self._grid
        error = (time - beat + period / 2) % period - period / 2
        if abs(error) < _NEAR * period:
            nearest = beat + round((time - beat) / period) * period
            self._grid = (nearest + _PULL * error, period + _PULL_PERIOD * error)

    def set_link(self, link: tuple[float, float] | None) -> None:
        """Set a beat and the period of the Link session, in s; None when it has no peers."""
        self._link = link

    @property
    def source(self) -> str:
        """Where the beat comes from: link, tapped or tracked."""
        return "link" if self._link else "tapped" if self._grid else "tracked"

    @property
    def bpm(self) -> float | None:
        """Beats a minute; None where there is no beat."""
        if rule := self._link or self._grid:
            return 60.0 / rule[1]
        return 60.0 / float(np.median(np.diff(self._tracked[-8:]))) if len(self._tracked) >= 4 else None

    def beats(self, start: float, end: float) -> list[float]:
        """The beats from `start` to before `end`."""
        if rule := self._link or self._grid:
            beat, period = rule[0] + self.offset_s, rule[1]
            first = math.ceil((start - beat) / period - 1e-9)
            last = math.ceil((end - beat) / period - 1e-9)
            return [beat + number * period for number in range(first, min(last, first + 1000))]
        return [beat + self.offset_s for beat in self._tracked if start <= beat + self.offset_s < end]

    def at(self, time: float) -> tuple[float, float]:
        """Phase, 0 on the beat to 1 before the next, and strength, 1 on the beat and decaying; zeros without one."""
        if rule := self._link or self._grid:
            since, period = (time - rule[0] - self.offset_s) % rule[1], rule[1]
        else:
            tracked = self._tracked
            index = bisect.bisect_right(tracked, time - self.offset_s)
            if index < 2:
                return 0.0, 0.0
            since = time - self.offset_s - tracked[index - 1]
            following = tracked[index] if index < len(tracked) else 2 * tracked[index - 1] - tracked[index - 2]
            period = following - tracked[index - 1]
            if since > 2 * period:
                return 0.0, 0.0
        return min(1.0, since / period), math.exp(-since / _DECAY_S)
