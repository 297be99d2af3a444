"""Analysis of a live input: windows and words, each in a thread of its own, while the sound goes on."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from engine.analysis.instruments import Classifier
from engine.analysis.transcription.types import Transcriber, Word
from engine.analysis.windows import SPEECH_RATE, WindowAnalysis, WindowAnalyzer
from engine.audio.windows import RollingWindows
from engine.threads import lower_priority

HOP_S = 0.25
_LONGEST_QUEUE_S = 6.0  # of sound; beyond this new sound is dropped and counted
_KEPT_WORDS = 64
_LEAST_S = 0.1  # of audio passed to the transcriber at once


class TimedAnalysis(msgspec.Struct, frozen=True):
    """The analysis of a window, and the arrival time of its last sample (s, time.perf_counter)."""

    analysis: WindowAnalysis
    arrival: float


class LiveAnalyzer:
    """Analyzes sound that is fed to it, and calls `on_analysis` with each window soon after it ended.

    Windows and words have a thread each, since transcription takes longer than the time between windows: a word is part
    of the window that ends after it was committed. Both may fall behind by a bounded time; sound dropped then is
    counted in `skipped_s`. The callbacks run in those threads.
    """

    def __init__(
        self,
        rate: int,
        classifier: Classifier,
        transcriber: Transcriber | None,
        on_analysis: Callable[[TimedAnalysis], None],
        on_words: Callable[[list[Word]], None] = lambda words: None,
    ) -> None:
        self._rate = rate
        self._windows = _WindowThread(rate, classifier, on_analysis)
        self._words = _WordThread(rate, transcriber, self._windows, on_words) if transcriber else None

    @property
    def skipped_s(self) -> float:
        """Seconds of sound that were dropped because analysis was too slow."""
        return self._windows.skipped_s + (self._words.skipped_s if self._words else 0.0)

    def feed(self, samples: NDArray[np.float32], arrival: float) -> None:
        """Queue the next samples, [n, channels]; never waits."""
        self._windows.feed(samples, arrival)
        if self._words:
            self._words.feed(samples, arrival)

    def __enter__(self) -> Self:
        self._windows.start()
        if self._words:
            self._words.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in (self._words, self._windows):
            if worker:
                worker.end()


class _AudioThread(ABC):
    """A thread that is fed blocks of sound through a queue of bounded length in seconds."""

    def __init__(self, rate: int, name: str, nice: int) -> None:
        """`nice`: by how much its priority is below that of the picture."""
        self._nice = nice
        self.skipped_s = 0.0
        self._rate = rate
        self._queue: queue.SimpleQueue[tuple[NDArray[np.float32], float] | None] = queue.SimpleQueue()
        self._queued = 0  # samples
        self._dropped = 0  # samples since the last that were queued
        self._ending = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        self._queue.put(None)
        self._thread.join()

    def feed(self, samples: NDArray[np.float32], arrival: float) -> None:
        with self._lock:
            if self._queued > _LONGEST_QUEUE_S * self._rate:
                self._dropped += len(samples)
                self.skipped_s += len(samples) / self._rate
                return
            if self._dropped:  # silence in its place, so that times stay true
                samples = np.concatenate([np.zeros((self._dropped, samples.shape[1]), np.float32), samples])
                self._dropped = 0
            self._queued += len(samples)
        self._queue.put((samples, arrival))

    def _run(self) -> None:
        lower_priority(self._nice)
        while (block := self._queue.get()) is not None and not self._ending:
            with self._lock:
                self._queued -= len(block[0])
            self.process(*block)

    @abstractmethod
    def process(self, samples: NDArray[np.float32], arrival: float) -> None:
        """Process a block of sound that arrived at `arrival` s, in this thread."""


class _WindowThread(_AudioThread):
    """Windows: loudness, instruments, colour."""

    def __init__(self, rate: int, classifier: Classifier, on_analysis: Callable[[TimedAnalysis], None]) -> None:
        super().__init__(rate, "live windows", 3)
        self.voice: float | None = None
        self._splitter = RollingWindows(rate, HOP_S)
        self._analyzer = WindowAnalyzer(classifier)
        self._on_analysis = on_analysis
        self._words: list[Word] = []

    def add_words(self, words: list[Word]) -> None:
        """Add words to the next window."""
        with self._lock:
            self._words = [*self._words, *words][-_KEPT_WORDS:]

    def process(self, samples: NDArray[np.float32], arrival: float) -> None:
        for window in self._splitter.push(samples):
            analysis = self._analyzer.analyze(window)
            self.voice = analysis.probabilities.get("vocal")
            with self._lock:
                words, self._words = self._words, []
            self._on_analysis(TimedAnalysis(msgspec.structs.replace(analysis, words=tuple(words)), arrival))


class _WordThread(_AudioThread):
    """Words, as they are committed."""

    def __init__(
        self, rate: int, transcriber: Transcriber, windows: _WindowThread, on_words: Callable[[list[Word]], None]
    ) -> None:
        super().__init__(rate, "live words", 10)
        self._transcriber = transcriber
        self._windows = windows
        self._on_words = on_words
        self._resample = soxr.ResampleStream(rate, SPEECH_RATE, 1, dtype="float32")
        self._buffer: list[NDArray[np.float32]] = []
        self._buffered = 0  # samples

    def process(self, samples: NDArray[np.float32], arrival: float) -> None:
        self._buffer.append(np.asarray(samples.mean(axis=1), dtype=np.float32))
        self._buffered += len(samples)
        if self._buffered < _LEAST_S * self._rate:
            return
        mono = np.concatenate(self._buffer)
        self._buffer, self._buffered = [], 0
        if words := self._transcriber.feed(self._resample.resample_chunk(mono), self._windows.voice):
            self._windows.add_words(words)
            self._on_words(words)
