"""Pictures between the frames of a slow clip: motion-compensated where the motion can be told, else mixed."""

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

_FLOW_WIDTH = 320  # pixels; the flow of a smaller picture is smoother and four times cheaper
_STRANGE = 24.0  # mean error (of 255) of the warped frame above which the two frames are no motion of one another


def mix(first: Frame, second: Frame, share: float) -> Frame:
    """`share` (0..1) of the second picture over the rest of the first."""
    return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), dtype=np.uint8)


class Tween:
    """Mixes two frames along DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

    The flow of the last pair is kept: several pictures are asked for between the same two frames.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._pair: tuple[int, int] | None = None
        self._flow: NDArray[np.float32] | None = None
        self._grid: NDArray[np.float32] = np.zeros((0, 0, 2), np.float32)

    def between(self, first: Frame, second: Frame, share: float, key: tuple[int, int]) -> Frame:
        """The picture at `share` (0..1) of the way from `first` to `second`; `key` names the pair."""
        if self._pair != key:
            self._pair, self._flow = key, self._measure(first, second)
        if self._flow is None:
            return mix(first, second, share)
        forward = cv2.remap(first, self._grid - share * self._flow, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        backward = cv2.remap(
            second, self._grid + (1.0 - share) * self._flow, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        return mix(forward, backward, share)

    def _measure(self, first: Frame, second: Frame) -> NDArray[np.float32] | None:
        """Flow from `first` to `second` in pixels, height x width x 2; None where it explains too little."""
        height, width = first.shape[:2]
        scale = min(1.0, _FLOW_WIDTH / width)
        small = (max(16, round(width * scale)), max(16, round(height * scale)))
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        a, b = (cv2.resize(each, small, interpolation=cv2.INTER_AREA) for each in grey)
        flow = self._dis.calc(a, b, None)
        grid = np.dstack(np.meshgrid(np.arange(small[0]), np.arange(small[1]))).astype(np.float32)
        warped = cv2.remap(b, grid + flow, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        if float(cv2.absdiff(warped, a).mean()) > _STRANGE:
            return None
        if self._grid.shape[:2] != (height, width):
            self._grid = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)
        ratio = np.array([width / small[0], height / small[1]], np.float32)
        return np.asarray(cv2.resize(flow, (width, height)) * ratio, dtype=np.float32)
