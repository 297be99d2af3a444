"""Transcribers to compare with: faster-whisper offline, and LocalAgreement as published."""

import time
from collections.abc import Sequence

import faster_whisper
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.transcription.commit import normalize
from engine.analysis.transcription.decoder import WhisperDecoder, whole_words
from engine.analysis.transcription.types import Word
from tools.evaluate.words.cases import RATE, Case

CHUNK_S = 1.0
BUFFER_S = 15.0
PROMPT_CHARACTERS = 200
_OVERLAP_WORDS = 5


class CachedDecoder:
    """Our decoder with a cache by stretch of audio; `saved_s` is what decoding again would have cost."""

    def __init__(self, model: faster_whisper.WhisperModel, language: str) -> None:
        self.language = "en"  # no translation, which is not measured
        self._decoder = WhisperDecoder(model, language)
        self._cache: dict[tuple[int, float], tuple[Word, ...]] = {}
        self._cost_s: dict[tuple[int, float], float] = {}
        self._saved_s = 0.0

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`."""
        stretch = (len(audio), round(start_s, 3))
        if stretch in self._cache:
            self._saved_s += self._cost_s[stretch]
        else:
            began = time.perf_counter()
            self._cache[stretch] = self._decoder.decode(audio, start_s)
            self._cost_s[stretch] = time.perf_counter() - began
        return self._cache[stretch]

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """See `Decoder`; nothing is translated."""
        return ()

    def saved_s(self) -> float:
        """Seconds of decoding that the cache saved since the last call."""
        saved, self._saved_s = self._saved_s, 0.0
        return saved


def offline(model: faster_whisper.WhisperModel, case: Case) -> list[Word]:
    """faster-whisper over the whole song, beam 5, its other defaults (temperature fallback included)."""
    segments, _ = model.transcribe(case.audio, language=case.language, beam_size=5, word_timestamps=True)
    return [
        Word(w.word.strip(), float(w.start), float(w.end), min(1.0, float(w.probability)))
        for segment in segments
        for w in segment.words
    ]


def local_agreement(model: faster_whisper.WhisperModel, case: Case) -> list[Word]:
    """LocalAgreement-2 with the settings of Macháček et al. 2023 (whisper_streaming): every second the whole buffer,
    beam 5, the committed text before the buffer as prompt; beyond 15 s the buffer is cut at a finished segment."""
    agreement, committed = LocalAgreement(), list[Word]()
    audio, start_s = case.audio, 0.0
    for now_s in np.arange(CHUNK_S, case.seconds, CHUNK_S):
        before = " ".join(word.text for word in committed if word.end <= start_s)[-PROMPT_CHARACTERS:]
        buffer = audio[round(start_s * RATE) : round(now_s * RATE)]
        found, _ = model.transcribe(
            buffer,
            language=case.language,
            beam_size=5,
            initial_prompt=before,
            condition_on_previous_text=True,
            word_timestamps=True,
        )
        segments = list(found)
        pieces = [(w.word, start_s + w.start, start_s + w.end, w.probability) for s in segments for w in s.words]
        new = agreement.insert(whole_words(pieces, case.language))
        committed += [msgspec.structs.replace(word, committed=float(now_s)) for word in new]
        if now_s - start_s > BUFFER_S and committed:
            ends = [start_s + segment.end for segment in segments[:-1]]
            done = [end for end in ends if end <= committed[-1].end]
            start_s = done[-1] if done else start_s
    return committed + [msgspec.structs.replace(word, committed=case.seconds) for word in agreement.rest]


class LocalAgreement:
    """Commits the longest common prefix of the last two hypotheses (Liu et al. 2020)."""

    def __init__(self) -> None:
        self.rest: list[Word] = []
        self._tail: list[str] = []
        self._until_s = 0.0

    def insert(self, hypothesis: Sequence[Word]) -> list[Word]:
        """Add a hypothesis of the buffer; returns the words that it confirms."""
        fresh = self._fresh(hypothesis)
        agreed = 0
        for new, old in zip(fresh, self.rest, strict=False):
            if normalize(new.text) != normalize(old.text):
                break
            agreed += 1
        self.rest = fresh[agreed:]
        if agreed:
            self._until_s = fresh[agreed - 1].end
            self._tail = [*self._tail, *(normalize(word.text) for word in fresh[:agreed])][-_OVERLAP_WORDS:]
        return fresh[:agreed]

    def _fresh(self, hypothesis: Sequence[Word]) -> list[Word]:
        later = [word for word in hypothesis if word.start > self._until_s - 0.1]
        if later and later[0].start < self._until_s + 1.0:
            for size in range(1, min(len(later), len(self._tail)) + 1):
                if self._tail[-size:] == [normalize(word.text) for word in later[:size]]:
                    return later[size:]
        return later
