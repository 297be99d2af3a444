"""A generator without a device: plain colours from the palette, the same for the same job, as slow as wanted."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from engine.errors import Cancelled, RenderError
from engine.render.job import Job
from engine.types import Frame

_STEP_S = 0.02
FAIL = "fail:"  # a prompt that begins so fails, with the rest of it as the reason


class FakeGenerator:
    """Fades from the palette's first colour to its last; `pause` seconds of sleep before each frame.

    With `before` seconds of sleep before the first frame it has two stages, and makes its frames apart.
    """

    def __init__(self, pause: float = 0.0, before: float = 0.0) -> None:
        self.pause = pause
        self.before = before

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> "FakeRendering":
        """Begin `job`; the size and rate are the wanted ones.

        Raises:
            RenderError: the prompt begins with `FAIL`.
            Cancelled: it was withdrawn in the first stage.
        """
        if job.prompt.startswith(FAIL):
            raise RenderError(job.prompt.removeprefix(FAIL).strip())
        ends = time.monotonic() + self.before
        while (left := ends - time.monotonic()) > 0:
            if cancelled():
                raise Cancelled
            progress(1 - left / self.before)
            time.sleep(min(left, _STEP_S))
        return FakeRendering(job, self.pause, cancelled, apart=self.before > 0)

    def close(self) -> None:
        """Nothing to release."""


class FakeRendering:
    """The frames of one job."""

    def __init__(self, job: Job, pause: float, cancelled: Callable[[], bool], apart: bool = False) -> None:
        self.apart = apart
        self.fps = job.fps
        self.count = max(1, round(job.seconds * job.fps))
        self._job = job
        self._pause = pause
        self._cancelled = cancelled

    def __iter__(self) -> Iterator[Frame]:
        colours = [self._rgb(colour) for colour in (self._job.palette or ("#808080",))]
        for share in np.linspace(0.0, 1.0, self.count):
            time.sleep(self._pause)
            if self._cancelled():
                raise Cancelled
            colour = (1 - share) * colours[0] + share * colours[-1]
            frame = np.empty((self._job.height, self._job.width, 3), np.uint8)
            frame[:] = np.round(colour)
            yield frame

    @staticmethod
    def _rgb(colour: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array(list(bytes.fromhex(colour.removeprefix("#"))), np.float64)
