"""Fakes of the analysis models: a classifier of constants and a transcriber that follows a script."""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.analysis.instruments import Confusion
from engine.analysis.transcription.types import SAMPLE_RATE, Word


class FakeClassifier:
    """Constant probabilities, zero in silence, for tests of everything behind it."""

    def __init__(self, probabilities: Mapping[str, float], confusion: Confusion | None = None) -> None:
        self.labels = tuple(probabilities)
        self.confusion: Confusion = confusion or {}
        self._probabilities = np.array(list(probabilities.values()), dtype=np.float32)

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        is_silent = not len(mono) or float(np.abs(mono).max()) <= 1e-4
        return np.zeros_like(self._probabilities) if is_silent else self._probabilities


class FakeTranscriber:
    """Returns scripted words, each committed `delay_s` after its end; needs no model."""

    def __init__(self, words: Iterable[Word], delay_s: float = 1.0) -> None:
        self._pending = sorted(words, key=lambda word: word.start)
        self._delay_s = delay_s
        self._fed_s = 0.0

    def feed(self, audio: NDArray[np.float32], vocal: float | None = None) -> list[Word]:
        """Return the scripted words whose delay has passed at the end of this audio."""
        self._fed_s += len(audio) / SAMPLE_RATE
        due = [word for word in self._pending if word.end + self._delay_s <= self._fed_s]
        self._pending = [word for word in self._pending if word.end + self._delay_s > self._fed_s]
        return [msgspec.structs.replace(word, committed=word.end + self._delay_s) for word in due]

    @property
    def complete_until(self) -> float:
        """The start of the next scripted word, s; where there is none, the end of the audio."""
        return min([self._fed_s, *(word.start for word in self._pending)])

    def finish(self) -> list[Word]:
        """Return the scripted words that began before the audio ended."""
        rest = [word for word in self._pending if word.start < self._fed_s]
        self._pending = []
        return [msgspec.structs.replace(word, committed=self._fed_s) for word in rest]
