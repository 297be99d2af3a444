"""Hearing the words of a whole song: looks that overlap, each word taken once what follows it was heard as well.

Every word is read several times, with up to 28 s of context, where Whisper's own way through a file reads it once and
cuts a line at the end of each 30 s. Only what is sung is read.
"""

from collections.abc import Callable, Iterator

import faster_whisper
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.decoder import LanguageVote, WhisperDecoder, with_translation
from engine.analysis.transcription.filters import VoiceGate, remove_hallucinations
from engine.analysis.transcription.languages import ENGLISH, is_foreign
from engine.analysis.transcription.repetition import RepetitionRepair
from engine.analysis.transcription.types import SAMPLE_RATE, Decoder, Passage, Word

STEP_S = 6.0  # between looks
WINDOW_S, CONTEXT_S = 28.0, 20.0  # the most that a look sees; what stays of a full window
OLD_S = 3.0  # how far behind the end of a look a word is taken
LEAST_CONFIDENCE = 0.2  # below it more words are wrong than right
LONGEST_SEGMENT_S = 60.0
_GATE_STEP_S = 0.5
_MARGIN_S = 1.0
_BREAK_S = 4.0  # a rest shorter than this stays inside a stretch: Whisper reads better with context
_LEFT_BEHIND_S = 4.0  # without a word: what was read before would be placed in a hummed line by the next look
_SHORTEST_STEP_S = 1.0
_AROUND_S = 0.4
_LANGUAGE_LOOKS = 3
_SURE_OF_LANGUAGE = 0.9  # then one look is enough

# (start s, end s) -> probability of a voice in that stretch
VoiceProbability = Callable[[float, float], float]


def transcribe_file(
    audio: NDArray[np.float32],
    model: faster_whisper.WhisperModel,
    language: str | None = None,
    vocal: VoiceProbability | None = None,
) -> Iterator[Passage]:
    """The words of a song whose future is known, in order, as soon as each passage of it is read.

    `audio` is mono at 16 kHz; `language` an ISO 639-1 code, None to detect it in each stretch that is sung; `vocal`
    answers how likely a voice is between two times, None for a song that is sung throughout.
    """
    vote = LanguageVote(language if model.model.is_multilingual else ENGLISH)
    last_s = before_s = 0.0  # start of the last word, end of the last stretch
    refrains = RepetitionRepair()
    decoder = OverlappingDecoder(audio, 0.0, refrains)
    for start_s, end_s in voiced_segments(vocal, len(audio) / SAMPLE_RATE):
        yield Passage((), start_s)
        if end_s <= start_s:
            continue
        if start_s > before_s:
            decoder = OverlappingDecoder(audio, start_s, refrains)
        if vote.is_due():
            _detect(model, audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)], vote)
        last_s, before_s = max(last_s, start_s), end_s
        for words in decoder.decode_until(end_s, WhisperDecoder(model, vote.language)):
            placed = []
            for word in words:
                last_s = max(last_s, word.start)
                placed.append(msgspec.structs.replace(word, start=last_s, end=max(word.end, last_s), committed=None))
            yield Passage(tuple(placed), last_s)


def voiced_segments(vocal: VoiceProbability | None, duration_s: float) -> Iterator[tuple[float, float]]:
    """(start, end) in seconds of each stretch in which somebody sings, short rests and a margin included.

    A stretch longer than LONGEST_SEGMENT_S is parted where its voice is weakest, so that words come before the whole
    song was listened to. An empty stretch tells that nobody sings up to there.
    """
    if vocal is None:
        yield 0.0, duration_s
        return
    gate, stretch = VoiceGate(), None
    voice: list[tuple[float, float]] = []  # (probability, time) of the stretch
    for step in range(int(np.ceil(duration_s / _GATE_STEP_S))):
        at = step * _GATE_STEP_S
        voice.append((vocal(at, at + _GATE_STEP_S), at))
        if gate.hear(voice[-1][0], _GATE_STEP_S):
            begin = max(0.0, at - _MARGIN_S) if stretch is None else stretch[0]
            stretch = (begin, min(duration_s, at + _GATE_STEP_S))
            if stretch[1] - begin > LONGEST_SEGMENT_S:
                _, parted = min(v for v in voice if v[1] > begin + LONGEST_SEGMENT_S / 2)
                yield begin, parted
                stretch = (parted, stretch[1])
        elif stretch is not None and at - stretch[1] >= _BREAK_S:
            yield stretch
            stretch = None
        elif stretch is None and at > _MARGIN_S:
            yield at - _MARGIN_S, at - _MARGIN_S
        voice = voice if stretch is not None else []
    if stretch is not None:
        yield stretch


class OverlappingDecoder:
    """Looks at the audio of a song that overlap, from `start_s` of it on."""

    def __init__(self, audio: NDArray[np.float32], start_s: float, refrains: RepetitionRepair) -> None:
        self._audio = audio
        self._refrains = refrains
        self._now_s = self._kept_s = start_s  # looks end at the one, begin at the other
        self._policy = CommitPolicy(old_s=OLD_S, least_confidence=LEAST_CONFIDENCE)

    def decode_until(self, end_s: float, decoder: Decoder) -> Iterator[list[Word]]:
        """The words that end before `end_s` of the song, look by look, in order."""
        while self._now_s < end_s:
            self._now_s += STEP_S
            if self._now_s > end_s - _SHORTEST_STEP_S:
                self._now_s = end_s
            read = remove_hallucinations(decoder.decode(self._between(self._kept_s, self._now_s), self._kept_s))
            take = self._policy.insert if self._now_s < end_s else self._policy.flush
            words = self._refrains.give(take(read, self._now_s), whole=self._now_s == end_s)
            if read and self._now_s - read[-1].end >= _LEFT_BEHIND_S:
                self._kept_s = read[-1].end
            elif self._now_s + STEP_S - self._kept_s > WINDOW_S:
                self._kept_s = self._now_s - CONTEXT_S
            if words and is_foreign(decoder.language):
                from_s = max(0.0, words[0].start - _AROUND_S)
                heard = self._between(from_s, words[-1].end + _AROUND_S)
                words = with_translation(words, decoder.translate(heard, from_s))
            yield words

    def _between(self, start_s: float, end_s: float) -> NDArray[np.float32]:
        return self._audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]


def _detect(model: faster_whisper.WhisperModel, audio: NDArray[np.float32], vote: LanguageVote) -> None:
    length = model.feature_extractor.n_samples
    for start in range(0, max(1, min(len(audio) - length // 2, _LANGUAGE_LOOKS * length)), length):
        _, sure, heard = model.detect_language(audio[start : start + length])
        vote.hear(dict(heard))
        if sure > _SURE_OF_LANGUAGE:
            return
