"""A scene in front of another, as the sentence says: the foreground sharp, the background dim and out of focus."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.render.generators.base import Frame

DISTANCE = 4  # the background is drawn so many times smaller: out of focus, and nearly free
_DIM = 0.75
_CLEAR, _EDGE, _LEAST = 0.55, 1.25, 0.1  # half axes from which the foreground fades, to which, and what is left there


def background_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which the background of a picture is drawn."""
    return max(16, width // DISTANCE), max(16, height // DISTANCE)


class Depth:
    """Lays a foreground over a background; both RGB, uint8, the foreground `height` x `width`."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._front = _shades(1.0 - (1.0 - _LEAST) * _far(width, height))
        self._behind = _shades(_DIM * (1.0 - _LEAST) * _far(*background_size(width, height)))

    def lay(self, foreground: Frame, background: Frame) -> Frame:
        """One picture of the two; the foreground's size."""
        dimmed = cv2.multiply(cv2.GaussianBlur(background, (0, 0), 1.0), self._behind, scale=1.0 / 255.0)
        blurred = cv2.resize(dimmed, self._size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(cv2.multiply(foreground, self._front, scale=1.0 / 255.0), blurred), dtype=np.uint8)


def _far(width: int, height: int) -> NDArray[np.float32]:
    """How far each pixel has gone from the foreground to the background, 0 to 1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot((2 * x + 1) / width - 1, (2 * y + 1) / height - 1)
    gone = np.clip((radius - _CLEAR) / (_EDGE - _CLEAR), 0.0, 1.0)
    return np.asarray(gone * gone * (3.0 - 2.0 * gone), dtype=np.float32)


def _shades(share: NDArray[np.float32]) -> Frame:
    """The share of each pixel as grey."""
    return np.repeat(np.round(255.0 * share).astype(np.uint8)[..., None], 3, axis=2)
