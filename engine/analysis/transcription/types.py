"""A sung word and the seam between those who hear words and those who use them, with a fake for tests."""

from collections.abc import Iterable
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz, of all audio that words are heard in


class Word(msgspec.Struct, frozen=True):
    """One word: its text as written, start and end in seconds of the song, confidence from 0 to 1.

    `committed` is the audio time in seconds at which streaming was sure of it; None in file mode. `english` is what
    it says in English where another language is sung: empty where a word beside it says it all, None in English and
    where nobody asked.
    """

    text: str
    start: float
    end: float
    confidence: float
    committed: float | None = None
    english: str | None = None


def text_of(words: Iterable[Word]) -> str:
    """The lyric as it is sung."""
    return " ".join(word.text for word in words)


def english_of(words: Iterable[Word]) -> str | None:
    """The lyric in English, empty where it falls to words beside these; None where nothing was rendered."""
    parts = [word.english for word in words if word.english is not None]
    return " ".join(part for part in parts if part) if parts else None


class Passage(msgspec.Struct, frozen=True):
    """The next words of a song whose future is known, in order; no later one starts before `until` (s)."""

    words: tuple[Word, ...]
    until: float


class Transcriber(Protocol):
    """Hears words while the audio comes; a word once given never changes."""

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Append mono audio at 16 kHz, any length; returns the words newly committed, in order.

        `vocal` is the probability that somebody sings in this audio; None if unknown.
        """
        ...

    @property
    def complete_until(self) -> float:
        """Seconds of audio: no word that is committed later starts before this time."""
        ...

    def finish(self) -> list[Word]:
        """Return the words that were not committed yet; nothing more comes."""
        ...


class Decoder(Protocol):
    """Reads words in a stretch of audio; `WhisperDecoder` is the real one."""

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """Read mono audio at 16 kHz that begins at `start_s` of the song."""
        ...

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        """Read what is sung there in English."""
        ...

    @property
    def language(self) -> str | None:
        """ISO 639-1 code of what is sung, None if unknown."""
        ...


class FakeTranscriber:
    """Gives scripted words, each committed `delay_s` after its end; needs no model."""

    def __init__(self, words: Iterable[Word], delay_s: float = 1.0) -> None:
        self._coming = sorted(words, key=lambda word: word.start)
        self._delay_s = delay_s
        self._heard_s = 0.0

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Return the scripted words whose delay has passed at the end of this audio."""
        self._heard_s += len(audio) / SAMPLE_RATE
        due = [word for word in self._coming if word.end + self._delay_s <= self._heard_s]
        self._coming = [word for word in self._coming if word.end + self._delay_s > self._heard_s]
        return [msgspec.structs.replace(word, committed=word.end + self._delay_s) for word in due]

    @property
    def complete_until(self) -> float:
        """The start of the next scripted word, s; where there is none, the end of the audio."""
        return min([self._heard_s, *(word.start for word in self._coming)])

    def finish(self) -> list[Word]:
        """Return the scripted words that began before the audio ended."""
        rest = [word for word in self._coming if word.start < self._heard_s]
        self._coming = []
        return [msgspec.structs.replace(word, committed=self._heard_s) for word in rest]
