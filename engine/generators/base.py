"""The seam between the render process and whatever makes pictures."""

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from engine.render.job import Job
from engine.types import Frame


class Rendering(Protocol):
    """The last stage of one job: its frames as they come, and the rate they are meant for."""

    fps: float  # the clip's own frame rate
    count: int  # how many frames there will be
    apart: bool  # whether they may be made in another thread while the generator begins another job

    def __iter__(self) -> Iterator[Frame]: ...


class Generator(Protocol):
    """Turns one job at a time into frames; lives in the render process and owns its device."""

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> Rendering:
        """Do all of `job` that precedes its frames; iterate the result for those.

        `cancelled` is asked between steps: once true, this or the iteration ends early with `Cancelled`.
        `progress` takes the finished share, 0 to 1, of what precedes the frames, where that is work.
        """
        ...

    def close(self) -> None:
        """Release the device."""
        ...


class Level(msgspec.Struct, frozen=True):
    """A way to render: its name for the generator, and its work beside the best level's, 0 to 1."""

    name: str
    work: float
