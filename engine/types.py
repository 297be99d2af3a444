"""Types and protocols that more than one part of the engine uses."""

from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # height x width x 3, RGB, top row first
Planes = NDArray[np.uint8]  # height * 3 / 2 x width: I420, the planes Y, U and V one after the other


class Sink(Protocol):
    """Takes pictures in order. As a context manager it is closed at the end, or given up on an exception."""

    def write(self, frame: Frame) -> None:
        """Take the next picture."""
        ...

    def close(self) -> None:
        """Finish; after this the result is complete."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Progress:
    """What long work tells of itself; all methods may be replaced by a front end. Times are in s of the song."""

    def lasts(self, song: float, shown: float) -> None:
        """The length of the song and of what will be shown of it."""

    def heard(self, until: float) -> None:
        """Listening has reached `until`."""

    def planned(self, cues: int) -> None:
        """That many clips are needed, as far as is known."""

    def rendering(self, finished: float) -> None:
        """That many clips are finished, counting the one in work by its share."""

    def shown(self, until: float) -> None:
        """Pictures are written or shown up to `until`."""
