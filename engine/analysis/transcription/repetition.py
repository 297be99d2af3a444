"""A song repeats itself: what is doubtful in a line that was sung before is taken as it was heard when it was surer.

Only between words that both times share, and only for words that sound alike, so that another verse stays what it is.
"""

import difflib
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from engine.analysis.transcription.commit import plain
from engine.analysis.transcription.types import Word

DOUBTFUL = 0.6  # mean confidence of words that may be taken as they were heard before
ADVANTAGE = 0.2
ALIKE = 0.5  # share of letters in common, of words that may be the same misheard
_AROUND = 2  # words on each side that are the same
_MOST_WORDS = 4  # of what is mended
_REMEMBERED = 400  # words: verse and refrain several times over, and bounded


class RepetitionRepair:
    """Remembers what was sung, and mends the doubtful words of a line that comes again."""

    def __init__(self) -> None:
        self._sung: list[Word] = []
        self._waiting: list[Word] = []

    def give(self, words: Sequence[Word], whole: bool) -> list[Word]:
        """Take in the next words of the lyric; those that can be given now, mended, in order.

        The latest wait for the words after them, unless the stretch is `whole` with these.
        """
        before = self._sung[-_AROUND:]
        mended = self.mended([*before, *self._waiting, *words])[len(before) :]
        count = len(mended) if whole else max(0, len(mended) - _MOST_WORDS - _AROUND)
        given, self._waiting = mended[:count], mended[count:]
        self.remember(given)
        return given

    def remember(self, words: Sequence[Word]) -> None:
        """Take in words of the lyric, in order."""
        self._sung = [*self._sung, *words][-_REMEMBERED:]

    def mended(self, line: Sequence[Word]) -> list[Word]:
        """`line` (some seconds of lyric, in order) with its doubtful words as they were heard before, where surer."""
        mended: list[Word] = []
        at = 0
        for first in range(_AROUND, len(line) - _AROUND):
            for last in range(first + 1, min(first + _MOST_WORDS, len(line) - _AROUND) + 1):
                better = self._surer(line, first, last) if at <= first else None
                if better:
                    mended += [*line[at:first], *_placed(better, line[first].start, line[last - 1].end)]
                    at = last
        return [*mended, *line[at:]]

    def _surer(self, line: Sequence[Word], first: int, last: int) -> list[Word] | None:
        """What was heard for `line[first:last]` when it was surest, None if it need not or cannot be mended."""
        doubtful = line[first:last]
        least = _sure(doubtful) + ADVANTAGE
        if least > DOUBTFUL + ADVANTAGE:
            return None
        found = [
            before
            for before in self._between(_texts(line[first - _AROUND : first]), _texts(line[last : last + _AROUND]))
            if _differ(before, doubtful) and _sure(before) >= least and _are_alike(before, doubtful)
        ]
        return max(found, key=_sure, default=None)

    def _between(self, left: list[str], right: list[str]) -> Iterator[list[Word]]:
        """What was sung between these words."""
        texts = _texts(self._sung)
        for first in range(_AROUND, len(texts) - _AROUND):
            if texts[first - _AROUND : first] == left:
                for last in range(first + 1, first + _MOST_WORDS + 1):
                    if texts[last : last + _AROUND] == right:
                        yield self._sung[first:last]


def _texts(words: Sequence[Word]) -> list[str]:
    return [plain(word.text) for word in words]


def _differ(some: Sequence[Word], others: Sequence[Word]) -> bool:
    """Whether they differ from their first word to their last: a difference is mended, not what is around it."""
    return all(plain(some[at].text) != plain(others[at].text) for at in (0, -1))


def _are_alike(some: Sequence[Word], others: Sequence[Word]) -> bool:
    letters = difflib.SequenceMatcher(None, "".join(_texts(some)), "".join(_texts(others)), autojunk=False)
    return letters.ratio() >= ALIKE


def _sure(words: Sequence[Word]) -> float:
    return float(np.mean([word.confidence for word in words]))


def _placed(words: Sequence[Word], start_s: float, end_s: float) -> list[Word]:
    """The words at even times of a stretch in seconds."""
    times = np.linspace(start_s, end_s, len(words) + 1)
    return [replace(word, start=float(times[i]), end=float(times[i + 1])) for i, word in enumerate(words)]
