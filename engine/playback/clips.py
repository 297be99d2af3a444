"""Reads the frames of a clip by number, with bounded memory, and interpolates frames between those of a slow clip."""

import bisect
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import RenderError
from engine.playback.yuv import allocate, size_of, split
from engine.types import Planes

CACHED_FRAMES = 4  # the neighbours of the present one


class ClipReader:
    """The frames of one video file, 0 to `count` - 1; forward reading decodes each frame once."""

    def __init__(self, path: Path) -> None:
        """Open `path` and index its frames, without decoding them.

        Raises:
            RenderError: not a video that can be read.
        """
        self.path = path
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise RenderError(f"{path.name}: cannot be read as a clip: {error}") from None
        try:
            self._stream = self._container.streams.video[0]
            self._stream.thread_type = "AUTO"
            packets = [p for p in self._container.demux(self._stream) if p.size and p.pts is not None]
        except (av.FFmpegError, IndexError) as error:
            self._container.close()
            raise RenderError(f"{path.name}: cannot be read as a clip: {error}") from None
        self._times = sorted(packet.pts for packet in packets if packet.pts is not None)
        self._keys = sorted(packet.pts for packet in packets if packet.is_keyframe and packet.pts is not None)
        if not self._times:
            self._container.close()
            raise RenderError(f"{path.name}: a clip without frames")
        self.count = len(self._times)
        self.fps = float(self._stream.average_rate or 0) or 1.0
        self._interpolator = FrameInterpolator()
        self._cache: OrderedDict[int, Planes] = OrderedDict()
        self._packets: Iterator[av.Packet] = iter(())
        self._decoder: Iterator[av.VideoFrame] | None = None
        self._next = 0  # the frame that the decoder returns next

    def frame(self, index: int) -> Planes:
        """Frame `index`, clamped to the clip. Not to be written to.

        Raises:
            RenderError: the clip is damaged.
        """
        index = min(max(index, 0), self.count - 1)
        if index in self._cache:
            return self._cache[index]
        try:
            return self._read(index)
        except (av.FFmpegError, StopIteration):
            raise RenderError(f"{self.path.name}: damaged at frame {index}") from None

    def between(self, index: int, share: float) -> Planes:
        """The picture at `share` (0..1) of the way from frame `index` to the next, along their motion.

        Raises as `frame`.
        """
        return self._interpolator.interpolate(self.frame(index), self.frame(index + 1), share, index)

    def _read(self, index: int) -> Planes:
        key = self._keys[max(0, bisect.bisect_right(self._keys, self._times[index]) - 1)]
        from_key = bisect.bisect_left(self._times, key)
        if self._decoder is None or index < self._next or from_key > self._next:
            self._drain()
            self._container.seek(key, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            self._decoder = (frame for packet in self._packets for frame in packet.decode())
            self._next = from_key
        while True:
            decoded = next(self._decoder)
            at = bisect.bisect_left(self._times, decoded.pts)
            self._next = at + 1
            if at >= index - 1:  # the one before it is cached too: blending reads both
                picture = np.asarray(decoded.to_ndarray(format="yuv420p"), dtype=np.uint8)
                self._cache[at] = picture
                while len(self._cache) > CACHED_FRAMES:
                    self._cache.popitem(last=False)
                if at >= index:
                    return picture

    def close(self) -> None:
        """Release the file."""
        self._drain()
        self._container.close()

    def _drain(self) -> None:
        """Drop the decoder. PyAV leaks some bytes with each demuxer that is not read to its end."""
        self._decoder = None
        with contextlib.suppress(av.FFmpegError):
            for _ in self._packets:
                pass


_FLOW_WIDTH = 320  # pixels; the flow of a smaller picture is smoother and four times cheaper
_MAX_WARP_ERROR = 24.0  # mean (of 255) of the warped frame, above which the frames are not one motion

Flow = NDArray[np.float32]  # height x width x 2, in pixels


def mix(first: Planes, second: Planes, share: float) -> Planes:
    """`share` (0..1) of the second picture over the rest of the first, which has its size."""
    return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), dtype=np.uint8)


class FrameInterpolator:
    """Mixes two frames along DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

    The flow of the last pair is cached, for several pictures between the same two frames.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._pair: int | None = None
        self._flows: tuple[Flow, Flow] | None = None  # of luma and of chroma

    def interpolate(self, first: Planes, second: Planes, share: float, pair: int) -> Planes:
        """The picture at `share` (0..1) of the way from `first` to `second`; `pair` is the pair's number."""
        if self._pair != pair:
            self._pair, self._flows = pair, self._measure(first, second)
        if self._flows is None:
            return mix(first, second, share)
        return mix(_warped(first, self._flows, -share), _warped(second, self._flows, 1.0 - share), share)

    def _measure(self, first: Planes, second: Planes) -> tuple[Flow, Flow] | None:
        """The flow from `first` to `second`; None where it explains too little."""
        width, height = size_of(first)
        scale = min(1.0, _FLOW_WIDTH / width)
        small = (max(16, round(width * scale)), max(16, round(height * scale)))
        a, b = (cv2.resize(split(each).luma, small, interpolation=cv2.INTER_AREA) for each in (first, second))
        flow = np.asarray(self._dis.calc(a, b, None), np.float32)
        warped = cv2.remap(b, _grid(small) + flow, None, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        if float(cv2.absdiff(warped, a).mean()) > _MAX_WARP_ERROR:
            return None
        return _resized_flow(flow, (width, height)), _resized_flow(flow, (width // 2, height // 2))


def _warped(planes: Planes, flows: tuple[Flow, Flow], share: float) -> Planes:
    """The picture warped by `share` of the flow."""
    moved = allocate(*size_of(planes))
    for plane, into, flow in zip(split(planes), split(moved), (flows[0], flows[1], flows[1]), strict=True):
        place = _grid(plane.shape[::-1]) + share * flow
        cv2.remap(plane, place, None, cv2.INTER_LINEAR, into, cv2.BORDER_REPLICATE)
    return moved


@lru_cache(maxsize=4)
def _grid(size: tuple[int, ...]) -> Flow:
    """The coordinates of every pixel of a picture of that width and height."""
    return np.dstack(np.meshgrid(np.arange(size[0]), np.arange(size[1]))).astype(np.float32)


def _resized_flow(flow: Flow, size: tuple[int, int]) -> Flow:
    """The flow of the same motion in a picture of another size."""
    ratio = np.array([size[0] / flow.shape[1], size[1] / flow.shape[0]], np.float32)
    return np.asarray(cv2.resize(flow, size) * ratio, dtype=np.float32)
