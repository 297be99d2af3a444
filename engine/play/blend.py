"""Pictures between the frames of a slow clip: motion-compensated where the motion can be told, else mixed."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.play.planes import Planes, empty, parts, size_of

_FLOW_WIDTH = 320  # pixels; the flow of a smaller picture is smoother and four times cheaper
_STRANGE = 24.0  # mean error (of 255) of the warped frame above which the two frames are no motion of one another

Flow = NDArray[np.float32]  # height x width x 2, in pixels


def mix(first: Planes, second: Planes, share: float) -> Planes:
    """`share` (0..1) of the second picture over the rest of the first, which has its size."""
    return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), dtype=np.uint8)


class Tween:
    """Mixes two frames along DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

    The flow of the last pair is kept: several pictures are asked for between the same two frames.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._pair: tuple[int, int] | None = None
        self._flows: tuple[Flow, Flow] | None = None  # of light and of colour

    def between(self, first: Planes, second: Planes, share: float, key: tuple[int, int]) -> Planes:
        """The picture at `share` (0..1) of the way from `first` to `second`; `key` names the pair."""
        if self._pair != key:
            self._pair, self._flows = key, self._measure(first, second)
        if self._flows is None:
            return mix(first, second, share)
        return mix(_moved(first, self._flows, -share), _moved(second, self._flows, 1.0 - share), share)

    def _measure(self, first: Planes, second: Planes) -> tuple[Flow, Flow] | None:
        """The flow from `first` to `second`; None where it explains too little."""
        width, height = size_of(first)
        scale = min(1.0, _FLOW_WIDTH / width)
        small = (max(16, round(width * scale)), max(16, round(height * scale)))
        a, b = (cv2.resize(parts(each).light, small, interpolation=cv2.INTER_AREA) for each in (first, second))
        flow = np.asarray(self._dis.calc(a, b, None), np.float32)
        warped = cv2.remap(b, _grid(small) + flow, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        if float(cv2.absdiff(warped, a).mean()) > _STRANGE:
            return None
        return _grown(flow, (width, height)), _grown(flow, (width // 2, height // 2))


def _moved(planes: Planes, flows: tuple[Flow, Flow], share: float) -> Planes:
    """The picture seen `share` of the flow further on."""
    moved = empty(*size_of(planes))
    for plane, into, flow in zip(parts(planes), parts(moved), (flows[0], flows[1], flows[1]), strict=True):
        place = _grid(plane.shape[::-1]) + share * flow
        cv2.remap(plane, place, None, cv2.INTER_LINEAR, into, cv2.BORDER_REPLICATE)
    return moved


@lru_cache(maxsize=4)
def _grid(size: tuple[int, ...]) -> Flow:
    """The place of every pixel of a picture of that width and height."""
    return np.dstack(np.meshgrid(np.arange(size[0]), np.arange(size[1]))).astype(np.float32)


def _grown(flow: Flow, size: tuple[int, int]) -> Flow:
    """The flow of the same motion in a picture of another size."""
    ratio = np.array([size[0] / flow.shape[1], size[1] / flow.shape[0]], np.float32)
    return np.asarray(cv2.resize(flow, size) * ratio, dtype=np.float32)
