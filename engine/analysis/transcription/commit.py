"""The commit policy of streaming transcription: which words of a hypothesis are certain and will not change.

Those that two consecutive hypotheses agree on (LocalAgreement-2, Liu et al. 2020), and those that lie far enough behind
the end of the audio (what AlignAtt does with attention, Papi et al. 2023): over music agreement alone waits for ever
where hypotheses keep differing. With 2 s between hypotheses age decides; agreement lets a word pass as it is when the
voice stops.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

from engine.analysis.transcription.types import Word

YOUNGEST_S = 0.4  # a word that ends closer to the end of the audio may be cut off
OLD_S = 0.7  # a word that ends this far behind the end of the audio is taken as it reads now
LEAST_CONFIDENCE = 0.3  # below it more words are wrong than right
LIKELY_ALONE = 0.5  # confidence of a last word that only one hypothesis has
ECHO_S = 1.5  # a word that only one hypothesis has is not committed twice within this time
_ECHOED_WORDS = 3
_SAME_START_S = 0.5
_DRIFT_S = 1.0
_TAIL_WORDS = 8
_SHORTEST_S = 0.02


def normalize(text: str) -> str:
    """The word as it is compared: folded case, letters and digits only; empty for punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


class CommitPolicy:
    """Takes hypothesis after hypothesis of the same, growing audio and commits each word once, for good.

    `youngest_s` and `old_s` are how far behind the end of the audio a word must end that two hypotheses agree on, and
    one that only the last has. Words below `least_confidence` are left out.
    """

    def __init__(
        self, youngest_s: float = YOUNGEST_S, old_s: float = OLD_S, least_confidence: float = LEAST_CONFIDENCE
    ) -> None:
        self._youngest_s = youngest_s
        self._old_s = old_s
        self._least_confidence = least_confidence
        self._tail: list[Word] = []
        self._previous: Sequence[Word] = ()

    def insert(self, hypothesis: Sequence[Word], now_s: float) -> list[Word]:
        """The words newly certain in a hypothesis of audio that ends at `now_s`, in order, stamped with that time."""
        certain: list[Word] = []
        for word in self._fresh(hypothesis):
            agreed = self._is_agreed(word)
            if word.end > now_s - (self._youngest_s if agreed else self._old_s):
                break
            if agreed or not self._is_echo(word):
                certain.append(word)
        self._previous = hypothesis
        return self._commit(certain, now_s)

    def flush(self, hypothesis: Sequence[Word], now_s: float) -> list[Word]:
        """The words of a last hypothesis beyond those committed, when the singing has stopped or the audio ended.

        Over the rest after a line Whisper likes to sing on: a word that no hypothesis before has must be likely.
        """
        certain = [word for word in self._fresh(hypothesis) if self._is_agreed(word) or self._is_likely_alone(word)]
        self._previous = ()
        return self._commit(certain, now_s)

    def _is_likely(self, word: Word) -> bool:
        return word.confidence >= self._least_confidence

    def _is_likely_alone(self, word: Word) -> bool:
        return word.confidence >= LIKELY_ALONE and not self._is_echo(word)

    def _is_echo(self, word: Word) -> bool:
        """Whether the word repeats one just committed: with more of its audio, Whisper places it later than before."""
        return any(_same(word, committed, ECHO_S) for committed in self._tail[-_ECHOED_WORDS:])

    def _is_agreed(self, word: Word) -> bool:
        return any(_same(word, before, _SAME_START_S) for before in self._previous)

    def _commit(self, words: Sequence[Word], now_s: float) -> list[Word]:
        """Keep the words that are likely and move on in time; one without length is one Whisper could not place."""
        committed: list[Word] = []
        for word in words:
            last_end = self._tail[-1].end if self._tail else 0.0
            is_placed = word.end > max(last_end, word.start) + _SHORTEST_S
            if is_placed and normalize(word.text) and self._is_likely(word):
                start = max(word.start, self._tail[-1].start if self._tail else 0.0)
                committed.append(msgspec.structs.replace(word, start=start, committed=round(now_s, 3)))
                self._tail = [*self._tail, committed[-1]][-_TAIL_WORDS:]
        return committed

    def _fresh(self, hypothesis: Sequence[Word]) -> Sequence[Word]:
        """The words after those committed: after the place that reads most like their end, else after their time."""
        if not self._tail:
            return hypothesis
        last = self._tail[-1]
        places = [
            (self._matching(hypothesis[: i + 1]), -abs(word.start - last.start), i) for i, word in enumerate(hypothesis)
        ]
        length, _, place = max(places, default=(0, 0.0, -1))
        if length:
            return hypothesis[place + 1 :]
        return [
            word for word in hypothesis if word.start > last.end - 0.3 and word.end + word.start > 2 * last.end - 0.2
        ]

    def _matching(self, hypothesis: Sequence[Word]) -> int:
        """How many words at the end of `hypothesis` are those committed last."""
        count = 0
        for word, committed in zip(reversed(hypothesis), reversed(self._tail), strict=False):
            if not _same(word, committed, _DRIFT_S):
                break
            count += 1
        return count


def _same(a: Word, b: Word, within_s: float) -> bool:
    return normalize(a.text) == normalize(b.text) and abs(a.start - b.start) < within_s
