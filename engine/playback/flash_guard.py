"""Flash guard: counts flashes on finished pictures as photosensitive viewers see them, and limits them."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.playback.yuv import allocate, split, to_rgb
from engine.types import Frame, Planes

MAX_FLASHES = 3  # allowed in any second
MIN_AREA = 0.25  # of the picture that must flash together to count
_SAMPLED, _BLOCKS = (320, 180), (32, 18)
_STEP = 0.1  # change of relative luminance that is half a flash ...
_DARK = 0.8  # ... where the darker picture lies below this
_RED_STEP = 20.0 / 320.0  # change of (R - G - B) x 320 that is half a red flash, scaled to 1
_SATURATED_RED = 0.8  # share of R in R + G + B from which a colour is saturated red
_MIX_SHARES = (0.5, 0.25, 0.1)  # of the new picture that are tried, in order, against a flash

_LINEAR = (((np.arange(256) / 255.0 + 0.055) / 1.055) ** 2.4).astype(np.float32)  # sRGB, IEC 61966-2-1
_LINEAR[:11] = np.arange(11) / 255.0 / 12.92


class _Transitions(NamedTuple):
    """The counter's state after one more value, per block."""

    turned: NDArray[np.bool_]
    direction: NDArray[np.int8]
    extreme: NDArray[np.float32]
    changes: NDArray[np.int64]  # in the last second, with this one


class FlashMeasurement(NamedTuple):
    """What one more picture would add; `is_fault` if it would exceed the limit."""

    general: _Transitions
    red: _Transitions
    is_fault: bool


class FlashMeter:
    """Counts general and red flashes after WCAG 2.3.1 and ITU-R BT.1702, block by block.

    A flash is a pair of opposing changes of relative luminance by a tenth or more where the darker picture is below
    0.8, or such a pair to and from saturated red. A picture is at fault when a quarter of it or more has had more than
    three flashes in the second that it ends.
    """

    def __init__(self, fps: float, limit: int = MAX_FLASHES) -> None:
        """`limit` flashes are allowed in any second."""
        second = max(1, round(fps))
        self._limit = limit
        self._general, self._red = _TransitionCounter(_STEP, second), _TransitionCounter(_RED_STEP, second)

    def add(self, frame: Frame | Planes) -> bool:
        """Add the next picture; whether it is at fault."""
        measurement = self.measure(frame)
        self.commit(measurement)
        return measurement.is_fault

    def measure(self, frame: Frame | Planes) -> FlashMeasurement:
        """Measure `frame` as the next picture without adding it."""
        linear = _LINEAR[cv2.resize(_sampled(frame), _BLOCKS, interpolation=cv2.INTER_AREA)]
        luminance = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        general = self._general.measure(luminance, np.minimum(luminance, self._general.last(luminance)) < _DARK)
        redness = np.maximum(0.0, linear[..., 0] - linear[..., 1] - linear[..., 2])
        saturated = linear[..., 0] >= _SATURATED_RED * np.maximum(linear.sum(axis=2), 1e-6)
        red = self._red.measure(redness, saturated | (self._red.last(redness) > redness))
        area = max((transitions.changes > 2 * self._limit).mean() for transitions in (general, red))
        return FlashMeasurement(general, red, bool(area >= MIN_AREA))

    def commit(self, measurement: FlashMeasurement) -> None:
        """Add the picture that was measured."""
        self._general.commit(measurement.general)
        self._red.commit(measurement.red)


class FlashGuard:
    """Lets pictures pass unless one would be at fault: then it is mixed with the one before until it is not.

    No picture waits for another. What is safe passes untouched.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._limit = MAX_FLASHES
        self._meter = FlashMeter(fps)
        self._last: Planes | None = None
        self._time = -np.inf

    def set_limit(self, limit: int) -> None:
        """From now on allow `limit` flashes in any second, 1 or more."""
        if limit != self._limit:
            self._limit, self._meter = limit, FlashMeter(self._fps, limit)

    def apply(self, frame: Planes, time: float) -> Planes:
        """The picture that may be shown at `time` s; a jump in time starts anew."""
        if not 0.0 <= time - self._time <= 2.0 / self._fps:
            self._meter, self._last = FlashMeter(self._fps, self._limit), None
        self._time = time
        measurement = self._meter.measure(frame)
        if measurement.is_fault and self._last is not None:
            frame, measurement = self._mixed(frame, self._last)
        self._meter.commit(measurement)
        self._last = frame
        return frame

    def _mixed(self, frame: Planes, last: Planes) -> tuple[Planes, FlashMeasurement]:
        for share in _MIX_SHARES:
            mixed = np.asarray(cv2.addWeighted(frame, share, last, 1.0 - share, 0.0), dtype=np.uint8)
            measurement = self._meter.measure(mixed)
            if not measurement.is_fault:
                return mixed, measurement
        return last, self._meter.measure(last)


def _sampled(frame: Frame | Planes) -> Frame:
    """A sample of the picture's pixels, as RGB."""
    if frame.ndim == 3:
        return np.asarray(cv2.resize(frame, _SAMPLED, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    sampled = allocate(*_SAMPLED)
    for plane, into in zip(split(frame), split(sampled), strict=True):
        cv2.resize(plane, into.shape[::-1], into, interpolation=cv2.INTER_NEAREST)
    return to_rgb(sampled)


class _TransitionCounter:
    """Counts opposing changes of a value per block over the last second; two make a flash."""

    def __init__(self, step: float, second: int) -> None:
        """A change of `step` counts; a second has `second` pictures."""
        self._step, self._second = step, second
        self._extreme: NDArray[np.float32] | None = None  # the value at the last turn
        self._direction = np.zeros(_BLOCKS[::-1], np.int8)
        self._recent: list[NDArray[np.bool_]] = []

    def last(self, value: NDArray[np.float32]) -> NDArray[np.float32]:
        """The value at the last turn; `value` itself before the first."""
        return value if self._extreme is None else self._extreme

    def measure(self, value: NDArray[np.float32], counts: NDArray[np.bool_]) -> _Transitions:
        """What `value` would change; only blocks in `counts` may turn."""
        extreme = self.last(value)
        before = self._direction
        change = value - extreme
        direction = np.sign(change).astype(np.int8)
        turned = (np.abs(change) >= self._step) & (direction != before) & counts
        further = direction == before  # the same direction: the extreme moves along
        recent = [*self._recent, turned][-self._second :]
        return _Transitions(
            turned,
            np.where(turned, direction, before).astype(np.int8),
            np.where(turned | further, value, extreme).astype(np.float32),
            np.asarray(np.sum(recent, axis=0)),
        )

    def commit(self, transitions: _Transitions) -> None:
        """Add the value that was measured."""
        self._direction, self._extreme = transitions.direction, transitions.extreme
        self._recent.append(transitions.turned)
        del self._recent[: -self._second]
