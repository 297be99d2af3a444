"""The beat of a live show: tracked from the sound, tapped by hand, or shared by a room over Ableton Link."""

import bisect
import itertools
import math
import statistics

_DECAY_S = 0.12
_KEPT = 16  # beats, and taps
_TAP_GAP_S = 2.0  # a longer pause between taps begins anew
_PULL, _PULL_PERIOD = 0.15, 0.02  # how far an onset near a tapped beat draws the beat and its period
_NEAR = 0.12  # of a period


class Tempo:
    """Answers where in the beat a moment lies. Times are in s of the show.

    Taps rule over the tracked beat; tapped beats stay on the onsets that fall near them. A room (Link) rules over
    both while it has somebody in it.
    """

    def __init__(self) -> None:
        self.shift = 0.0  # s, by which every beat was nudged
        self._tracked: list[float] = []
        self._taps: list[float] = []
        self._grid: tuple[float, float] | None = None  # a beat and the period, tapped
        self._link: tuple[float, float] | None = None

    def add_beat(self, beat: float) -> None:
        """A beat was tracked, or is expected."""
        if not self._tracked or beat > self._tracked[-1]:
            self._tracked = [*self._tracked[1 - _KEPT :], beat]

    def tap(self, time: float) -> None:
        """The beat is at `time`; from the second tap on the tempo is known."""
        if self._taps and not 0.2 <= time - self._taps[-1] <= _TAP_GAP_S:
            self._taps = []
        self._taps = [*self._taps[-7:], time]
        if len(self._taps) >= 2:
            gaps = [later - earlier for earlier, later in itertools.pairwise(self._taps)]
            self._grid = (time - self.shift, statistics.median(gaps))

    def nudge(self, seconds: float) -> None:
        """Shift every beat; later is positive."""
        self.shift += seconds

    def add_onset(self, time: float) -> None:
        """Something was struck: a tapped beat nearby is drawn there."""
        if self._grid is None:
            return
        beat, period = self._grid
        error = (time - beat + period / 2) % period - period / 2
        if abs(error) < _NEAR * period:
            nearest = beat + round((time - beat) / period) * period
            self._grid = (nearest + _PULL * error, period + _PULL_PERIOD * error)

    def set_link(self, link: tuple[float, float] | None) -> None:
        """A beat and the period of the room, in s; None when nobody else is in it."""
        self._link = link

    @property
    def source(self) -> str:
        """What the beat comes from: link, tapped or tracked."""
        return "link" if self._link else "tapped" if self._grid else "tracked"

    @property
    def bpm(self) -> float | None:
        """Beats a minute; None where there is no beat."""
        if rule := self._link or self._grid:
            return 60.0 / rule[1]
        if len(self._tracked) < 4:
            return None
        recent = self._tracked[-8:]
        gaps = [later - earlier for earlier, later in itertools.pairwise(recent)]
        return 60.0 / statistics.median(gaps)

    def beats(self, start: float, end: float) -> list[float]:
        """The beats from `start` to before `end`."""
        if rule := self._link or self._grid:
            beat, period = rule[0] + self.shift, rule[1]
            first = math.ceil((start - beat) / period - 1e-9)
            last = math.ceil((end - beat) / period - 1e-9)
            return [beat + number * period for number in range(first, min(last, first + 1000))]
        return [beat + self.shift for beat in self._tracked if start <= beat + self.shift < end]

    def at(self, time: float) -> tuple[float, float]:
        """Phase, 0 on the beat to 1 before the next, and strength, 1 on the beat and decaying; zeros without one."""
        if rule := self._link or self._grid:
            since, period = (time - rule[0] - self.shift) % rule[1], rule[1]
        else:
            tracked = self._tracked
            index = bisect.bisect_right(tracked, time - self.shift)
            if not index >= 2:
                return 0.0, 0.0
            since = time - self.shift - tracked[index - 1]
            following = tracked[index] if index < len(tracked) else 2 * tracked[index - 1] - tracked[index - 2]
            period = following - tracked[index - 1]
            if since > 2 * period:
                return 0.0, 0.0
        return min(1.0, since / period), math.exp(-since / _DECAY_S)
