"""Where a show's pictures go: the window first, then every other output; and how long sound took to get there.

The outputs beside the window that were asked for: a recording, streams, a virtual camera, NDI.
"""

import contextlib
import functools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.outputs.base import Drain, Tap
from engine.outputs.devices import Ndi, VirtualCamera
from engine.outputs.encoder import Recording, streamed
from engine.playback.compositor import Stage
from engine.types import Frame, Sink

_REMEMBERED = 256


class Outputs:
    """A sink that shows each picture of `stage` in `window` and hands it to the taps."""

    def __init__(self, stage: Stage, window: Sink | None, taps: Sequence[Tap]) -> None:
        self.taps = tuple(taps)
        self.latencies: deque[float] = deque(maxlen=_REMEMBERED)  # s, of the last attacks
        self._stage, self._window = stage, window
        self._handed = -1.0  # the time of the last picture given to the taps
        self._coming: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  # when told, when it came
        self._shown: deque[float] = deque(maxlen=60)

    def heard(self, samples: NDArray[np.float32], start: int, came: float, attack: bool) -> None:
        """Sound from sample `start` of the show on; it came at `came` (s, time.perf_counter); from any thread."""
        if attack:
            self._coming.append((time.perf_counter(), came))
        for tap in self.taps:
            tap.sound(samples, start)

    def write(self, frame: Frame) -> None:
        """Show the picture that the stage drew last."""
        begun = self._stage.begun
        if self._window:
            self._window.write(frame)
        shown = time.perf_counter()
        while self._coming and self._coming[0][0] <= begun:
            self.latencies.append(shown - self._coming.popleft()[1])
        self._shown.append(shown)
        if self._stage.time != self._handed:  # a picture that stands is shown again, but handed on once
            self._handed = self._stage.time
            for tap in self.taps:
                tap.picture(frame, self._stage.time)

    @property
    def fps(self) -> float:
        """Pictures a second, of late."""
        return (len(self._shown) - 1) / (self._shown[-1] - self._shown[0]) if len(self._shown) > 1 else 0.0

    @property
    def dropped(self) -> int:
        """Pictures that were shown but that an output had no room for."""
        return sum(tap.dropped for tap in self.taps)

    def latency(self, share: float) -> float | None:
        """The quantile (0 to 1) of the time from the arrival of an attack to its picture, s."""
        return float(np.quantile(np.array(self.latencies), share)) if self.latencies else None

    def close(self) -> None:
        """Finish every output."""
        for tap in self.taps:
            tap.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_RECORDED_S, _STREAMED_S, _SEEN_S = 4.0, 2.0, 0.1  # of pictures that may wait for each kind of output


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which outputs."""

    record: Path | None = None
    streams: tuple[str, ...] = ()
    camera: bool = False
    ndi: bool = False


class Taps:
    """The outputs; `recording` is None without one."""

    def __init__(self, wanted: Wanted, width: int, height: int, fps: float, rate: int) -> None:
        """Open them all; `rate` of the sound, Hz.

        Raises:
            UsageError, MissingExtra, OutputError: one cannot be had; none is then open.
        """
        self.all: list[Tap] = []
        self.recording: Recording | None = None
        with contextlib.ExitStack() as stack:
            for make, waiting, again in self._makers(wanted, (width, height, fps, rate)):
                tap = Tap(make, waiting, fps, again)
                stack.callback(tap.close)
                self.all.append(tap)
            stack.pop_all()

    def _makers(
        self, wanted: Wanted, shape: tuple[int, int, float, int]
    ) -> Iterator[tuple[Callable[[], Drain], float, bool]]:
        if path := wanted.record:

            def record() -> Recording:
                self.recording = Recording(path, *shape)
                return self.recording

            yield record, _RECORDED_S, False
        for url in wanted.streams:
            yield functools.partial(streamed, url, *shape), _STREAMED_S, True
        if wanted.camera:
            yield lambda: VirtualCamera(*shape[:3]), _SEEN_S, True
        if wanted.ndi:
            yield lambda: Ndi(*shape[:3]), _SEEN_S, True
