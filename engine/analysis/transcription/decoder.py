"""One look of Whisper at a short stretch of audio: words with their times, at the cost of that stretch only.

faster-whisper pads whatever it is given to 30 s; here the encoder sees the stretch and a second of silence, so
what is not there costs nothing. Word times come from cross-attention (Radford et al. 2022).

Which language is sung: Whisper's guesses at many moments, summed, because one moment of a song misleads.

What a lyric says in English, beside the lyric itself: the video model reads English only.

The rendering is Whisper's own translation of the same seconds. It is rough (a small model, sung words), but of it the
picture takes one thing only, and what is heard and shown as lyric stays in its language.
"""

from collections.abc import Iterable, Mapping, Sequence

import faster_whisper
import msgspec
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.analysis.transcription.filters import remove_hallucinations
from engine.analysis.transcription.languages import ENGLISH, languages
from engine.analysis.transcription.types import SAMPLE_RATE, Word

_FIRST_LOOKS = 8
_THEN_EVERY = 10
_MEMORY = 0.95


class LanguageVote:
    """The language given, or the one that was likeliest over the looks so far; older looks count less and less."""

    def __init__(self, language: str | None = None) -> None:
        self.language = language
        self._given = language is not None
        self._looks = 0
        self._heard: dict[str, float] = {}

    def is_due(self) -> bool:
        """Whether the next look should be asked: each of the first ones, then one in ten."""
        if self._given:
            return False
        self._looks += 1
        return self._looks <= _FIRST_LOOKS or self._looks % _THEN_EVERY == 0

    def hear(self, probabilities: Mapping[str, float]) -> None:
        """Take the probability of each language (ISO 639-1 code) at one look."""
        self._heard = {code: share * _MEMORY for code, share in self._heard.items()}
        for code, share in probabilities.items():
            self._heard[code] = self._heard.get(code, 0.0) + share
        self.language = max(self._heard, key=lambda code: self._heard[code])


BEAM_SIZE = 5
_PADDING_S = 1.0
_FRAMES_PER_S = 100
_SPOKEN_TOKENS_PER_S = 7.0  # more than anybody sings; ends a loop early
_LONGEST_S = 29.0
_SHORTEST_S = 0.2
LONGEST_S = 2.4  # of 100 sung words 99 are shorter
LONGEST_FIRST_S = 1.0  # attention stretches the first word back over what was before it
_REST_S = 0.2
_BEFORE = "\"'“¿([{-"
_AFTER = "\"'.。,，!！?？:：”)]}、"


class WhisperDecoder:
    """Whisper over stretches of up to 29 s; in one language, or in the one that it hears most."""

    def __init__(self, model: faster_whisper.WhisperModel, language: str | None) -> None:
        self._model = model
        self._vote = LanguageVote(language if model.model.is_multilingual else ENGLISH)

    @property
    def language(self) -> str | None:
        """The ISO 639-1 code that is sung, None before it was detected."""
        return self._vote.language

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """The words in mono float32 audio at 16 kHz that begins at `start_s` of the song; times are the song's."""
        return self._read(audio, start_s, "transcribe")

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """As `look`, but what the words say in English, by Whisper's own translation; times are less certain."""
        return self._read(audio, start_s, "translate")

    def _read(self, audio: NDArray[np.float32], start_s: float, task: str) -> tuple[Word, ...]:
        audio = audio[: round(_LONGEST_S * SAMPLE_RATE)]
        if len(audio) < _SHORTEST_S * SAMPLE_RATE:
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
            max_length=2 * round(8 + seconds * _SPOKEN_TOKENS_PER_S),  # CTranslate2 decodes half of it
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
        if not tokenizer.decode(tokens).strip():
            return ()
        found = self._model.find_alignment(tokenizer, [tokens], encoded, round(seconds * _FRAMES_PER_S))[0]
        merge_punctuations(found, _BEFORE, _AFTER)
        pieces = ((w["word"], start_s + w["start"], start_s + w["end"], w["probability"]) for w in found)
        return whole_words(pieces, ENGLISH if task == "translate" else tokenizer.language_code)

    def _tokenizer(self, encoded: object, task: str) -> Tokenizer:
        if self._vote.is_due():
            self._vote.hear({token[2:-2]: share for token, share in self._model.model.detect_language(encoded)[0]})
        multilingual = self._model.model.is_multilingual
        return Tokenizer(self._model.hf_tokenizer, multilingual, task=task, language=self._vote.language)


def whole_words(pieces: Iterable[tuple[str, float, float, float]], language: str) -> tuple[Word, ...]:
    """Words from Whisper's pieces (text, start s, end s, probability).

    Whisper splits at every apostrophe and hyphen; where a language has spaces, what follows without one belongs to
    the word before ("c" and "'est" are one word).
    """
    words: list[Word] = []
    spaced = language not in languages() or languages()[language].spaced
    for text, start, end, probability in pieces:
        if not text.strip():
            continue
        sure = min(1.0, float(probability))
        if words and not text.startswith(" ") and spaced:
            first = words[-1]
            both = round((first.confidence + sure) / 2, 4)
            words[-1] = Word(first.text + text.strip(), first.start, round(float(end), 3), both)
        else:
            words.append(Word(text.strip(), round(float(start), 3), round(float(end), 3), round(sure, 4)))
    return tuple(_of_sung_length(word, words[at - 1] if at else None) for at, word in enumerate(words))


def _of_sung_length(word: Word, before: Word | None) -> Word:
    """A word that attention stretched over a rest, at a length that is sung: cut where no other word adjoins it."""
    if before is None or word.start > before.end + _REST_S:
        return replace(word, start=max(word.start, round(word.end - LONGEST_FIRST_S, 3)))
    return replace(word, end=min(word.end, round(word.start + LONGEST_S, 3)))


def with_translation(words: Sequence[Word], english: Sequence[Word]) -> list[Word]:
    """The words of a foreign lyric, each with the words of its English rendering that begin nearest to it."""
    said: list[list[str]] = [[] for _ in words]
    for one in remove_hallucinations(english) if words else ():
        nearest = min(range(len(words)), key=lambda at: abs(words[at].start - one.start))
        said[nearest].append(one.text)
    return [msgspec.structs.replace(word, english=" ".join(texts)) for word, texts in zip(words, said, strict=True)]
