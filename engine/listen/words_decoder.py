"""One look of Whisper at a short stretch of audio: words with their times, at the cost of that stretch only.

faster-whisper pads whatever it is given to 30 s; here the encoder sees the stretch and a second of silence, so ten
seconds of audio cost a third. Word times come from cross-attention (Radford et al. 2022, section on timestamps).
"""

from collections.abc import Sequence

import faster_whisper
import msgspec
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from engine.listen.words_seam import SAMPLE_RATE, Word

LONGEST_S = 29.0
_PADDING_S = 1.0
_TOKENS_PER_S = 8.0
_FRAMES_PER_S = 100
_BEFORE = "\"'“¿([{-"
_AFTER = "\"'.。,，!！?？:：”)]}、"


class Look(msgspec.Struct, frozen=True):
    """What Whisper reads in a stretch: words in song time, and how sure it is of them as a whole."""

    words: tuple[Word, ...]
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float


NOTHING = Look((), 0.0, 1.0, 0.0)


class Decoder:
    """Whisper over stretches of up to LONGEST_S seconds, in one language or in the one it detects."""

    def __init__(self, model: faster_whisper.WhisperModel, language: str | None) -> None:
        self._model = model
        self._language = language if model.model.is_multilingual else "en"
        self._tokenizers: dict[str, Tokenizer] = {}

    @property
    def language(self) -> str | None:
        """The ISO 639-1 code that is sung, None before it was detected."""
        return self._language

    def look(self, audio: NDArray[np.float32], start_s: float = 0.0, beam_size: int = 1, prompt: str = "") -> Look:
        """Read mono audio at 16 kHz that begins at `start_s` of the song; `prompt` is the text before it."""
        audio = audio[-round(LONGEST_S * SAMPLE_RATE) :]
        if len(audio) < SAMPLE_RATE // 10:
            return NOTHING
        features = self._model.feature_extractor(audio, padding=round(_PADDING_S * SAMPLE_RATE))
        features = features[:, : features.shape[1] // 2 * 2]
        encoded = self._model.encode(features)
        if self._language is None:
            self._language = str(self._model.model.detect_language(encoded)[0][0][0][2:-2])
        tokenizer = self._tokenizer(self._language)
        before = [tokenizer.sot_prev, *tokenizer.encode(" " + prompt)[-100:]] if prompt else []
        seconds = len(audio) / SAMPLE_RATE
        start = [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]
        result = self._model.model.generate(
            encoded,
            [start],
            beam_size=beam_size,
            max_length=min(448, len(start) + 8 + round(seconds * _TOKENS_PER_S)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        text = tokenizer.decode(tokens).strip()
        frames = min(features.shape[1], round(seconds * _FRAMES_PER_S))
        return Look(
            words=self._timed(tokenizer, tokens, encoded, frames, start_s) if text else (),
            average_log_probability=float(result.scores[0]) if tokens else 0.0,
            no_speech_probability=float(result.no_speech_prob),
            compression_ratio=get_compression_ratio(text) if text else 0.0,
        )

    def _timed(
        self, tokenizer: Tokenizer, tokens: Sequence[int], encoded: object, frames: int, start_s: float
    ) -> tuple[Word, ...]:
        found = self._model.find_alignment(tokenizer, [list(tokens)], encoded, frames)[0]
        merge_punctuations(found, _BEFORE, _AFTER)
        return tuple(
            Word(
                text=entry["word"].strip(),
                start=round(start_s + float(entry["start"]), 3),
                end=round(start_s + float(entry["end"]), 3),
                confidence=round(min(1.0, float(entry["probability"])), 4),
            )
            for entry in found
            if entry["word"].strip()
        )

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            multilingual = self._model.model.is_multilingual
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]
