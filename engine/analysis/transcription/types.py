"""A sung word, and the protocols of transcribers and decoders."""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz, of all audio that is transcribed

# (start s, end s) -> the highest probability of a voice in that span
VoiceProbability = Callable[[float, float], float]


class Word(msgspec.Struct, frozen=True):
    """One word: its text as written, start and end in seconds of the song, confidence from 0 to 1.

    `committed` is the audio time in seconds at which a streaming transcriber committed it; None in file mode. `english`
    is its translation where another language is sung: empty where that is part of a word beside it, None in English and
    where nothing was translated.
    """

    text: str
    start: float
    end: float
    confidence: float
    committed: float | None = None
    english: str | None = None


def text_of(words: Iterable[Word]) -> str:
    """The words as one text."""
    return " ".join(word.text for word in words)


def english_of(words: Iterable[Word]) -> str | None:
    """The translation of the words as one text, empty where words beside these have it; None where there is none."""
    parts = [word.english for word in words if word.english is not None]
    return " ".join(part for part in parts if part) if parts else None


class Passage(msgspec.Struct, frozen=True):
    """The next words of a song whose future is known, in order; no later one starts before `until` (s)."""

    words: tuple[Word, ...]
    until: float


class Transcriber(Protocol):
    """Streaming transcription: finds words while audio arrives; a word once returned never changes."""

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Append mono audio at 16 kHz, any length; returns the words newly committed, in order.

        `vocal` is the probability of a voice in this audio; None if unknown.
        """
        ...

    @property
    def complete_until(self) -> float:
        """Seconds of audio: no word that is committed later starts before this time."""
        ...

    def finish(self) -> list[Word]:
        """Return the words that were not committed yet; no more audio follows."""
        ...


class Decoder(Protocol):
    """Speech to text for a stretch of audio; `WhisperDecoder` is the real one."""

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """The words in mono audio at 16 kHz that begins at `start_s` of the song."""
        ...

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """The same translated into English."""
        ...

    @property
    def language(self) -> str | None:
        """Whisper's code of the language that is sung, None if unknown."""
        ...
