"""What a video generator is: the spec by which the registry knows it, and the protocol that it follows at work."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:  # importing this module loads neither NumPy nor OpenCV
    from engine.render.protocol import Job
    from engine.types import Frame


class FrameStream(msgspec.Struct, frozen=True):
    """The frames of one job, made one by one while they are iterated, once."""

    fps: float  # frames per second of the clip
    count: int  # number of frames
    frames: Iterator["Frame"]
    overlappable: bool = False  # whether they may be made in another thread while the generator starts the next job

    def __iter__(self) -> Iterator["Frame"]:
        return self.frames


class Generator(Protocol):
    """Renders one job at a time; lives in the render process and owns its device."""

    def render(self, job: "Job", cancelled: Callable[[], bool], progress: Callable[[float], None]) -> FrameStream:
        """Do the part of `job` that precedes its frames (denoising, say); iterating the result makes the frames.

        `cancelled` is polled between steps: once true, this or the iteration raises `Cancelled`.
        `progress` is called with the finished share, 0 to 1, of the part that precedes the frames.
        """
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class Level(msgspec.Struct, frozen=True):
    """A quality level: the preset that selects it and its work relative to the best level's, 0 to 1."""

    name: str
    work: float


class ModelInfo(msgspec.Struct, frozen=True):
    """A model that a generator can use on this machine or, unchecked, on another."""

    id: str  # the `model` of its jobs
    image_start: bool = False  # whether it is image-to-video: a clip can start from the last frame of another
    summary: str = ""
    skipped: tuple[str, ...] = ()  # parts of it that cannot be used, and why, a line each


class GeneratorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A generator as the registry lists it: its options and capabilities, known without importing its libraries.

    `find_model` takes the model's id or folder ("" for the default) and a folder of scenes ("" for the default), and
    checks, loading nothing large, that the packages and the model are on this machine; it raises MissingExtra,
    ModelError or UsageError. `remote_model` describes a model that only another host has. `create` loads a model in
    the render process; it takes the model's id and the number of that process on its host.
    """

    name: str
    summary: str  # of what it makes, one line
    licence: str  # of the default model, SPDX
    find_model: Callable[[str, str], ModelInfo]
    create: Callable[[str, int], Generator]
    remote_model: Callable[[str], ModelInfo] = ModelInfo
    default_model: str = ""
    how_to_get: str = ""  # commands that install it, one line
    presets: tuple[str, ...] = ()  # that a user may choose, best quality first
    levels: tuple[Level, ...] = (Level("", 1.0),)  # among which playing chooses by measured speed, best quality first
    seconds_per_second: float | None = None  # rendering time of a second of clip at first guess; None if unknown
    needs_gpu: bool = False  # too slow without CUDA
    image_start: bool = False  # has image-to-video models
    streams: bool = False  # makes frames as fast as they are shown
    takes_scenes: bool = False  # draws a folder of ISF files
    listed: bool = True  # offered to users

    @property
    def capabilities(self) -> str:
        """What it needs and what it can do, in a few words."""
        words = {
            "needs a GPU": self.needs_gpu,
            "image-to-video": self.image_start,
            "streams": self.streams,
            "draws folders of ISF files": self.takes_scenes,
            f"presets {', '.join(self.presets)}": bool(self.presets),
        }
        return "; ".join(word for word, is_true in words.items() if is_true)

    def levels_for(self, preset: str) -> tuple[Level, ...]:
        """The levels to render at where the user chose `preset`, "" for no choice."""
        return (Level(preset, 1.0),) if preset in self.presets else self.levels
