"""Word error rate, commit delay, and hallucinated words."""

import re
import unicodedata
from collections.abc import Sequence

import jiwer
import msgspec
import numpy as np

from engine.analysis.transcription.types import Word
from tools.evaluate.words.cases import Case

_NEAR_S = 2.0


class Score(msgspec.Struct):
    """Sums over cases; the properties are the figures."""

    errors: int = 0
    sung: int = 0
    invented: int = 0
    instrumental_s: float = 0.0
    audio_s: float = 0.0
    computing_s: float = 0.0
    late_s: list[float] = msgspec.field(default_factory=list)

    def add(self, case: Case, words: Sequence[Word], computing_s: float) -> None:
        """Count one case's words; in a case without sung words each word is invented."""
        self.audio_s += case.seconds
        self.computing_s += computing_s
        found = [(text, word) for word in words for text in plain(word.text)]
        truth = [(text, word) for word in case.words for text in plain(word.text)]
        if not truth:
            self.invented += len(found)
            self.instrumental_s += case.seconds
            return
        errors, pairs = align([text for text, _ in truth], [text for text, _ in found])
        self.errors += errors
        self.sung += len(truth)
        for i, j in pairs:
            committed = found[j][1].committed
            if committed is not None and abs(found[j][1].start - truth[i][1].start) < _NEAR_S:
                self.late_s.append(committed - truth[i][1].end)

    @property
    def word_error_rate(self) -> float | None:
        """(substitutions + deletions + insertions) / sung words; None where nothing is sung."""
        return self.errors / self.sung if self.sung else None

    @property
    def invented_per_minute(self) -> float | None:
        """Words per minute of audio without any voice; None where there is none."""
        return 60 * self.invented / self.instrumental_s if self.instrumental_s else None

    @property
    def times_real_time(self) -> float:
        """Seconds of audio per second of computing."""
        return self.audio_s / max(1e-9, self.computing_s)

    def late(self, percentile: float) -> float | None:
        """A percentile of the delay from a word's end to its commit, in s; None for whole-song transcription."""
        return float(np.percentile(self.late_s, percentile)) if self.late_s else None


def plain(text: str) -> list[str]:
    """Lower-case words without punctuation, apostrophes inside kept, as lyric evaluations count them."""
    folded = unicodedata.normalize("NFKC", text.lower()).replace("\u2019", "'")
    return [word for word in (w.strip("'") for w in re.sub(r"[^\w\s']", " ", folded).split()) if word]


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Edit distance in words, and the (reference, hypothesis) indices of the words that are right; by jiwer."""
    if not reference:
        return len(hypothesis), []
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    pairs = [
        (chunk.ref_start_idx + offset, chunk.hyp_start_idx + offset)
        for chunk in found.alignments[0]
        if chunk.type == "equal"
        for offset in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]
    return found.substitutions + found.deletions + found.insertions, pairs
