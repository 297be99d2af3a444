"""The base of all outputs, and an output that is fed through a bounded queue by a thread of its own."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import AimvError
from engine.threads import lower_priority
from engine.types import Frame, Output, Planes

RETRY_S = (1.0, 2.0, 4.0, 8.0)  # from a failure to the next attempt, after one, two, ... attempts
_NICENESS = 5  # encoding gives way to the picture on screen
_AUDIO_BLOCKS = 4096  # that may wait


class MediaFormat(msgspec.Struct, frozen=True):
    """What outputs are given: pictures of one size, and sound unless `rate` is 0."""

    width: int  # pixels
    height: int
    fps: float
    rate: int = 0  # Hz
    channels: int = 2  # of what is encoded, 1 or 2


State = Literal["open", "lost", "failed"]


class BaseOutput:
    """What outputs have in common: they may do without sound, and are closed or aborted as context managers."""

    name = ""

    def write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        """Ignore the sound."""

    def close(self) -> None:
        """Finish; what was written is then complete."""

    def abort(self) -> None:
        """End after an error."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise


class QueuedOutput(BaseOutput):
    """Feeds an output through a bounded queue from its own thread; never blocks, counts what it had to drop.

    An output that fails is reopened after a while if `reopen`, else it has ended: `state` is then "failed" and `reason`
    says why. Only `AimvError`s count as failures; the show goes on in any case.
    """

    def __init__(
        self, factory: Callable[[], Output], queue_s: float, fps: float, reopen: bool = False, kind: str = ""
    ) -> None:
        """`queue_s` of pictures may wait; the first output is made here, and what `factory` raises is raised."""
        self.kind = kind  # the option that asked for it
        self.begins: float | None = None  # time of the first picture written, s
        self.dropped = 0  # pictures: the queue was full, or the output was not open
        self.audio_dropped = 0  # blocks of sound: the queue was full
        self.written = 0  # pictures
        self.state: State = "open"
        self.reason = ""
        self._factory, self._reopen = factory, reopen
        self._output: Output | None = factory()
        self.name = self._output.name
        self._picture_slots = threading.Semaphore(max(2, round(queue_s * fps)))
        self._audio_slots = threading.Semaphore(_AUDIO_BLOCKS)
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  # bounded by the semaphores
        self._retry_at, self._attempts = 0.0, 0
        self._thread = threading.Thread(target=self._run, name=f"output {self.name}", daemon=True)
        self._thread.start()

    def write(self, frame: Frame | Planes, time: float) -> None:
        """Queue a copy of the picture at `time` s, or drop it."""
        if not self._picture_slots.acquire(blocking=False):
            self.dropped += 1
            return
        copy = frame.copy()
        self._queue.put(lambda: self._write(copy, time))

    def write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        """Queue sound, or drop it; the samples may not change afterwards."""
        if self._audio_slots.acquire(blocking=False):
            self._queue.put(lambda: self._write_audio(samples, start))
        else:
            self.audio_dropped += 1

    def close(self) -> None:
        """Write what is queued and finish; failures are in `state` and `reason`."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        lower_priority(_NICENESS)
        while (action := self._queue.get()) is not None:
            action()
        if self._output:
            self._attempt(self._output.close)

    def _write(self, frame: Frame | Planes, time: float) -> None:
        self._picture_slots.release()
        output = self._opened()
        if output and self._attempt(lambda: output.write(frame, time)):
            self.written += 1
            self.begins = time if self.begins is None else self.begins
        else:
            self.dropped += 1

    def _write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        self._audio_slots.release()
        if output := self._output:
            self._attempt(lambda: output.write_audio(samples, start))

    def _opened(self) -> Output | None:
        if self._output is None and self.state == "lost" and time.monotonic() >= self._retry_at:
            try:
                self._output = self._factory()
            except AimvError as error:
                self._fail(error)
            else:
                self.state, self._attempts = "open", 0
        return self._output

    def _attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except AimvError as error:
            output, self._output = self._output, None
            if output:
                output.abort()
            self._fail(error)
            return False
        return True

    def _fail(self, error: AimvError) -> None:
        self.state, self.reason = ("lost" if self._reopen else "failed"), str(error)
        self._retry_at = time.monotonic() + RETRY_S[min(self._attempts, len(RETRY_S) - 1)]
        self._attempts += 1
