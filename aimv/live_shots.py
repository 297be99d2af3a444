"""Cutting a live show into shots: where what is heard changes, a shot begins that says what has just been heard."""

import msgspec
import numpy as np

from aimv.shots import LONGEST_S, SHORTEST_S, USUAL_S, sum_up
from engine.audio.tempo import Tempo
from engine.listen.hearing import Heard
from engine.listen.words_seam import english_of, text_of

_CHANGED = 0.3  # of what is heard: enough to cut on a beat
_WHATEVER_S = 5.0  # after this any beat will do
_HEARD_S, _FRESH_S = 2.2, 1.3  # of the latest windows make a shot's content; the second where they have just changed
_KEPT_S = 12.0


class LiveShots:
    """Takes windows as they are heard and says where a shot begins and what it holds.

    A shot lasts 2 to 6 s. It is cut on a beat at which what is heard has changed, in any case on a beat after 5 s,
    without a beat after 6 s; or when somebody asks. Its `Heard` has the usual length as its end: how long it will be is
    not known.
    """

    def __init__(self, tempo: Tempo) -> None:
        self.held = False  # no cuts for now
        self._tempo = tempo
        self._windows: list[Heard] = []
        self._start: float | None = None
        self._asked = False
        self._until = 0.0  # the end of the last window
        self._said_until = 0.0  # words up to there are in a shot already

    def ask(self) -> None:
        """Cut with the next window."""
        self._asked = True

    def hear(self, window: Heard) -> Heard | None:
        """Take in the next window; the shot that begins with it, or just before it ended, if one does."""
        before, self._until = self._until, window.end
        self._windows = [each for each in [*self._windows, window] if each.end > window.end - _KEPT_S]
        cut = self._cut(before, window.end)
        if cut is None:
            return None
        self._asked = False
        self._start = cut
        since = max(0.0, window.end - (_FRESH_S if self._change() >= _CHANGED else _HEARD_S))
        words = tuple(word for each in self._windows if each.end > self._said_until for word in each.words)
        self._said_until = window.end
        content = sum_up([each for each in self._windows if each.start >= since - 1e-6], since, window.end)
        return msgspec.structs.replace(
            content,
            start=cut,
            end=cut + USUAL_S,
            words=words,
            said=text_of(words),
            english=english_of(words),
        )

    def _cut(self, before: float, now: float) -> float | None:
        if self._start is None:
            return 0.0
        if self.held and not self._asked:
            return None
        if self._asked:
            return now
        since = now - self._start
        if since < SHORTEST_S:
            return None
        beats = [beat for beat in self._tempo.beats(before, now) if beat - self._start >= SHORTEST_S]
        if beats and (since >= _WHATEVER_S or self._change() >= _CHANGED):
            return beats[-1]
        return now if since >= LONGEST_S else None

    def _change(self) -> float:
        """How much the last second differs from the one before, about 0 to 2."""
        now = self._windows[-1]
        then = min(self._windows, key=lambda each: abs(each.end - (now.end - 1.0)))
        differ = [abs(now.probabilities[label] - then.probabilities[label]) for label in now.probabilities]
        louder = min(1.0, abs(now.lufs - then.lufs) / 12)
        return float(np.sort(differ)[-3:].sum()) / 3 + louder
