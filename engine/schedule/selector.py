"""What to show when: which clip stands at each moment of the song, and how it got there.

The order in which a moment without a clip of its own is filled, ahead of playback:

1. stretch: the clip before it, of the same section, goes on, slowed to at most `STRETCH` times its length;
2. hold: its last picture stands, for at most `HOLD_S`;
3. reuse: a clip of the section, or of its repeat, is shown again, the one not seen for longest first;
4. late: the clip of another section goes on.

Live, the clip of the newest prompt that is there is shown, again and again until a newer one comes; a repeated
section is shown with its own clip at once. Every change is a crossfade, which the compositor makes.

The account of a show: how many seconds stood on the screen in which way, and none is left out.
"""

import math
from typing import Literal, get_args

import msgspec

from engine.schedule.planner import STRETCH
from engine.schedule.state import Board

Kind = Literal["fresh", "stretched", "reused", "held", "late"]

HOLD_S = 0.5
_FRESH = 1.1  # a clip slowed by less than a tenth is as good as new
_WORTH_S = 1.0  # a clip that comes with less than this, and less than half, left of its shot is not shown for it
_SHOWN = 1024  # clips whose showing is remembered before those that are gone are let go
_AHEAD = 12  # shots looked at for the next cut


class Span(msgspec.Struct, frozen=True):
    """The clip made for `shot`, shown from `start` to `end` from its first picture to its last; held: the last only."""

    start: float
    end: float
    shot: int
    kind: Kind


class Cutter:
    """Answers `at(t)` for rising t, which may run a little ahead of what is heard."""

    def __init__(self, board: Board, live: bool) -> None:
        self._board = board
        self._live = live
        self._span: Span | None = None
        self._seen = (-1, -1)
        self._asked = -1.0
        self._shown: dict[int, float] = {}  # when a shot's clip was last begun

    def at(self, t: float) -> Span | None:
        """What stands at `t`; None only before there is any clip at all."""
        board, span = self._board, self._span
        state = (board.index_at(t), board.version)
        if span and t < span.end and state == self._seen:
            self._asked = t
            return span
        asked, self._seen, self._asked = self._asked, state, t
        now = state[0]
        if not board.clips or (self._live and min(board.clips) > now):
            return None
        shot = self._newest(now, t) if self._live else self._wanted(now, t)
        if span is None or shot != span.shot or t >= span.end or (shot == now and span.kind == "late"):
            # It begins where it should have since `at` was last asked: with a shot or after a clip; else just now.
            # Ahead of playback, nothing is heard before the first clip is there.
            moments = (board.shots[now].start, span.end if span else -math.inf)
            since = asked if span or self._live else -math.inf
            start = max((moment for moment in moments if since < moment <= t), default=t)
            begun = self._begin(shot, now, start)
            self._span = begun if begun.end > t else self._begin(shot, now, t)
            self._shown[shot] = t
            if len(self._shown) > _SHOWN:
                self._shown = {each: when for each, when in self._shown.items() if each in board.clips}
        return self._span

    def _wanted(self, now: int, t: float) -> int:
        """The clip for the moment, ahead of playback."""
        board, span = self._board, self._span
        playing = span.shot if span else None
        worth = min(_WORTH_S, board.shots[now].seconds / 2)
        if now in board.clips and (playing is None or board.shots[now].end - t >= worth or playing == now):
            return now
        if playing is not None and span and self._same_section(playing, now) and t < span.end:
            return playing
        if others := [other for other in board.of_section(now) if other in board.clips]:
            if playing is not None and playing in others and self._next_cut(now, t) - t <= HOLD_S:
                return playing
            return min(others, key=lambda other: (other == playing, self._shown.get(other, -1.0), abs(other - now)))
        return playing if playing is not None else max(board.clips)

    def _newest(self, now: int, t: float) -> int:
        """The clip for the moment, live."""
        board, span = self._board, self._span
        if now in board.clips:
            return now
        newest = max(index for index in board.clips if index <= now)
        if span and span.shot >= newest:
            newest = span.shot
        if not self._same_section(newest, now):
            others = [other for other in board.of_section(now) if other in board.clips]
            return others[-1] if others else newest
        return newest

    def _begin(self, shot: int, now: int, t: float) -> Span:
        board = self._board
        length = board.clips[shot]
        cut = self._next_cut(now, t)
        if not self._same_section(shot, now):
            return Span(t, t + length, shot, "late")
        if self._span and shot == self._span.shot and 0 < cut - t <= HOLD_S:
            return Span(t, cut, shot, "held")
        again = shot in self._shown and not (shot == now and self._span and self._span.shot != shot)
        if again or not (self._live or shot == now):
            return Span(t, t + length, shot, "reused")
        end = t + min(max(cut - t, length), STRETCH * length)
        return Span(t, end, shot, "fresh" if end - t <= _FRESH * length else "stretched")

    def _next_cut(self, now: int, t: float) -> float:
        """When something else will be shown, as far as can be told."""
        board = self._board
        if self._live:
            arrivals = [time for time in board.expected.values() if time > t]
            return min(arrivals, default=t + board.usual_seconds())
        for index in range(now + 1, min(now + _AHEAD, len(board.shots))):
            shot = board.shots[index]
            if shot.section != board.shots[now].section:
                return shot.start
            if index in board.clips or board.expected.get(index, 1e9) <= shot.start:
                return shot.start
        return board.shots[min(now + _AHEAD, len(board.shots)) - 1].end

    def _same_section(self, one: int, other: int) -> bool:
        return self._board.shots[one].section == self._board.shots[other].section


KINDS: tuple[Kind, ...] = get_args(Kind)


class Account:
    """Takes each span as it is put on the screen. Times are seconds of the song, from 0 on.

    A clip that has ended before the next begins stands with its last picture, and so does the opening picture until
    the first clip: both count as held.
    """

    def __init__(self) -> None:
        self._seconds: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        self._span: Span | None = None
        self._since = 0.0

    def begin(self, span: Span, now: float) -> None:
        """`span` is shown from its start on, or, if that is past, from `now`."""
        begins = max(span.start, now, self._since)
        for kind, seconds in self._standing(begins):
            self._seconds[kind] += seconds
        self._span, self._since = span, begins

    def until(self, end: float) -> dict[Kind, float]:
        """Seconds by kind, all kinds in their order, of the show up to `end`; they add up to it."""
        totals = dict(self._seconds)
        for kind, seconds in self._standing(end):
            totals[kind] += seconds
        return totals

    def _standing(self, until: float) -> list[tuple[Kind, float]]:
        """What stands between the beginning of the present span and `until`."""
        if self._span is None:
            return [("held", until - self._since)]
        ends = min(max(self._span.end, self._since), until)
        return [(self._span.kind, ends - self._since), ("held", until - ends)]
