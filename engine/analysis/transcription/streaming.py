"""Streaming transcription: the last seconds are decoded again and again, words are returned once committed.

Bounded: the audio kept is at most WINDOW_S, a decode costs what that window costs, and a slow machine decodes less
often. Nothing here waits: time is the audio fed so far.
"""

import time
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.filters import VoiceGate, remove_hallucinations
from engine.analysis.transcription.languages import is_foreign
from engine.analysis.transcription.types import SAMPLE_RATE, Decoder, Word, text_of

WINDOW_S = 20.0
CONTEXT_S = 13.0  # of a full window that stays
BEFORE_VOICE_S = 2.0
STEP_S = 1.9  # no bar of a common tempo: words would end just too late for every decode
TRANSLATE_EVERY_S = 4.0
LONGEST_STEP_S = 4.0
_LOAD = 0.8
_DEBT_S = 3.0


class StreamingTranscriber:
    """Causal words from audio as it arrives, by any decoder (`WhisperDecoder` is the real one); see `Transcriber`.

    `clock` returns seconds and measures what decoding costs: when it takes longer than the audio lasts, the step
    between decodes grows up to LONGEST_STEP_S, and when that is not enough, audio is skipped and counted in
    `skipped_s`.
    """

    def __init__(
        self, decoder: Decoder, clock: Callable[[], float] = time.perf_counter, policy: CommitPolicy | None = None
    ) -> None:
        self.skipped_s = 0.0
        self.step_s = STEP_S
        self._decoder = decoder
        self._clock = clock
        self._gate = VoiceGate()
        self._policy = policy or CommitPolicy()
        self._buffer = np.zeros(0, np.float32)
        self._fed = 0  # samples
        self._decoded = 0  # samples fed at the last decode
        self._debt_s = 0.0  # of computing that took longer than the audio
        self._committed_until = 0.0  # s, the start of the last word: words are committed in order of their starts
        self._translated_until = 0.0  # s

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Append mono float32 audio at 16 kHz; returns the words newly committed. See `Transcriber`."""
        words: list[Word] = []
        at = 0
        while at < len(audio):
            until_decode = max(1, round(self.step_s * SAMPLE_RATE) - (self._fed - self._decoded))
            words += self._append(audio[at : at + until_decode], vocal)
            at += until_decode
        if words:
            self._committed_until = words[-1].start
        return words

    def finish(self) -> list[Word]:
        """Return the words that were not committed yet."""
        return self._flush() if self._gate.is_open else []

    @property
    def complete_until(self) -> float:
        """No word that is committed later starts before this time, s: its audio is dropped, or later words are out."""
        return max(self._now_s - self.buffered_s, self._committed_until)

    @property
    def buffered_s(self) -> float:
        """Seconds of audio that are kept for the next decode."""
        return len(self._buffer) / SAMPLE_RATE

    def _append(self, piece: NDArray[np.float32], vocal: float | None) -> list[Word]:
        seconds = len(piece) / SAMPLE_RATE
        was_open = self._gate.is_open
        self._fed += len(piece)
        self._debt_s = max(0.0, self._debt_s - seconds)
        if not self._gate.update(vocal, seconds):
            words = self._flush() if was_open else []
            self._keep(piece, BEFORE_VOICE_S)
            self._decoded = self._fed
            return words
        if self._debt_s > _DEBT_S:
            self.skipped_s += seconds
            self._keep(piece, 0.0)
            self._decoded = self._fed
            return []
        self._keep(piece, WINDOW_S)
        if self._fed - self._decoded < round(self.step_s * SAMPLE_RATE):
            return []
        words = self._translated(self._policy.insert(self._decode(), self._now_s))
        if self.buffered_s + self.step_s > WINDOW_S:
            self._keep(self._buffer[:0], CONTEXT_S)
        return words

    @property
    def _now_s(self) -> float:
        return self._fed / SAMPLE_RATE

    def _decode(self) -> list[Word]:
        began = self._clock()
        self._decoded = self._fed
        words = remove_hallucinations(self._decoder.decode(self._buffer, self._now_s - self.buffered_s))
        cost_s = self._clock() - began
        self._debt_s += cost_s
        self.step_s = min(LONGEST_STEP_S, max(STEP_S, 0.5 * self.step_s + 0.5 * cost_s / _LOAD))
        return words

    def _translated(self, words: list[Word]) -> list[Word]:
        """Words of another language; every few seconds the last gets the translation of all since the last time."""
        if not words or not is_foreign(self._decoder.language):
            return words
        english, now_s = "", self._now_s
        if words[-1].end - self._translated_until >= TRANSLATE_EVERY_S:
            began = self._clock()
            start_s = max(self._translated_until, now_s - self.buffered_s)
            sung = self._buffer[round((start_s - now_s) * SAMPLE_RATE) :]
            translated = remove_hallucinations(self._decoder.translate(sung, start_s))
            english = text_of(word for word in translated if word.start < words[-1].end)
            self._debt_s += self._clock() - began
            self._translated_until = words[-1].end
        return [replace(word, english=english if word is words[-1] else "") for word in words]

    def _flush(self) -> list[Word]:
        """The singing has stopped: the words that are left of it, and an empty buffer."""
        words = self._translated(self._policy.flush(self._decode(), self._now_s))
        self._buffer = self._buffer[:0]
        return words

    def _keep(self, piece: NDArray[np.float32], longest_s: float) -> None:
        kept = np.concatenate([self._buffer, piece])
        self._buffer = kept[max(0, len(kept) - round(longest_s * SAMPLE_RATE)) :]
