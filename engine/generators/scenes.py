"""GLSL scenes as a generator: clips of a scene selected by the job's words, its inputs set by palette and seed."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.errors import Cancelled, RenderError, UsageError
from engine.generators.base import FrameStream, Generator, GeneratorSpec, Level, ModelInfo

if TYPE_CHECKING:  # importing this module loads neither NumPy nor OpenGL
    from engine.render.protocol import Job
    from engine.scenes.gl import CompiledScene
    from engine.types import Frame

HALF = "half"  # the preset that draws half as wide and high, for machines that cannot keep up with the show
_MAX_SIDE = 16384  # pixels


class SceneGenerator:
    """Draws ISF scenes. A job gives the same frames every time on the same GL driver."""

    def __init__(self, *folders: Path) -> None:
        """Load the scenes of `folders`; see `SceneLibrary`. Raises ModelError, RenderError."""
        from engine.scenes.selection import SceneLibrary  # noqa: PLC0415 - loads OpenGL

        self.library = SceneLibrary(*folders)

    def render(self, job: "Job", cancelled: Callable[[], bool], progress: Callable[[float], None]) -> FrameStream:
        """Start `job`; its frames are drawn while they are iterated.

        Raises:
            RenderError: the job has an impossible length, size or colour, or a preset that is not of this generator.
        """
        from engine.scenes.gl import soft_size  # noqa: PLC0415 - loads OpenGL

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
        self, scenes: Sequence["CompiledScene"], job: "Job", count: int, cancelled: Callable[[], bool]
    ) -> Iterator["Frame"]:
        from engine.scenes.gl import open_layers  # noqa: PLC0415 - loads OpenGL

        with open_layers(self.library.context, scenes, job) as draw:
            for index in range(count):
                if cancelled():
                    raise Cancelled
                yield draw(index)

    def close(self) -> None:
        """Release the GL context."""
        self.library.close()


def find_model(model: str, scenes: str) -> ModelInfo:
    """The scenes in the folder `scenes`, "" for AIMV's own; the id has their digest, so changed scenes are new clips.

    Raises:
        UsageError: there is no such folder, or nothing in it that can be drawn.
        ModelError: there is no OpenGL.
    """
    from engine.scenes.selection import SceneLibrary, scenes_digest  # noqa: PLC0415 - loads OpenGL

    if not scenes:
        return ModelInfo(scenes_digest())
    folder = Path(scenes)
    if not folder.is_dir():
        raise UsageError(f"there is no folder of scenes {folder}", option="scenes")
    try:
        library = SceneLibrary(folder)
    except RenderError as error:
        raise UsageError(f"none of the scenes in {folder} can be drawn: {error}", option="scenes") from error
    library.close()
    count = len(library.scenes)
    summary = f"with {count} scene{'s' * (count > 1)} from {folder}"
    return ModelInfo(f"{scenes_digest(folder)} {folder.absolute()}", summary=summary, skipped=library.skipped)


def create(model: str, index: int) -> Generator:
    """Open a GL context and compile the scenes of `model`, an id from `find_model`. Raises ModelError, RenderError."""
    _, _, folder = model.partition(" ")
    return SceneGenerator(*([Path(folder)] if folder else []))


SPEC = GeneratorSpec(
    name="shader",
    summary="scenes drawn by GLSL shaders",
    licence="Apache-2.0",
    find_model=find_model,
    create=create,
    levels=(Level("", 1.0), Level(HALF, 0.3)),
    seconds_per_second=0.5,
    takes_scenes=True,
)
