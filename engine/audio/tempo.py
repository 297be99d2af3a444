"""The beat of a live show: tracked from the sound, tapped by hand, or shared by a room over Ableton Link."""

import bisect
import itertools
import math
import statistics

_DECAY_S = 0.12
_KEPT = 16  # beats, and taps
_TAP_GAP_S = 2.0  # a longer pause between taps starts anew
_PULL, _PULL_PERIOD = 0.15, 0.02  # how far an onset near a tapped beat draws the beat and its period
_NEAR = 0.12  # of a period


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
            gaps = [later - earlier for earlier, later in itertools.pairwise(self._taps)]
            self._grid = (time - self.offset_s, statistics.median(gaps))

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
        if len(self._tracked) < 4:
            return None
        recent = self._tracked[-8:]
        gaps = [later - earlier for earlier, later in itertools.pairwise(recent)]
        return 60.0 / statistics.median(gaps)

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
            if not index >= 2:
                return 0.0, 0.0
            since = time - self.offset_s - tracked[index - 1]
            following = tracked[index] if index < len(tracked) else 2 * tracked[index - 1] - tracked[index - 2]
            period = following - tracked[index - 1]
            if since > 2 * period:
                return 0.0, 0.0
        return min(1.0, since / period), math.exp(-since / _DECAY_S)
