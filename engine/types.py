"""Types and protocols that more than one part of the engine uses."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # height x width x 3, RGB, top row first
Planes = NDArray[np.uint8]  # height * 3 / 2 x width: I420, the planes Y, U and V one after the other

LONGEST_CLIP_S = 6.0  # that a video model renders at once: 49 frames at 8 a second


class Output(Protocol):
    """Receives the pictures and the sound of a show in order, from one thread at a time."""

    name: str

    def write(self, frame: Frame | Planes, time: float, /) -> None:
        """Write the picture at `time` s of the show."""
        ...

    def write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        """Write sound [n, channels] from sample `start` of the show on; there are no gaps."""
        ...

    def close(self) -> None:
        """Finish; what was written is then complete."""
        ...

    def abort(self) -> None:
        """End after an error; what was written may be incomplete."""
        ...


class Progress:
    """Receives the progress of long work; a front end overrides the methods it shows. Times are in s of the song."""

    def set_lengths(self, song: float, shown: float) -> None:
        """The length of the song and of the part that is shown."""

    def analyzed(self, until: float) -> None:
        """The song is analyzed up to `until`."""

    def planned(self, clips: int) -> None:
        """That many clips are needed, as far as is known yet."""

    def rendering(self, finished: float) -> None:
        """That many clips are finished, counting the one in work by its share."""

    def shown(self, until: float) -> None:
        """Pictures are written or shown up to `until`."""


@dataclass
class Overrides:
    """How a running show looks, as far as a performer may change it; the compositor reads it for each picture."""

    reaction: float = 1.0  # how far the music moves the picture: 0 leaves it as it is, 2 is a lot
    flashes: int = 3  # allowed in any second, 0 to 3; with 0 onsets make no light
    blackout: bool = False
