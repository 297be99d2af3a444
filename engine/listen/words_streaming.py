"""Hearing words live: Whisper looks again and again at the last seconds, and words are given once they are certain.

Bounded: the audio kept is at most WINDOW_S, a look costs what that window costs, and a slow machine looks less
often. Nothing here waits: time is the audio fed so far.
"""

import time
from collections.abc import Callable, Sequence

import faster_whisper
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.listen.local_agreement import LocalAgreement
from engine.listen.words_decoder import Decoder
from engine.listen.words_gate import VocalGate
from engine.listen.words_guards import without_inventions
from engine.listen.words_seam import SAMPLE_RATE, Word

WINDOW_S = 15.0
KEPT_S = 8.0
STEP_S = 0.5
LONGEST_STEP_S = 4.0
_LOAD = 0.8
_DEBT_S = 3.0


class StreamingWhisper:
    """Causal words from audio as it comes; see `Transcriber`.

    `language` is an ISO 639-1 code, None to detect it. `clock` gives seconds and measures what looks cost: when
    they cost more than the audio lasts, the step between looks grows up to LONGEST_STEP_S, and when that is not
    enough either, audio is skipped and counted in `skipped_s`.
    """

    def __init__(
        self,
        model: faster_whisper.WhisperModel,
        language: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.skipped_s = 0.0
        self.step_s = STEP_S
        self._decoder = Decoder(model, language)
        self._clock = clock
        self._gate = VocalGate()
        self._agreement = LocalAgreement()
        self._kept = np.zeros(0, np.float32)
        self._fed = 0  # samples
        self._looked = 0  # samples fed at the last look
        self._last_committed_s = 0.0
        self._debt_s = 0.0

    @property
    def language(self) -> str | None:
        """The ISO 639-1 code that is sung, None before it was detected."""
        return self._decoder.language

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Append mono float32 audio at 16 kHz; returns the words newly committed. See `Transcriber`."""
        given: list[Word] = []
        at = 0
        while at < len(audio):
            until_look = max(1, round(self.step_s * SAMPLE_RATE) - (self._fed - self._looked))
            piece = audio[at : at + until_look]
            at += len(piece)
            given += self._append(piece, vocal)
        return given

    def finish(self) -> list[Word]:
        """Return the words that were not committed yet."""
        return self._close() if len(self._kept) else []

    def _append(self, piece: NDArray[np.float32], vocal: float | None) -> list[Word]:
        seconds = len(piece) / SAMPLE_RATE
        was_open = self._gate.is_open
        sung = self._gate.hear(vocal, seconds)
        self._fed += len(piece)
        self._debt_s = max(0.0, self._debt_s - seconds)
        if not sung:
            given = self._close() if was_open else []
            self._keep(piece, 1.0)
            return given
        if self._debt_s > _DEBT_S:
            self.skipped_s += seconds
            self._keep(piece, 0.0)
            return []
        self._keep(piece, WINDOW_S)
        if self._fed - self._looked < round(self.step_s * SAMPLE_RATE):
            return []
        return self._stamp(self._agreement.insert(self._look()))

    def _look(self) -> list[Word]:
        began = self._clock()
        self._looked = self._fed
        start_s = (self._fed - len(self._kept)) / SAMPLE_RATE
        words = without_inventions(self._decoder.look(self._kept, start_s).words)
        cost_s = self._clock() - began
        self._debt_s += cost_s
        self.step_s = min(LONGEST_STEP_S, max(STEP_S, 0.5 * self.step_s + 0.5 * cost_s / _LOAD))
        return words

    def _close(self) -> list[Word]:
        """The singing has stopped: give what is left of it and begin anew."""
        given = self._stamp(self._agreement.insert(self._look()) + self._agreement.flush())
        self._kept = self._kept[:0]
        return given

    def _stamp(self, words: Sequence[Word]) -> list[Word]:
        now_s = self._fed / SAMPLE_RATE
        if words:
            self._last_committed_s = words[-1].end
        return [msgspec.structs.replace(word, committed=round(now_s, 3)) for word in words]

    def _keep(self, piece: NDArray[np.float32], longest_s: float) -> None:
        """Append audio; beyond `longest_s`, drop what was committed, down to KEPT_S if there is that much."""
        self._kept = np.concatenate([self._kept, piece])
        longest = round(longest_s * SAMPLE_RATE)
        if len(self._kept) > longest:
            start_s = (self._fed - len(self._kept)) / SAMPLE_RATE
            committed = round((self._last_committed_s - start_s) * SAMPLE_RATE)
            drop = max(len(self._kept) - longest, min(committed, len(self._kept) - round(KEPT_S * SAMPLE_RATE)))
            self._kept = self._kept[min(drop, len(self._kept)) :]
