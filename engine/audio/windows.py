"""Rolling windows over a stream of samples."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError


class Window(msgspec.Struct, frozen=True):
    """A stretch of sound. The song's last window may be shorter than the others."""

    start: int  # sample
    samples: NDArray[np.float32]  # [n, channels]
    rate: int  # Hz

    @property
    def start_s(self) -> float:
        """Where the window starts, in seconds of the song."""
        return self.start / self.rate

    @property
    def end_s(self) -> float:
        """Where the window ends, in seconds of the song."""
        return (self.start + len(self.samples)) / self.rate

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of the channels, [n]."""
        return np.asarray(self.samples.mean(axis=1), dtype=np.float32)


class RollingWindows:
    """Cuts pushed samples into windows of `window_s` seconds, one each `hop_s`.

    Window k starts at sample round(k * hop_s * rate), so hops never drift. Memory is one window and one block.
    Raises UsageError for a hop outside 0.02 to `window_s` seconds.
    """

    def __init__(self, rate: int, hop_s: float = 0.25, window_s: float = 1.0) -> None:
        if not 0.02 <= hop_s <= window_s:
            raise UsageError(
                f"a hop of {hop_s:g} s cannot be used: choose one from 0.02 to {window_s:g} s", option="hop"
            )
        self._rate = rate
        self._hop = hop_s * rate
        self._size = round(window_s * rate)
        self._buffer: NDArray[np.float32] | None = None
        self._buffer_start = 0  # sample
        self._next = 0  # index of the next window
        self._covered = 0  # samples that were in some window

    def push(self, samples: NDArray[np.float32]) -> Iterator[Window]:
        """Take in [n, channels]; yields the windows that are now complete."""
        self._buffer = samples if self._buffer is None else np.concatenate([self._buffer, samples])
        while True:
            start = round(self._next * self._hop)
            first = start - self._buffer_start
            if first + self._size > len(self._buffer):
                break
            yield Window(start, self._buffer[first : first + self._size], self._rate)
            self._covered = start + self._size
            self._next += 1
        drop = min(max(0, round(self._next * self._hop) - self._buffer_start), len(self._buffer))
        self._buffer = self._buffer[drop:]
        self._buffer_start += drop

    def finish(self) -> Iterator[Window]:
        """Yields the last, short window if some sound has not been in any."""
        if self._buffer is None or self._buffer_start + len(self._buffer) <= self._covered:
            return
        start = round(self._next * self._hop)
        rest = self._buffer[start - self._buffer_start :]
        if len(rest):
            yield Window(start, rest, self._rate)
