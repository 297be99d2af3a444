"""The account of a show: how many seconds stood on the screen in which way, and none is left out."""

from typing import get_args

from engine.render.cut import Kind, Span

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
