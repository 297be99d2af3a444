"""Transcription of a whole song: overlapping stretches are decoded, each word is taken once audio after it is known.

Every word is decoded several times, with up to 28 s of context, where Whisper's own way through a file decodes it once
and cuts a line at the end of each 30 s. Only what is sung is decoded.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.decoder import LanguageVote, WhisperDecoder, with_translation
from engine.analysis.transcription.filters import RepetitionRepair, VoiceGate, remove_hallucinations
from engine.analysis.transcription.languages import ENGLISH, is_foreign
from engine.analysis.transcription.types import SAMPLE_RATE, Decoder, Passage, VoiceProbability, Word

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

STEP_S = 6.0  # from one stretch to the next
WINDOW_S, CONTEXT_S = 28.0, 20.0  # the longest stretch; what stays of it for the next
OLD_S = 3.0  # how far behind the end of a stretch a word is taken
LEAST_CONFIDENCE = 0.2  # below it more words are wrong than right
LONGEST_SEGMENT_S = 60.0
_GATE_STEP_S = 0.5
_MARGIN_S = 1.0
_BREAK_S = 4.0  # a rest shorter than this stays inside a segment: Whisper reads better with context
_LEFT_BEHIND_S = 4.0  # without a word: what was decoded before would be placed in a hummed line by the next stretch
_SHORTEST_STEP_S = 1.0
_AROUND_S = 0.4
_LANGUAGE_STRETCHES = 3
_SURE_OF_LANGUAGE = 0.9  # then one stretch is enough


def transcribe_file(
    audio: NDArray[np.float32],
    model: "WhisperModel",
    language: str | None = None,
    vocal: VoiceProbability | None = None,
) -> Iterator[Passage]:
    """The words of a song whose future is known, in order, as soon as each passage of it is decoded.

    `audio` is mono at 16 kHz; `language` a code of Whisper's, None to detect it in each segment that is sung; `vocal`
    None for a song that is sung throughout.
    """
    vote = LanguageVote(language if model.model.is_multilingual else ENGLISH)
    last_s = before_s = 0.0  # start of the last word, end of the last segment
    repair = RepetitionRepair()
    decoder = OverlappingDecoder(audio, 0.0, repair)
    for start_s, end_s in voiced_segments(vocal, len(audio) / SAMPLE_RATE):
        yield Passage((), start_s)
        if end_s <= start_s:
            continue
        if start_s > before_s:
            decoder = OverlappingDecoder(audio, start_s, repair)
        if vote.is_due():
            _detect_language(model, audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)], vote)
        last_s, before_s = max(last_s, start_s), end_s
        for words in decoder.decode_until(end_s, WhisperDecoder(model, vote.language)):
            placed = []
            for word in words:
                last_s = max(last_s, word.start)
                placed.append(msgspec.structs.replace(word, start=last_s, end=max(word.end, last_s), committed=None))
            yield Passage(tuple(placed), last_s)


def voiced_segments(vocal: VoiceProbability | None, duration_s: float) -> Iterator[tuple[float, float]]:
    """(start, end) in seconds of each segment with a voice, short rests and a margin included.

    A segment longer than LONGEST_SEGMENT_S is parted where its voice is weakest, so that words are found before the
    whole song was analyzed. An empty segment means that there is no voice up to there.
    """
    if vocal is None:
        yield 0.0, duration_s
        return
    gate, segment = VoiceGate(), None
    voice: list[tuple[float, float]] = []  # (probability, time) of the segment
    for step in range(int(np.ceil(duration_s / _GATE_STEP_S))):
        at = step * _GATE_STEP_S
        voice.append((vocal(at, at + _GATE_STEP_S), at))
        if gate.update(voice[-1][0], _GATE_STEP_S):
            begin = max(0.0, at - _MARGIN_S) if segment is None else segment[0]
            segment = (begin, min(duration_s, at + _GATE_STEP_S))
            if segment[1] - begin > LONGEST_SEGMENT_S:
                _, parted = min(v for v in voice if v[1] > begin + LONGEST_SEGMENT_S / 2)
                yield begin, parted
                segment = (parted, segment[1])
        elif segment is not None and at - segment[1] >= _BREAK_S:
            yield segment
            segment = None
        elif segment is None and at > _MARGIN_S:
            yield at - _MARGIN_S, at - _MARGIN_S
        voice = voice if segment is not None else []
    if segment is not None:
        yield segment


class OverlappingDecoder:
    """Decodes a song from `start_s` on in overlapping stretches, with a commit policy and repetition repair."""

    def __init__(self, audio: NDArray[np.float32], start_s: float, repair: RepetitionRepair) -> None:
        self._audio = audio
        self._repair = repair
        self._end_s = self._start_s = start_s  # of the last stretch
        self._policy = CommitPolicy(old_s=OLD_S, least_confidence=LEAST_CONFIDENCE)

    def decode_until(self, end_s: float, decoder: Decoder) -> Iterator[list[Word]]:
        """The words that end before `end_s` of the song, stretch by stretch, in order."""
        while self._end_s < end_s:
            self._end_s += STEP_S
            if self._end_s > end_s - _SHORTEST_STEP_S:
                self._end_s = end_s
            read = remove_hallucinations(decoder.decode(self._between(self._start_s, self._end_s), self._start_s))
            commit = self._policy.insert if self._end_s < end_s else self._policy.flush
            words = self._repair.push(commit(read, self._end_s), whole=self._end_s == end_s)
            if read and self._end_s - read[-1].end >= _LEFT_BEHIND_S:
                self._start_s = read[-1].end
            elif self._end_s + STEP_S - self._start_s > WINDOW_S:
                self._start_s = self._end_s - CONTEXT_S
            if words and is_foreign(decoder.language):
                from_s = max(0.0, words[0].start - _AROUND_S)
                sung = self._between(from_s, words[-1].end + _AROUND_S)
                words = with_translation(words, decoder.translate(sung, from_s))
            yield words

    def _between(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        return self._audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def _detect_language(model: "WhisperModel", audio: NDArray[np.float32], vote: LanguageVote) -> None:
    length = model.feature_extractor.n_samples
    for start in range(0, max(1, min(len(audio) - length // 2, _LANGUAGE_STRETCHES * length)), length):
        _, probability, probabilities = model.detect_language(audio[start : start + length])
        vote.add(dict(probabilities))
        if probability > _SURE_OF_LANGUAGE:
            return
