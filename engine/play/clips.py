"""Frames of a clip file by number: sequential reading is cheap, memory is bounded."""

import bisect
import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from engine.errors import RenderError
from engine.play.planes import Planes

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
