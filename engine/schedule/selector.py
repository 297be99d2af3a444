"""Which clip is on screen at each moment of the song, and statistics of how the moments were filled.

Ahead of playback, a moment without a clip of its own is filled in this order:

1. stretch: the clip before it, of the same section, goes on, slowed to at most `STRETCH` times its length;
2. freeze: its last frame stands, for at most `FREEZE_S`;
3. reuse: a clip of the section, or of its repeat, is shown again, the one not seen for longest first;
4. late: the clip of another section goes on.

Live, the clip of the newest prompt that has one is shown, repeated until a newer one is ready; a repeated section is
shown with its own clip at once. Every change is a crossfade, which the compositor makes.
"""

import math
from typing import Literal, get_args

import msgspec

from engine.schedule.planner import STRETCH
from engine.schedule.state import ScheduleState

Kind = Literal["fresh", "stretched", "reused", "frozen", "late"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FREEZE_S = 0.5
_FRESH = 1.1  # a clip slowed by less than a tenth is as good as new
_WORTH_S = 1.0  # a clip ready with less than this, and less than half, left of its shot is not shown for it
_LOOKAHEAD = 12  # shots searched for the next change


class Placement(msgspec.Struct, frozen=True):
    """The clip of `shot`, shown from `start` to `end` from first frame to last; if frozen, its last frame only."""

    start: float
    end: float
    shot: int
    kind: Kind


class ClipSelector:
    """Answers `at(t)` for rising t, which may run a little ahead of playback."""

    def __init__(self, state: ScheduleState, live: bool) -> None:
        self._state = state
        self._live = live
        self._current: Placement | None = None
        self._basis = (-1, -1)  # shot and version of the state that the current placement was chosen for
        self._last_t = -1.0

    def at(self, t: float) -> Placement | None:
        """What is on screen at `t`; None only while there is no clip at all."""
        state, current = self._state, self._current
        basis = (state.shots.at(t), state.version)
        if current and t < current.end and basis == self._basis:
            self._last_t = t
            return current
        last_t, self._basis, self._last_t = self._last_t, basis, t
        now = basis[0]
        if not state.clips or (self._live and min(state.clips) > now):
            return None
        shot = self._choose_live(now) if self._live else self._choose(now, t)
        if current is None or shot != current.shot or t >= current.end or (shot == now and current.kind == "late"):
            # It starts where it should have since the last call: with a shot or after a clip; else just now.
            # Ahead of playback, nothing plays before the first clip is ready.
            moments = (state.shots[now].start, current.end if current else -math.inf)
            since = last_t if current or self._live else -math.inf
            start = max((moment for moment in moments if since < moment <= t), default=t)
            placement = self._place(shot, now, start)
            self._current = placement if placement.end > t else self._place(shot, now, t)
            state.last_shown[shot] = t
        return self._current

    def _choose(self, now: int, t: float) -> int:
        """The shot whose clip fills the moment, ahead of playback."""
        state, current = self._state, self._current
        playing = current.shot if current else None
        worth = min(_WORTH_S, state.shots[now].seconds / 2)
        if now in state.clips and (playing is None or state.shots[now].end - t >= worth or playing == now):
            return now
        if playing is not None and current and self._is_same_section(playing, now) and t < current.end:
            return playing
        if others := [other for other in state.same_section(now) if other in state.clips]:
            if playing is not None and playing in others and self._next_change(now, t) - t <= FREEZE_S:
                return playing
            shown = state.last_shown
            return min(others, key=lambda other: (other == playing, shown.get(other, -1.0), abs(other - now)))
        return playing if playing is not None else max(state.clips)

    def _choose_live(self, now: int) -> int:
        """The shot whose clip fills the moment, live."""
        state, current = self._state, self._current
        if now in state.clips:
            return now
        newest = max(index for index in state.clips if index <= now)
        if current and current.shot >= newest:
            newest = current.shot
        if not self._is_same_section(newest, now):
            others = [other for other in state.same_section(now) if other in state.clips]
            return others[-1] if others else newest
        return newest

    def _place(self, shot: int, now: int, t: float) -> Placement:
        """The clip of `shot` from `t` on, while shot `now` plays."""
        state, current = self._state, self._current
        length = state.clips[shot]
        change = self._next_change(now, t)
        if not self._is_same_section(shot, now):
            return Placement(t, t + length, shot, "late")
        if current and shot == current.shot and 0 < change - t <= FREEZE_S:
            return Placement(t, change, shot, "frozen")
        again = shot in state.last_shown and not (shot == now and current and current.shot != shot)
        if again or not (self._live or shot == now):
            return Placement(t, t + length, shot, "reused")
        end = t + min(max(change - t, length), STRETCH * length)
        return Placement(t, end, shot, "fresh" if end - t <= _FRESH * length else "stretched")

    def _next_change(self, now: int, t: float) -> float:
        """When another clip will be shown, as far as is known."""
        state = self._state
        if self._live:
            arrivals = [time for time in state.expected.values() if time > t]
            return min(arrivals, default=t + state.mean_shot_seconds())
        for index in range(now + 1, min(now + _LOOKAHEAD, len(state.shots))):
            shot = state.shots[index]
            if not self._is_same_section(index, now):
                return shot.start
            if index in state.clips or state.expected.get(index, math.inf) <= shot.start:
                return shot.start
        return state.shots[min(now + _LOOKAHEAD, len(state.shots)) - 1].end

    def _is_same_section(self, one: int, other: int) -> bool:
        return self._state.shots[one].section == self._state.shots[other].section


class PlaybackStats:
    """How many seconds of a show were filled by each kind of placement. Times are seconds of the song, from 0 on.

    A clip that has ended before the next starts leaves its last frame on screen, and so does the opening picture until
    the first clip: both count as frozen.
    """

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        self._current: Placement | None = None
        self._since = 0.0

    def start(self, placement: Placement, now: float) -> None:
        """`placement` is shown from its start on, or, if that is past, from `now`."""
        start = max(placement.start, now, self._since)
        for kind, seconds in self._current_seconds(start):
            self._seconds[kind] += seconds
        self._current, self._since = placement, start

    def seconds(self, end: float) -> dict[Kind, float]:
        """Seconds by kind, all kinds in order, of the show up to `end`; they add up to it."""
        totals = dict(self._seconds)
        for kind, seconds in self._current_seconds(end):
            totals[kind] += seconds
        return totals

    def _current_seconds(self, until: float) -> list[tuple[Kind, float]]:
        """How the time from the start of the current placement to `until` is filled."""
        if self._current is None:
            return [("frozen", until - self._since)]
        end = min(max(self._current.end, self._since), until)
        return [(self._current.kind, end - self._since), ("frozen", until - end)]
