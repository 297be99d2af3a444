"""Two readings of the same lyric made one: where they differ, the one that Whisper was surer of.

A simple ROVER (Fiscus 1997) of two: between words that both readings share, the whole differing passage is taken from
one of them, so that no sentence is mixed from two.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.listen.words_commit import plain
from engine.listen.words_seam import Word

ADVANTAGE = 0.2  # the first reading has long context and is right more often
SILENCE = 0.6  # how sure a reading without words is
_FAR_S = 2.5
_OTHER_WORD = 1.2

_Pair = tuple[Word | None, Word | None]


def reconcile(first: Sequence[Word], second: Sequence[Word]) -> list[Word]:
    """The words of `first`, with passages of `second` where those are likelier; both in seconds of the song."""
    words: list[Word] = []
    passage: list[_Pair] = []
    for pair in [*_aligned(first, second), (None, None)]:
        one, other = pair
        if (one and other and plain(one.text) != plain(other.text)) or (one is None) != (other is None):
            passage.append(pair)
            continue
        words += _likelier([a for a, _ in passage if a], [b for _, b in passage if b])
        passage = []
        if one:
            words.append(one)
    return sorted(words, key=lambda word: word.start)


def _likelier(first: list[Word], second: list[Word]) -> list[Word]:
    return first if _sure(first) + ADVANTAGE >= _sure(second) else second


def _sure(words: list[Word]) -> float:
    return float(np.mean([word.confidence for word in words])) if words else SILENCE


def _aligned(first: Sequence[Word], second: Sequence[Word]) -> Iterator[_Pair]:
    """Pairs by least edit distance; words that start far apart are never paired."""
    n, m = len(first), len(second)
    swap = np.array([[_difference(a, b) for b in second] for a in first]).reshape(n, m)
    cost = np.zeros((n + 1, m + 1))
    cost[:, 0], cost[0] = np.arange(n + 1), np.arange(m + 1)
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + swap[i - 1, j - 1])
    pairs: list[_Pair] = []
    i, j = n, m
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + swap[i - 1, j - 1]:
            i, j = i - 1, j - 1
            pairs.append((first[i], second[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((first[i], None))
        else:
            j -= 1
            pairs.append((None, second[j]))
    return reversed(pairs)


def _difference(a: Word, b: Word) -> float:
    if abs(a.start - b.start) > _FAR_S:
        return np.inf
    return 0.0 if plain(a.text) == plain(b.text) else _OTHER_WORD
