"""Frames of a clip file by number: sequential reading is cheap, memory is bounded.

Pictures between the frames of a slow clip: motion-compensated where the motion can be told, else mixed.
"""

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
from engine.playback.yuv import empty, parts, size_of
from engine.types import Planes

KEPT = 4  # decoded frames kept: the neighbours of the present one


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
        self._kept: OrderedDict[int, Planes] = OrderedDict()
        self._packets: Iterator[av.Packet] = iter(())
        self._decoder: Iterator[av.VideoFrame] | None = None
        self._next = 0  # the frame the decoder gives next

    def frame(self, index: int) -> Planes:
        """Frame `index`, clamped to the clip. Not to be written to.

        Raises:
            RenderError: the clip is damaged.
        """
        index = min(max(index, 0), self.count - 1)
        if index in self._kept:
            return self._kept[index]
        try:
            return self._read(index)
        except (av.FFmpegError, StopIteration):
            raise RenderError(f"{self.path.name}: damaged at frame {index}") from None

    def _read(self, index: int) -> Planes:
        key = self._keys[max(0, bisect.bisect_right(self._keys, self._times[index]) - 1)]
        from_key = bisect.bisect_left(self._times, key)
        if self._decoder is None or index < self._next or from_key > self._next:
            self._run_out()
            self._container.seek(key, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            self._decoder = (frame for packet in self._packets for frame in packet.decode())
            self._next = from_key
        while True:
            decoded = next(self._decoder)
            at = bisect.bisect_left(self._times, decoded.pts)
            self._next = at + 1
            if at >= index - 1:  # the one before it is kept too: blending asks for both
                picture = np.asarray(decoded.to_ndarray(format="yuv420p"), dtype=np.uint8)
                self._kept[at] = picture
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
                if at >= index:
                    return picture

    def close(self) -> None:
        """Release the file."""
        self._run_out()
        self._container.close()

    def _run_out(self) -> None:
        """Let the present decoder go. PyAV loses some bytes with each demuxer that is not read to its end."""
        self._decoder = None
        with contextlib.suppress(av.FFmpegError):
            for _ in self._packets:
                pass


_FLOW_WIDTH = 320  # pixels; the flow of a smaller picture is smoother and four times cheaper
_STRANGE = 24.0  # mean error (of 255) of the warped frame above which the two frames are no motion of one another

Flow = NDArray[np.float32]  # height x width x 2, in pixels


def mix(first: Planes, second: Planes, share: float) -> Planes:
    """`share` (0..1) of the second picture over the rest of the first, which has its size."""
    return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), dtype=np.uint8)


class FrameInterpolator:
    """Mixes two frames along DIS optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016).

    The flow of the last pair is kept: several pictures are asked for between the same two frames.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._pair: tuple[int, int] | None = None
        self._flows: tuple[Flow, Flow] | None = None  # of light and of colour

    def interpolate(self, first: Planes, second: Planes, share: float, key: tuple[int, int]) -> Planes:
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
