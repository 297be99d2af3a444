"""Sung words in type while a show goes on: set as soon as they are known, at the pace at which they were sung."""

from collections.abc import Callable, Sequence

from aimv.lyrics import lettered
from engine.listen.words_seam import Word, text_of

_WAIT_S = 2.0  # that a word may wait for those before it: beyond this it is shown at once
_LEAST_S = 0.2  # between the last word of a look and the first of the next


class LiveLettering:
    """Takes words as they are committed, some two seconds after they were sung, and gives them to `say`."""

    def __init__(self, say: Callable[[str, float, float], None], now: Callable[[], float]) -> None:
        """`say` is `Compositor.say`; `now` gives the time of the show in s."""
        self._say, self._now = say, now
        self._free = 0.0  # when the words before have been shown

    def hear(self, words: Sequence[Word]) -> None:
        """The next words, with when they were sung."""
        if not words:
            return
        now = self._now()
        begins = min(max(now, self._free), now + _WAIT_S)
        shift = begins - words[0].start
        times = [word.start + shift for word in words]
        end = max(words[-1].end + shift, times[-1] + _LEAST_S)
        for text, at, until in lettered(text_of(words), times, begins, end):
            self._say(text, at, until)
        self._free = end
