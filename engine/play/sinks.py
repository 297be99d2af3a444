"""The seam between the player and whatever shows or keeps its pictures."""

from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # height x width x 3, RGB, top row first


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
