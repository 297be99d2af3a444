"""Repair from repetition: doubtful words of a line that was sung before are replaced by those that were clearer.

Only between words that both lines share, and only by words that sound alike, so that another verse stays what it is.
"""

import difflib
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from engine.analysis.transcription.commit import normalize
from engine.analysis.transcription.types import Word

DOUBTFUL = 0.6  # mean confidence of words that may be replaced
ADVANTAGE = 0.2
ALIKE = 0.5  # share of letters in common, of words that may be the same misheard
_AROUND = 2  # words on each side that are the same
_MOST_WORDS = 4  # replaced at once
_REMEMBERED = 400  # words: verse and refrain several times over, and bounded


class RepetitionRepair:
    """Remembers the lyric so far, and repairs the doubtful words of a line that returns."""

    def __init__(self) -> None:
        self._history: list[Word] = []
        self._waiting: list[Word] = []

    def push(self, words: Sequence[Word], whole: bool) -> list[Word]:
        """Take in the next words of the lyric; returns those that are final, repaired, in order.

        The latest wait for the words after them, unless the segment is `whole` with these.
        """
        before = self._history[-_AROUND:]
        repaired = self.repair([*before, *self._waiting, *words])[len(before) :]
        count = len(repaired) if whole else max(0, len(repaired) - _MOST_WORDS - _AROUND)
        final, self._waiting = repaired[:count], repaired[count:]
        self.remember(final)
        return final

    def remember(self, words: Sequence[Word]) -> None:
        """Take in words of the lyric, in order."""
        self._history = [*self._history, *words][-_REMEMBERED:]

    def repair(self, line: Sequence[Word]) -> list[Word]:
        """`line` (some seconds of lyric, in order), its doubtful words replaced where those before are surer."""
        repaired: list[Word] = []
        at = 0
        for first in range(_AROUND, len(line) - _AROUND):
            for last in range(first + 1, min(first + _MOST_WORDS, len(line) - _AROUND) + 1):
                better = self._surer(line, first, last) if at <= first else None
                if better:
                    repaired += [*line[at:first], *_spread(better, line[first].start, line[last - 1].end)]
                    at = last
        return [*repaired, *line[at:]]

    def _surer(self, line: Sequence[Word], first: int, last: int) -> list[Word] | None:
        """The surest replacement of `line[first:last]`, None if it needs none or there is none."""
        doubtful = line[first:last]
        least = _confidence(doubtful) + ADVANTAGE
        if least > DOUBTFUL + ADVANTAGE:
            return None
        found = [
            before
            for before in self._between(_texts(line[first - _AROUND : first]), _texts(line[last : last + _AROUND]))
            if _differ(before, doubtful) and _confidence(before) >= least and _are_alike(before, doubtful)
        ]
        return max(found, key=_confidence, default=None)

    def _between(self, left: list[str], right: list[str]) -> Iterator[list[Word]]:
        """What was sung between these words."""
        texts = _texts(self._history)
        for first in range(_AROUND, len(texts) - _AROUND):
            if texts[first - _AROUND : first] == left:
                for last in range(first + 1, first + _MOST_WORDS + 1):
                    if texts[last : last + _AROUND] == right:
                        yield self._history[first:last]


def _texts(words: Sequence[Word]) -> list[str]:
    return [normalize(word.text) for word in words]


def _differ(some: Sequence[Word], others: Sequence[Word]) -> bool:
    """Whether they differ at their first and last word: only a difference is replaced, not what is around it."""
    return all(normalize(some[at].text) != normalize(others[at].text) for at in (0, -1))


def _are_alike(some: Sequence[Word], others: Sequence[Word]) -> bool:
    letters = difflib.SequenceMatcher(None, "".join(_texts(some)), "".join(_texts(others)), autojunk=False)
    return letters.ratio() >= ALIKE


def _confidence(words: Sequence[Word]) -> float:
    return float(np.mean([word.confidence for word in words]))


def _spread(words: Sequence[Word], start_s: float, end_s: float) -> list[Word]:
    """The words at even times between two times in seconds."""
    times = np.linspace(start_s, end_s, len(words) + 1)
    return [replace(word, start=float(times[i]), end=float(times[i + 1])) for i, word in enumerate(words)]
