"""A song repeats itself: what is doubtful in a line that was sung before is taken as it was heard when it was surer.

Only between words that both times share, so that a verse that goes on otherwise stays what it is.
"""

import difflib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec.structs import replace

from engine.listen.words_commit import plain
from engine.listen.words_seam import Word

DOUBTFUL = 0.6  # mean confidence of words that may be taken as they were heard before
ADVANTAGE = 0.2
_SHARED_WORDS = 4  # around a difference, for it to be the same line
_MOST_WORDS = 4  # of a difference
_REMEMBERED = 400  # words; longer than any refrain's return, and bounded


class Refrains:
    """Remembers what was sung, and mends the doubtful words of a line that comes again."""

    def __init__(self) -> None:
        self._sung: list[Word] = []

    def remember(self, words: Sequence[Word]) -> None:
        """Take in words of the lyric, in order."""
        self._sung = [*self._sung, *words][-_REMEMBERED:]

    def mended(self, line: Sequence[Word]) -> list[Word]:
        """`line` (some seconds of lyric, in order) with its doubtful words as they were heard before, where surer."""
        mended: list[Word] = []
        at = 0
        for first, last, before in self._differences(line):
            if _sure(line[first:last]) < min(DOUBTFUL, _sure(before) - ADVANTAGE):
                mended += [*line[at:first], *_placed(before, line[first].start, line[last - 1].end)]
                at = last
        return [*mended, *line[at:]]

    def _differences(self, line: Sequence[Word]) -> Iterator[tuple[int, int, list[Word]]]:
        """(first, last + 1) of words of the line that stand between shared ones, and what was heard there before."""
        texts = [plain(word.text) for word in line]
        match = difflib.SequenceMatcher(None, [plain(word.text) for word in self._sung], texts, autojunk=False)
        blocks = [block for block in match.get_matching_blocks() if block.size]
        for one, next_one in pairwise(blocks):
            before = self._sung[one.a + one.size : next_one.a]
            first, last = one.b + one.size, next_one.b
            is_same_line = one.size + next_one.size >= _SHARED_WORDS
            if is_same_line and 0 < last - first <= _MOST_WORDS and 0 < len(before) <= _MOST_WORDS:
                yield first, last, before


def _sure(words: Sequence[Word]) -> float:
    return float(np.mean([word.confidence for word in words]))


def _placed(words: Sequence[Word], start_s: float, end_s: float) -> list[Word]:
    """The words at even times of a stretch in seconds."""
    times = np.linspace(start_s, end_s, len(words) + 1)
    return [replace(word, start=float(times[i]), end=float(times[i + 1])) for i, word in enumerate(words)]
