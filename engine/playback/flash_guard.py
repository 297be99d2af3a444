"""Flashes as photosensitive viewers meet them: counted on finished pictures, and held back, whatever caused them."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.playback.yuv import empty, parts, rgb
from engine.types import Frame, Planes

MOST = 3  # flashes allowed in any second
AREA = 0.25  # of the picture that must flash together to count
_SAMPLED, _BLOCKS = (320, 180), (32, 18)
_STEP = 0.1  # change of relative luminance that is half a flash ...
_DARK = 0.8  # ... where the darker picture lies below this
_RED_STEP = 20.0 / 320.0  # change of (R - G - B) x 320 that is half a red flash, scaled to 1
_RED = 0.8  # share of R in R + G + B from which a colour is saturated red

_LINEAR = (((np.arange(256) / 255.0 + 0.055) / 1.055) ** 2.4).astype(np.float32)
_LINEAR[:11] = np.arange(11) / 255.0 / 12.92


class _Turn(NamedTuple):
    """What one more value does to the swings of every block."""

    turned: NDArray[np.bool_]
    way: NDArray[np.int8]
    extreme: NDArray[np.float32]
    changes: NDArray[np.int64]  # changes in the last second, with this one


class Look(NamedTuple):
    """What one more picture would be for the meter."""

    general: _Turn
    red: _Turn
    fault: bool


class FlashMeter:
    """Counts general and red flashes after WCAG 2.3.1 and ITU-R BT.1702, block by block.

    A flash is a pair of opposing changes of relative luminance by a tenth or more where the darker picture is below
    0.8, or such a pair to and from saturated red. A picture is at fault when a quarter of it or more has had more than
    three flashes in the second that it ends.
    """

    def __init__(self, fps: float, most: int = MOST) -> None:
        """`most` flashes are allowed in any second."""
        second = max(1, round(fps))
        self._most = most
        self._general, self._red = _Swings(_STEP, second), _Swings(_RED_STEP, second)

    def add(self, frame: Frame | Planes) -> bool:
        """Take the next picture; whether it is at fault."""
        look = self.look(frame)
        self.take(look)
        return look.fault

    def look(self, frame: Frame | Planes) -> Look:
        """What `frame` would be as the next picture; nothing is taken."""
        small = _LINEAR[cv2.resize(_sampled(frame), _BLOCKS, interpolation=cv2.INTER_AREA)]
        luminance = small @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        general = self._general.look(luminance, np.minimum(luminance, self._general.last(luminance)) < _DARK)
        redness = np.maximum(0.0, small[..., 0] - small[..., 1] - small[..., 2])
        saturated = small[..., 0] >= _RED * np.maximum(small.sum(axis=2), 1e-6)
        red = self._red.look(redness, saturated | (self._red.last(redness) > redness))
        fault = max((general.changes > 2 * self._most).mean(), (red.changes > 2 * self._most).mean()) >= AREA
        return Look(general, red, bool(fault))

    def take(self, look: Look) -> None:
        """The picture that was looked at is shown."""
        self._general.take(look.general)
        self._red.take(look.red)


class FlashGuard:
    """Lets pictures pass unless one would be at fault: then it is mixed with the one before until it is not.

    No picture waits for another. What is safe passes untouched.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._most = MOST
        self.held_back = 0  # pictures that were mixed
        self._meter = FlashMeter(fps)
        self._shown: Planes | None = None
        self._time = -np.inf

    def allow(self, most: int) -> None:
        """From now on at most `most` flashes in any second, 1 or more."""
        if most != self._most:
            self._most, self._meter = most, FlashMeter(self._fps, most)

    def limit(self, frame: Planes, time: float) -> Planes:
        """The picture that may be shown at `time` s; a jump in time begins anew."""
        if not 0.0 <= time - self._time <= 2.0 / self._fps:
            self._meter, self._shown = FlashMeter(self._fps, self._most), None
        self._time = time
        look = self._meter.look(frame)
        if look.fault and self._shown is not None:
            self.held_back += 1
            frame, look = self._mixed(frame, self._shown)
        self._meter.take(look)
        self._shown = frame
        return frame

    def _mixed(self, frame: Planes, shown: Planes) -> tuple[Planes, Look]:
        for share in (0.5, 0.25, 0.1):
            mixed = np.asarray(cv2.addWeighted(frame, share, shown, 1.0 - share, 0.0), dtype=np.uint8)
            look = self._meter.look(mixed)
            if not look.fault:
                return mixed, look
        return shown, self._meter.look(shown)


def _sampled(frame: Frame | Planes) -> Frame:
    """Some pixels of the picture."""
    if frame.ndim == 3:
        return np.asarray(cv2.resize(frame, _SAMPLED, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    sampled = empty(*_SAMPLED)
    for plane, into in zip(parts(frame), parts(sampled), strict=True):
        cv2.resize(plane, into.shape[::-1], into, interpolation=cv2.INTER_NEAREST)
    return rgb(sampled)


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

    def look(self, value: NDArray[np.float32], counts: NDArray[np.bool_]) -> _Turn:
        """What `value` would change; only blocks in `counts` may turn."""
        extreme = self.last(value)
        before = self._way if self._way.size else np.zeros(value.shape, np.int8)
        change = value - extreme
        way = np.sign(change).astype(np.int8)
        turned = (np.abs(change) >= self._step) & (way != before) & counts
        further = way == before  # the same way on: the extreme moves along
        recent = [*self._recent[1 - self._second :], turned] if self._second > 1 else [turned]
        return _Turn(
            turned,
            np.where(turned, way, before).astype(np.int8),
            np.where(turned | further, value, extreme).astype(np.float32),
            np.asarray(np.sum(recent, axis=0)),
        )

    def take(self, turn: _Turn) -> None:
        self._way, self._extreme = turn.way, turn.extreme
        self._recent.append(turn.turned)
        del self._recent[: -self._second]
