"""Hearing words live: Whisper looks again and again at the last seconds, and words are given once they are certain.

Bounded: the audio kept is at most WINDOW_S, a look costs what that window costs, and a slow machine looks less
often. Nothing here waits: time is the audio fed so far.
"""

import time
from collections.abc import Callable

import faster_whisper
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.decoder import WhisperDecoder
from engine.analysis.transcription.filters import VoiceGate, remove_hallucinations
from engine.analysis.transcription.languages import is_foreign
from engine.analysis.transcription.types import SAMPLE_RATE, Decoder, Word, text_of

WINDOW_S = 20.0
CONTEXT_S = 13.0  # of a full window that stays
BEFORE_VOICE_S = 2.0
STEP_S = 1.9  # no bar of a common tempo: words would end just too late for every look
ENGLISH_EVERY_S = 4.0
LONGEST_STEP_S = 4.0
_LOAD = 0.8
_DEBT_S = 3.0


class StreamingTranscriber:
    """Causal words from audio as it comes, whoever reads them; see `Transcriber`.

    `clock` gives seconds and measures what looks cost: when they cost more than the audio lasts, the step between
    looks grows up to LONGEST_STEP_S, and when that is not enough either, audio is skipped and counted in `skipped_s`.
    """

    def __init__(
        self,
        decoder: Decoder,
        clock: Callable[[], float] = time.perf_counter,
        policy: CommitPolicy | None = None,
    ) -> None:
        self.skipped_s = 0.0
        self.step_s = STEP_S
        self._decoder = decoder
        self._clock = clock
        self._gate = VoiceGate()
        self._policy = policy or CommitPolicy()
        self._kept = np.zeros(0, np.float32)
        self._fed = 0  # samples
        self._looked = 0  # samples fed at the last look
        self._debt_s = 0.0
        self._committed_until = 0.0  # s, the start of the last word: words are committed in order of their starts
        self._rendered_s = 0.0  # of the song: what was sung up to there was rendered in English

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Append mono float32 audio at 16 kHz; returns the words newly committed. See `Transcriber`."""
        given: list[Word] = []
        at = 0
        while at < len(audio):
            until_look = max(1, round(self.step_s * SAMPLE_RATE) - (self._fed - self._looked))
            given += self._append(audio[at : at + until_look], vocal)
            at += until_look
        if given:
            self._committed_until = given[-1].start
        return given

    def finish(self) -> list[Word]:
        """Return the words that were not committed yet."""
        return self._close() if self._gate.is_open else []

    @property
    def complete_until(self) -> float:
        """No word that is committed later starts before this time, s: its audio is dropped, or later words are out."""
        return max(self._now_s - self.kept_s, self._committed_until)

    @property
    def kept_s(self) -> float:
        """Seconds of audio that are kept for the next look."""
        return len(self._kept) / SAMPLE_RATE

    def _append(self, piece: NDArray[np.float32], vocal: float | None) -> list[Word]:
        seconds = len(piece) / SAMPLE_RATE
        was_open = self._gate.is_open
        self._fed += len(piece)
        self._debt_s = max(0.0, self._debt_s - seconds)
        if not self._gate.hear(vocal, seconds):
            given = self._close() if was_open else []
            self._keep(piece, BEFORE_VOICE_S)
            self._looked = self._fed
            return given
        if self._debt_s > _DEBT_S:
            self.skipped_s += seconds
            self._keep(piece, 0.0)
            self._looked = self._fed
            return []
        self._keep(piece, WINDOW_S)
        if self._fed - self._looked < round(self.step_s * SAMPLE_RATE):
            return []
        given = self._in_english(self._policy.insert(self._look(), self._now_s))
        if self.kept_s + self.step_s > WINDOW_S:
            self._keep(self._kept[:0], CONTEXT_S)
        return given

    @property
    def _now_s(self) -> float:
        return self._fed / SAMPLE_RATE

    def _look(self) -> list[Word]:
        began = self._clock()
        self._looked = self._fed
        start_s = self._now_s - self.kept_s
        words = remove_hallucinations(self._decoder.decode(self._kept, start_s))
        cost_s = self._clock() - began
        self._debt_s += cost_s
        self.step_s = min(LONGEST_STEP_S, max(STEP_S, 0.5 * self.step_s + 0.5 * cost_s / _LOAD))
        return words

    def _in_english(self, given: list[Word]) -> list[Word]:
        """Words of another language, every few seconds the last of them with what was sung since in English."""
        if not given or not is_foreign(self._decoder.language):
            return given
        said, now_s = "", self._now_s
        if given[-1].end - self._rendered_s >= ENGLISH_EVERY_S:
            began = self._clock()
            start_s = max(self._rendered_s, now_s - self.kept_s)
            sung = self._kept[round((start_s - now_s) * SAMPLE_RATE) :]
            english = remove_hallucinations(self._decoder.translate(sung, start_s))
            said = text_of(word for word in english if word.start < given[-1].end)
            self._debt_s += self._clock() - began
            self._rendered_s = given[-1].end
        return [replace(word, english=said if word is given[-1] else "") for word in given]

    def _close(self) -> list[Word]:
        """The singing has stopped: give what is left of it and begin anew."""
        given = self._in_english(self._policy.flush(self._look(), self._now_s))
        self._kept = self._kept[:0]
        return given

    def _keep(self, piece: NDArray[np.float32], longest_s: float) -> None:
        kept = np.concatenate([self._kept, piece])
        self._kept = kept[max(0, len(kept) - round(longest_s * SAMPLE_RATE)) :]


class StreamingWhisper(StreamingTranscriber):
    """Causal words by Whisper; `language` is an ISO 639-1 code, None to detect it. See `StreamingTranscriber`."""

    def __init__(
        self,
        model: faster_whisper.WhisperModel,
        language: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._decoder = WhisperDecoder(model, language)
        super().__init__(self._decoder, clock)

    @property
    def language(self) -> str | None:
        """The ISO 639-1 code that is sung, None before it was detected."""
        return self._decoder.language
