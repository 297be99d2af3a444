"""The outputs of a show: which kinds there are, how they are opened, and the one that writes to all of them."""

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.outputs.base import BaseOutput, MediaFormat, QueuedOutput
from engine.outputs.devices import Ndi, VirtualCamera
from engine.outputs.encoder import encode_recording, encode_stream
from engine.types import Frame, Output, Planes

_LATENCIES = 256
_FPS_PICTURES = 60


class OutputKind(msgspec.Struct, frozen=True):
    """A kind of output: the option that asks for it, and how one is opened for a value of that option."""

    option: str  # its name in aimv/options.py: a switch, an address, a path, or several of those
    open: Callable[[Any, MediaFormat], Output]
    queue_s: float  # of pictures that may wait
    reopen: bool = True  # after a failure


OUTPUTS = (
    OutputKind("record", encode_recording, 4.0, reopen=False),
    OutputKind("stream", encode_stream, 2.0),
    OutputKind("camera", VirtualCamera, 0.1),
    OutputKind("ndi", Ndi, 0.1),
)


def open_outputs(options: Mapping[str, Any], format: MediaFormat) -> tuple[QueuedOutput, ...]:
    """Open the outputs that `options` ask for; names that are not in `OUTPUTS` are ignored.

    Raises:
        UsageError, MissingExtra, OutputError: one cannot be opened; none is then open.
    """
    opened = []
    with contextlib.ExitStack() as stack:
        for kind in OUTPUTS:
            value = options.get(kind.option)
            for each in value if isinstance(value, list | tuple) else [value] if value else []:
                factory = functools.partial(kind.open, each, format)
                output = QueuedOutput(factory, kind.queue_s, format.fps, kind.reopen, kind.option)
                stack.callback(output.close)
                opened.append(output)
        stack.pop_all()
    return tuple(opened)


class FanOut(BaseOutput):
    """Writes pictures to the window and the outputs beside it, and sound to those; measures rate and latency."""

    name = "outputs"

    def __init__(
        self, window: Output | None, outputs: Sequence[QueuedOutput], drawing_began: Callable[[], float]
    ) -> None:
        """`drawing_began` gives when the latest picture was begun to be drawn (s, time.perf_counter)."""
        self.outputs = tuple(outputs)
        self.latencies: deque[float] = deque(maxlen=_LATENCIES)  # s, of the last onsets
        self._window, self._drawing_began = window, drawing_began
        self._onsets: deque[tuple[float, float]] = deque(maxlen=_LATENCIES)  # when found, when it arrived
        self._shown: deque[float] = deque(maxlen=_FPS_PICTURES)
        self._latest = -1.0  # time of the last picture written to the outputs

    def write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        """Write sound to every output; from any thread."""
        for output in self.outputs:
            output.write_audio(samples, start)

    def note_onset(self, arrived: float) -> None:
        """An onset was found in sound that arrived then (s, time.perf_counter); from any thread."""
        self._onsets.append((perf_counter(), arrived))

    def write(self, frame: Frame | Planes, time: float) -> None:
        """Show the picture of `time` s, and write it to the outputs unless it is the latest one, shown again."""
        begun = self._drawing_began()
        if self._window:
            self._window.write(frame, time)
        shown = perf_counter()
        while self._onsets and self._onsets[0][0] <= begun:
            self.latencies.append(shown - self._onsets.popleft()[1])
        self._shown.append(shown)
        if time != self._latest:
            self._latest = time
            for output in self.outputs:
                output.write(frame, time)

    @property
    def fps(self) -> float:
        """Pictures a second, of late."""
        return (len(self._shown) - 1) / (self._shown[-1] - self._shown[0]) if len(self._shown) > 1 else 0.0

    @property
    def dropped(self) -> int:
        """Pictures that were shown but not written by an output."""
        return sum(output.dropped for output in self.outputs)

    @property
    def audio_dropped(self) -> int:
        """Blocks of sound that an output's queue had no room for."""
        return sum(output.audio_dropped for output in self.outputs)

    def latency(self, quantile: float) -> float | None:
        """The quantile (0 to 1) of the time from the arrival of an onset to its picture, s."""
        return float(np.quantile(np.array(self.latencies), quantile)) if self.latencies else None

    def close(self) -> None:
        """Finish every output beside the window."""
        for output in self.outputs:
            output.close()
