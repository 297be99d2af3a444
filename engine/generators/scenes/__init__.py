"""GLSL scenes as a generator: the scenes of `engine.scenes`, drawn into clips."""

from pathlib import Path

from engine.errors import RenderError, UsageError
from engine.generators.base import Generator, GeneratorSpec, Level, ModelInfo

HALF = "half"  # the preset that draws half as wide and high, for machines that cannot keep up with the show


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
    from engine.generators.scenes.generator import SceneGenerator  # noqa: PLC0415 - loads OpenGL

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
