"""Where a show's pictures go: the window first, then every other output; and how long sound took to get there."""

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.play.sinks import Frame, Sink
from engine.play.stage import Stage
from engine.play.tap import Tap

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
