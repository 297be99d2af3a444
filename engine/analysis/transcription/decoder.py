"""Whisper over a short stretch of audio: words with their times, as they are sung or translated into English.

faster-whisper pads its input to 30 s; here the encoder gets the stretch and a second of silence, so the cost is that of
the stretch. Word times come from cross-attention (Radford et al. 2022).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.analysis.transcription.filters import remove_hallucinations
from engine.analysis.transcription.languages import ENGLISH, languages
from engine.analysis.transcription.types import SAMPLE_RATE, Word

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

BEAM_SIZE = 5
LONGEST_S = 2.4  # of 100 sung words 99 are shorter
LONGEST_FIRST_S = 1.0  # attention stretches the first word back over what was before it
_PADDING_S = 1.0
_FRAMES_PER_S = 100
_TOKENS_PER_S = 7.0  # more than anybody sings; ends a loop early
_LONGEST_INPUT_S = 29.0
_SHORTEST_INPUT_S = 0.2
_REST_S = 0.2
_BEFORE = "\"'“¿([{-"  # punctuation that belongs to the next word, and to the last
_AFTER = "\"'.。,，!！?？:：”)]}、"
_FIRST_VOTES = 8
_THEN_EVERY = 10
_MEMORY = 0.95


class LanguageVote:
    """The language given, or else the most probable over all stretches so far; older ones count less and less.

    Whisper's guesses at many moments are summed, because a single moment of a song misleads.
    """

    def __init__(self, language: str | None = None) -> None:
        self.language = language
        self._given = language is not None
        self._stretches = 0
        self._totals: dict[str, float] = {}

    def is_due(self) -> bool:
        """Whether the next stretch should be classified: each of the first ones, then one in ten."""
        if self._given:
            return False
        self._stretches += 1
        return self._stretches <= _FIRST_VOTES or self._stretches % _THEN_EVERY == 0

    def add(self, probabilities: Mapping[str, float]) -> None:
        """Count the probability of each language (Whisper's code) in one stretch."""
        self._totals = {code: share * _MEMORY for code, share in self._totals.items()}
        for code, share in probabilities.items():
            self._totals[code] = self._totals.get(code, 0.0) + share
        self.language = max(self._totals, key=lambda code: self._totals[code])


class WhisperDecoder:
    """Decodes stretches of up to 29 s; in one language, or in the most probable one. See `types.Decoder`."""

    def __init__(self, model: "WhisperModel", language: str | None) -> None:
        self._model = model
        self._vote = LanguageVote(language if model.model.is_multilingual else ENGLISH)

    @property
    def language(self) -> str | None:
        """Whisper's code of the language that is sung, None before it was detected."""
        return self._vote.language

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """The words in mono float32 audio at 16 kHz that begins at `start_s` of the song; times are the song's."""
        return self._run(audio, start_s, "transcribe")

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """As `decode`, with the words translated into English by Whisper itself; times are less certain."""
        return self._run(audio, start_s, "translate")

    def _run(self, audio: NDArray[np.float32], start_s: float, task: str) -> tuple[Word, ...]:
        from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations  # noqa: PLC0415 - loads slowly

        audio = audio[: round(_LONGEST_INPUT_S * SAMPLE_RATE)]
        if len(audio) < _SHORTEST_INPUT_S * SAMPLE_RATE:
            return ()
        seconds = len(audio) / SAMPLE_RATE
        features = self._model.feature_extractor(audio, padding=round(_PADDING_S * SAMPLE_RATE))
        features = features[:, : features.shape[1] // 2 * 2]
        encoded = self._model.encode(features)
        tokenizer = self._tokenizer(encoded, task)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=BEAM_SIZE,
            max_length=2 * round(8 + seconds * _TOKENS_PER_S),  # CTranslate2 decodes half of it
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        if not tokenizer.decode(tokens).strip():
            return ()
        found = self._model.find_alignment(tokenizer, [tokens], encoded, round(seconds * _FRAMES_PER_S))[0]
        merge_punctuations(found, _BEFORE, _AFTER)
        pieces = ((w["word"], start_s + w["start"], start_s + w["end"], w["probability"]) for w in found)
        return whole_words(pieces, ENGLISH if task == "translate" else tokenizer.language_code)

    def _tokenizer(self, encoded: object, task: str) -> "Tokenizer":
        from faster_whisper.tokenizer import Tokenizer  # noqa: PLC0415 - loads slowly

        if self._vote.is_due():
            self._vote.add({token[2:-2]: share for token, share in self._model.model.detect_language(encoded)[0]})
        multilingual = self._model.model.is_multilingual
        return Tokenizer(self._model.hf_tokenizer, multilingual, task=task, language=self._vote.language)


def whole_words(pieces: Iterable[tuple[str, float, float, float]], language: str) -> tuple[Word, ...]:
    """Words from Whisper's pieces (text, start s, end s, probability).

    Whisper splits at every apostrophe and hyphen; where a language has spaces, a piece that follows without one belongs
    to the word before ("c" and "'est" are one word).
    """
    words: list[Word] = []
    spaced = language not in languages() or languages()[language].spaced
    for text, start, end, probability in pieces:
        if not text.strip():
            continue
        confidence = min(1.0, float(probability))
        if words and not text.startswith(" ") and spaced:
            first = words[-1]
            mean = round((first.confidence + confidence) / 2, 4)
            words[-1] = Word(first.text + text.strip(), first.start, round(float(end), 3), mean)
        else:
            words.append(Word(text.strip(), round(float(start), 3), round(float(end), 3), round(confidence, 4)))
    return tuple(_limit_length(word, words[at - 1] if at else None) for at, word in enumerate(words))


def _limit_length(word: Word, before: Word | None) -> Word:
    """A word that attention stretched over a rest, at a length that is sung: cut where no other word adjoins it."""
    if before is None or word.start > before.end + _REST_S:
        return replace(word, start=max(word.start, round(word.end - LONGEST_FIRST_S, 3)))
    return replace(word, end=min(word.end, round(word.start + LONGEST_S, 3)))


def with_translation(words: Sequence[Word], english: Sequence[Word]) -> list[Word]:
    """The words of a foreign lyric, each with those words of its English translation that begin nearest to it.

    The translation is rough (a small model, sung words), but a picture takes a single thing of it, and the lyric itself
    is shown in its own language.
    """
    nearest: list[list[str]] = [[] for _ in words]
    for one in remove_hallucinations(english) if words else ():
        nearest[min(range(len(words)), key=lambda at: abs(words[at].start - one.start))].append(one.text)
    return [replace(word, english=" ".join(texts)) for word, texts in zip(words, nearest, strict=True)]
