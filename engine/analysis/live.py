"""The slow clock of a live show: windows and words heard in threads of their own while the sound goes on."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
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
_WAITING_S = 6.0  # of sound that may wait to be heard; beyond this the oldest is left out and counted
_BLOCKS = 600
_KEPT_WORDS = 64


class TimedAnalysis(msgspec.Struct, frozen=True):
    """A window that was heard, and when its last sample had come (s, time.perf_counter)."""

    analysis: WindowAnalysis
    arrival: float


class LiveAnalyzer:
    """Hears sound that is fed to it; gives each window to `on_analysis` soon after it ended.

    Windows and words have a thread each, since a look at words takes longer than the time between windows: a word is
    said in the window that ends after it was committed. Both may fall behind by a bounded time; what is left out then
    is counted in `skipped_s`. The callbacks run in those threads.
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
        self._windows = _Ears(rate, classifier, on_analysis)
        self._words = _Words(rate, transcriber, self._windows, on_words) if transcriber else None

    @property
    def skipped_s(self) -> float:
        """Seconds of sound that were not heard, because hearing was too slow."""
        return self._windows.skipped_s + (self._words.skipped_s if self._words else 0.0)

    def feed(self, samples: NDArray[np.float32], came: float) -> None:
        """Take in the next samples, [n, channels]; never waits."""
        self._windows.feed(samples, came)
        if self._words:
            self._words.feed(samples, came)

    def __enter__(self) -> Self:
        self._windows.start()
        if self._words:
            self._words.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in (self._words, self._windows):
            if worker:
                worker.end()


class _Worker(ABC):
    """A thread that is fed blocks of sound through a bounded queue."""

    def __init__(self, rate: int, name: str, back: int) -> None:
        """`back`: by how much its priority is below that of the picture."""
        self._back = back
        self.skipped_s = 0.0
        self._rate = rate
        self._queue: queue.Queue[tuple[NDArray[np.float32], float] | None] = queue.Queue(_BLOCKS)
        self._waiting = 0  # samples
        self._lost = 0  # samples left out since the last that were heard
        self._ending = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        self._queue.put(None)
        self._thread.join()

    def feed(self, samples: NDArray[np.float32], came: float) -> None:
        with self._lock:
            full = self._waiting > _WAITING_S * self._rate or self._queue.qsize() >= _BLOCKS - 1
            if full:
                self._lost += len(samples)
                self.skipped_s += len(samples) / self._rate
                return
            if self._lost:  # silence in its place, so that times stay true
                samples = np.concatenate([np.zeros((self._lost, samples.shape[1]), np.float32), samples])
                self._lost = 0
            self._waiting += len(samples)
        self._queue.put_nowait((samples, came))

    def _run(self) -> None:
        lower_priority(self._back)
        while (given := self._queue.get()) is not None and not self._ending:
            with self._lock:
                self._waiting -= len(given[0])
            self.hear(*given)

    @abstractmethod
    def hear(self, samples: NDArray[np.float32], came: float) -> None:
        """Take a block of sound that came at `came` s, in the worker's own thread."""


class _Ears(_Worker):
    """Windows: loudness, instruments, colour."""

    def __init__(self, rate: int, classifier: Classifier, on_analysis: Callable[[TimedAnalysis], None]) -> None:
        super().__init__(rate, "live windows", 3)
        self.voice: float | None = None
        self._cutter = RollingWindows(rate, HOP_S)
        self._listener = WindowAnalyzer(classifier)
        self._on_analysis = on_analysis
        self._fresh: list[Word] = []

    def say(self, words: list[Word]) -> None:
        """Words to be said in the next window."""
        with self._lock:
            self._fresh = [*self._fresh, *words][-_KEPT_WORDS:]

    def hear(self, samples: NDArray[np.float32], came: float) -> None:
        for window in self._cutter.push(samples):
            heard = self._listener.hear(window)
            self.voice = heard.probabilities.get("vocal")
            with self._lock:
                words, self._fresh = self._fresh, []
            heard = msgspec.structs.replace(heard, words=tuple(words))
            self._on_analysis(TimedAnalysis(heard, came))


class _Words(_Worker):
    """Words, as they are committed."""

    def __init__(
        self, rate: int, transcriber: Transcriber, ears: _Ears, on_words: Callable[[list[Word]], None]
    ) -> None:
        super().__init__(rate, "live words", 10)
        self._transcriber = transcriber
        self._ears = ears
        self._on_words = on_words
        self._resample = soxr.ResampleStream(rate, SPEECH_RATE, 1, dtype="float32")
        self._held: list[NDArray[np.float32]] = []
        self._held_samples = 0

    def hear(self, samples: NDArray[np.float32], came: float) -> None:
        self._held.append(np.asarray(samples.mean(axis=1), dtype=np.float32))
        self._held_samples += len(samples)
        if self._held_samples < 0.1 * self._rate:
            return
        mono = np.concatenate(self._held)
        self._held, self._held_samples = [], 0
        if words := self._transcriber.feed(self._resample.resample_chunk(mono), self._ears.voice):
            self._ears.say(words)
            self._on_words(words)
