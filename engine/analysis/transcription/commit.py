"""Which words of a look are certain: those that two looks in a row agree on, and those that are old enough.

Agreement of hypotheses is LocalAgreement-2 (Liu et al. 2020); trusting a word by how far it lies behind the end of
the audio is what AlignAtt does with attention (Papi et al. 2023). Over music agreement alone waits for ever where looks
keep differing. At looks 2 s apart age decides; having been read before lets a word pass as it is when the voice stops.
"""

import unicodedata
from collections.abc import Sequence

import msgspec

from engine.analysis.transcription.types import Word

YOUNGEST_S = 0.4  # a word that ends closer to the end of the audio may be cut off
OLD_S = 0.7  # a word that ends this far behind the end of the audio is taken as it reads now
LEAST_CONFIDENCE = 0.3  # below it more words are wrong than right
LIKELY_ALONE = 0.5  # confidence of a last word that only one look has read
ECHO_S = 1.5  # a word that only one look has read is not given twice within this time
_ECHOED_WORDS = 3
_SAME_START_S = 0.5
_DRIFT_S = 1.0
_TAIL_WORDS = 8
_SHORTEST_S = 0.02


def plain(text: str) -> str:
    """The word as it is compared: folded case, letters and digits only; empty for punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


class CommitPolicy:
    """Takes look after look at the same, growing audio and gives each word once; what it gave stays.

    `youngest_s` and `old_s` are how far behind the end of the audio a word must end that two looks agree on, and one
    that only this look has read. What is less sure than `least_confidence` is left out.
    """

    def __init__(
        self, youngest_s: float = YOUNGEST_S, old_s: float = OLD_S, least_confidence: float = LEAST_CONFIDENCE
    ) -> None:
        self._youngest_s = youngest_s
        self._old_s = old_s
        self._least_confidence = least_confidence
        self._tail: list[Word] = []
        self._previous: Sequence[Word] = ()

    def insert(self, look: Sequence[Word], now_s: float) -> list[Word]:
        """The words newly certain in a look at audio that ends at `now_s`, in order, stamped with that time."""
        certain: list[Word] = []
        for word in self._fresh(look):
            agreed = self._was_read(word)
            if word.end > now_s - (self._youngest_s if agreed else self._old_s):
                break
            if agreed or not self._echoes(word):
                certain.append(word)
        self._previous = look
        return self._commit(certain, now_s)

    def flush(self, look: Sequence[Word], now_s: float) -> list[Word]:
        """What a last look holds beyond what was given, now that the singing has stopped or the audio ended.

        Over the rest after a line Whisper likes to sing on: what no look before has read must be likely.
        """
        certain = [word for word in self._fresh(look) if self._was_read(word) or self._is_likely_alone(word)]
        self._previous = ()
        return self._commit(certain, now_s)

    def _is_likely(self, word: Word) -> bool:
        return word.confidence >= self._least_confidence

    def _is_likely_alone(self, word: Word) -> bool:
        return word.confidence >= LIKELY_ALONE and not self._echoes(word)

    def _echoes(self, word: Word) -> bool:
        """Whether the word repeats one just given: Whisper, hearing more of it, places it later than it did."""
        return any(_same(word, given, ECHO_S) for given in self._tail[-_ECHOED_WORDS:])

    def _was_read(self, word: Word) -> bool:
        return any(_same(word, before, _SAME_START_S) for before in self._previous)

    def _commit(self, words: Sequence[Word], now_s: float) -> list[Word]:
        """Keep the words that are likely and move on in time; one without length is one Whisper could not place."""
        given: list[Word] = []
        for word in words:
            last_end = self._tail[-1].end if self._tail else 0.0
            placed = word.end > max(last_end, word.start) + _SHORTEST_S
            if placed and plain(word.text) and self._is_likely(word):
                start = max(word.start, self._tail[-1].start if self._tail else 0.0)
                given.append(msgspec.structs.replace(word, start=start, committed=round(now_s, 3)))
                self._tail = [*self._tail, given[-1]][-_TAIL_WORDS:]
        return given

    def _fresh(self, look: Sequence[Word]) -> Sequence[Word]:
        """The words after those given: after the place that reads most like their end, else after their time."""
        if not self._tail:
            return look
        last = self._tail[-1]
        places = [(self._matching(look[: i + 1]), -abs(look[i].start - last.start), i) for i in range(len(look))]
        length, _, place = max(places, default=(0, 0.0, -1))
        if length:
            return look[place + 1 :]
        return [word for word in look if word.start > last.end - 0.3 and word.end + word.start > 2 * last.end - 0.2]

    def _matching(self, look: Sequence[Word]) -> int:
        """How many words at the end of `look` are those given last."""
        pairs = zip(reversed(look), reversed(self._tail), strict=False)
        count = 0
        for heard, given in pairs:
            if not _same(heard, given, _DRIFT_S):
                break
            count += 1
        return count


def _same(a: Word, b: Word, within_s: float) -> bool:
    return plain(a.text) == plain(b.text) and abs(a.start - b.start) < within_s
