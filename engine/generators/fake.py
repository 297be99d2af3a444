"""A generator for tests, without a device: plain colours from the palette, at any speed."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engine.errors import Cancelled, RenderError
from engine.generators.base import FrameStream, GeneratorSpec, ModelInfo

if TYPE_CHECKING:
    from engine.render.protocol import Job
    from engine.types import Frame

_STEP_S = 0.02
FAIL = "fail:"  # a prompt that begins so fails, with the rest of it as the reason


class FakeGenerator:
    """Fades from the palette's first colour to its last, with `pause` seconds of sleep before each frame.

    With `before` seconds of sleep before the first frame, making the frames can overlap with the next job.
    """

    def __init__(self, pause: float = 0.0, before: float = 0.0) -> None:
        self.pause = pause
        self.before = before

    def render(self, job: "Job", cancelled: Callable[[], bool], progress: Callable[[float], None]) -> FrameStream:
        """Start `job`; its frames have the size and rate it asks for.

        Raises:
            RenderError: the prompt begins with `FAIL`.
            Cancelled: it was cancelled before the first frame.
        """
        if job.prompt.startswith(FAIL):
            raise RenderError(job.prompt.removeprefix(FAIL).strip())
        ends = time.monotonic() + self.before
        while (left := ends - time.monotonic()) > 0:
            if cancelled():
                raise Cancelled
            progress(1 - left / self.before)
            time.sleep(min(left, _STEP_S))
        count = max(1, round(job.seconds * job.fps))
        return FrameStream(job.fps, count, self._frames(job, count, cancelled), overlappable=self.before > 0)

    def _frames(self, job: "Job", count: int, cancelled: Callable[[], bool]) -> Iterator["Frame"]:
        import numpy as np  # noqa: PLC0415 - keeps the registry light

        palette = job.palette or ("#808080",)
        start, end = (np.array(list(bytes.fromhex(palette[at].removeprefix("#"))), np.float64) for at in (0, -1))
        for share in np.linspace(0.0, 1.0, count):
            time.sleep(self.pause)
            if cancelled():
                raise Cancelled
            frame = np.empty((job.height, job.width, 3), np.uint8)
            frame[:] = np.round((1 - share) * start + share * end)
            yield frame

    def close(self) -> None:
        """Nothing to release."""


SPEC = GeneratorSpec(
    name="fake",
    summary="plain colours, for tests",
    licence="Apache-2.0",
    find_model=lambda model, scenes: ModelInfo(model),
    create=lambda model, index: FakeGenerator(*(float(part) for part in (model or "0").split("+"))),
    seconds_per_second=0.5,
    listed=False,
)
