"""Flashes as photosensitive viewers meet them: counted on finished pictures, whatever caused them."""

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # height x width x 3, RGB

MOST = 3  # flashes allowed in any second
AREA = 0.25  # of the picture that must flash together to count
_BLOCKS = (32, 18)
_STEP = 0.1  # change of relative luminance that is half a flash ...
_DARK = 0.8  # ... where the darker picture lies below this
_RED_STEP = 20.0 / 320.0  # change of (R - G - B) x 320 that is half a red flash, scaled to 1
_RED = 0.8  # share of R in R + G + B from which a colour is saturated red

_LINEAR = (((np.arange(256) / 255.0 + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LINEAR[:11] = np.arange(11) / 255.0 / 12.92


class FlashMeter:
    """Counts general and red flashes after WCAG 2.3.1 and ITU-R BT.1702, block by block.

    A flash is a pair of opposing changes of relative luminance by a tenth or more where the darker picture is below
    0.8, or such a pair to and from saturated red. A picture is at fault when a quarter of it or more has had more than
    three flashes in the second that it ends.
    """

    def __init__(self, fps: float) -> None:
        self._second = max(1, round(fps))
        self._general = _Swings(_STEP, self._second)
        self._red = _Swings(_RED_STEP, self._second)

    def add(self, frame: Frame) -> bool:
        """Take the next picture; whether it is at fault."""
        small = _LINEAR[cv2.resize(frame, _BLOCKS, interpolation=cv2.INTER_AREA)]
        luminance = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        general = self._general.add(luminance, np.minimum(luminance, self._general.last(luminance)) < _DARK)
        total = small.sum(axis=2)
        redness = np.maximum(0.0, small[..., 0] - small[..., 1] - small[..., 2])
        saturated = small[..., 0] >= _RED * np.maximum(total, 1e-6)
        red = self._red.add(redness, saturated | (self._red.last(redness) > redness))
        return bool((general > 2 * MOST).mean() >= AREA or (red > 2 * MOST).mean() >= AREA)


class _Swings:
    """Opposing changes of a value per block, counted over the last second; two make a flash."""

    def __init__(self, step: float, second: int) -> None:
        self._step, self._second = step, second
        self._extreme: NDArray[np.float32] | None = None  # the value at the last turn
        self._way: NDArray[np.int8] = np.zeros(0, np.int8)
        self._recent: list[NDArray[np.bool_]] = []

    def last(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """The value at the last turn; `value` itself before the first."""
        return value if self._extreme is None else self._extreme

    def add(self, value: NDArray[np.float32], counts: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many changes each block has had in the last second, with this one."""
        if self._extreme is None:
            self._extreme, self._way = value.copy(), np.zeros(value.shape, np.int8)
        change = value - self._extreme
        way = np.sign(change).astype(np.int8)
        turned = (np.abs(change) >= self._step) & (way != self._way) & counts
        further = way == self._way  # the same way on: the extreme moves along
        self._way = np.where(turned, way, self._way).astype(np.int8)
        self._extreme = np.where(turned | further, value, self._extreme).astype(np.float32)
        self._recent.append(turned)
        del self._recent[: -self._second]
        return np.asarray(np.sum(self._recent, axis=0))
