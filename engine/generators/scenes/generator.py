"""Clips of GLSL scenes: the scene is selected by the job's words, its inputs are set by the palette and the seed."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from engine.errors import Cancelled, RenderError
from engine.generators.base import FrameStream
from engine.generators.scenes import HALF
from engine.render.protocol import Job
from engine.scenes.gl import CompiledScene, open_layers, soft_size
from engine.scenes.selection import SceneLibrary
from engine.types import Frame

_MAX_SIDE = 16384  # pixels


class SceneGenerator:
    """Draws ISF scenes. A job gives the same frames every time on the same GL driver."""

    def __init__(self, *folders: Path) -> None:
        """Load the scenes of `folders`; see `SceneLibrary`. Raises ModelError, RenderError."""
        self.library = SceneLibrary(*folders)

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> FrameStream:
        """Start `job`; its frames are drawn while they are iterated.

        Raises:
            RenderError: the job has an impossible length, size or colour, or a preset that is not of this generator.
        """
        if job.preset not in ("", HALF):
            raise RenderError(f"the shader generator has no preset {job.preset!r}, only {HALF!r}")
        if not (job.seconds > 0 and job.fps > 0 and math.isfinite(job.seconds * job.fps)):
            raise RenderError(f"a clip of {job.seconds} s at {job.fps} frames per second cannot be drawn")
        if not (1 <= job.width <= _MAX_SIDE and 1 <= job.height <= _MAX_SIDE):
            raise RenderError(f"{job.width}x{job.height} is not a size that can be drawn")
        width, height = job.width, job.height
        if job.preset == HALF:
            width, height = max(2, width // 4 * 2), max(2, height // 4 * 2)
        scenes = self.library.select(job)
        if scenes[0].scene.soft:
            width, height = soft_size(width, height)
        job = msgspec.structs.replace(job, width=width, height=height)
        count = max(1, round(job.seconds * job.fps))
        return FrameStream(job.fps, count, self._frames(scenes, job, count, cancelled))

    def _frames(
        self, scenes: Sequence[CompiledScene], job: Job, count: int, cancelled: Callable[[], bool]
    ) -> Iterator[Frame]:
        with open_layers(self.library.context, scenes, job) as draw:
            for index in range(count):
                if cancelled():
                    raise Cancelled
                yield draw(index)

    def close(self) -> None:
        """Release the GL context."""
        self.library.close()
