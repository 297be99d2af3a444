"""Which words of a hypothesis are certain: LocalAgreement-2, two hypotheses in a row must agree on them.

Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis
Selection"; used for Whisper by Macháček et al. 2023 (whisper_streaming), whose overlap test is followed here.
"""

import unicodedata
from collections.abc import Sequence

from engine.listen.words_seam import Word

_OVERLAP_WORDS = 5


def plain(text: str) -> str:
    """The word as it is compared: folded case, letters and digits only; empty for punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


class LocalAgreement:
    """Commits the longest common prefix of the last two hypotheses; what it has committed stays."""

    def __init__(self) -> None:
        self._previous: list[Word] = []
        self._tail: list[str] = []
        self._committed_until = 0.0

    def insert(self, hypothesis: Sequence[Word]) -> list[Word]:
        """Take the words now heard in the audio that may still change; returns those that became certain.

        Words that start before what was committed, or that repeat its last words, are passed over.
        """
        fresh = self._fresh(hypothesis)
        agreed = 0
        for new, old in zip(fresh, self._previous, strict=False):
            if plain(new.text) != plain(old.text):
                break
            agreed += 1
        self._previous = fresh[agreed:]
        return self._commit(fresh[:agreed])

    def flush(self) -> list[Word]:
        """Commit what the last hypothesis still holds: the audio has ended, or the singing."""
        rest, self._previous = self._previous, []
        return self._commit(rest)

    def _commit(self, words: list[Word]) -> list[Word]:
        if words:
            self._committed_until = max(self._committed_until, words[-1].end)
            self._tail = [*self._tail, *(plain(word.text) for word in words)][-_OVERLAP_WORDS:]
        return words

    def _fresh(self, hypothesis: Sequence[Word]) -> list[Word]:
        later = [word for word in hypothesis if word.start > self._committed_until - 0.1]
        if later and later[0].start < self._committed_until + 1.0:
            for size in range(min(len(later), len(self._tail)), 0, -1):
                if self._tail[-size:] == [plain(word.text) for word in later[:size]]:
                    return later[size:]
        return later
