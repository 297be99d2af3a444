"""An MP4 file of the pictures and the song's own sound, there whole or not at all."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
import soxr
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.files import output_error, whole_file
from engine.play.planes import Frame, Planes, bt709, of_rgb

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_AAC_FRAME = 1024  # samples
# Half the work of "veryfast" at the same error and an eighth more bits: what that preset adds is hardly used by
# pictures with grain, while looking ahead for what stays (mbtree) saves a third of the bits.
VIDEO_OPTIONS = {"crf": "18", "preset": "superfast", "bf": "0", "x264-params": "mbtree=1:rc-lookahead=10"}
_BITS_A_CHANNEL = 96_000


class FileSink:
    """H.264 (yuv420p, BT.709) and AAC in MP4, written beside `path` and moved there by `close`."""

    def __init__(
        self, path: Path, width: int, height: int, fps: float, *, sound: NDArray[np.float32], rate: int
    ) -> None:
        """`sound` is the song, [n, channels], full scale 1.0, at `rate` Hz; it begins with the first picture.

        Raises:
            UsageError: an odd or impossible size, or sound that is not [n, channels].
            OutputError: `path` cannot be written.
        """
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise UsageError(f"a video of {width}x{height} is not possible: width and height must be even")
        if sound.ndim != 2:
            raise UsageError("the sound must be given as samples by channels")
        self.path, self.frames = path, 0
        self._rate = Fraction(fps).limit_denominator(1001)
        self._size = (width, height)
        self._sound, self._sound_rate = _encodable(sound, rate)
        self._heard = 0  # samples given to the encoder
        try:
            self._open()
        except OSError as error:
            raise output_error(path, error) from error

    def _open(self) -> None:
        with ExitStack() as stack:
            temporary = stack.enter_context(whole_file(self.path))
            self._container: Any = stack.enter_context(
                av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
            )
            self._video = self._add_video()
            self._audio = self._add_audio() if len(self._sound) else None
            self._stack = stack.pop_all()

    def write(self, frame: Frame | Planes) -> None:
        """Encode the next picture and the sound up to its end.

        Raises:
            OutputError: no room left, or no permission; nothing is left behind.
        """
        planes = frame if frame.ndim == 2 else of_rgb(frame)
        with self._giving_up_on_failure():
            picture = av.VideoFrame.from_ndarray(bt709(planes), format="yuv420p")
            picture.pts, picture.time_base = self.frames, 1 / self._rate
            self._container.mux(self._video.encode(picture))
            self.frames += 1
            self._hear(int(self.frames / self._rate * self._sound_rate))

    def close(self) -> None:
        """Encode what is left of the sound and put the file in its place.

        Raises:
            OutputError: no room left, or no permission; nothing is left behind.
        """
        with self._giving_up_on_failure():
            self._hear(len(self._sound), flush=True)
            self._container.mux(self._video.encode(None))
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)

    def _giving_up_on_failure(self) -> ExitStack:
        """Leaves the open file to the end of the block if that ends ill: it is then closed and removed."""
        block = ExitStack()
        block.push(lambda kind, error, trace: self._stack.__exit__(kind, error, trace) if kind else None)
        return block

    def _add_video(self) -> Any:
        stream = self._container.add_stream("libx264", rate=self._rate, options=VIDEO_OPTIONS)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(1, round(2 * self._rate))
        context = stream.codec_context
        context.time_base = 1 / self._rate
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _add_audio(self) -> Any:
        channels = self._sound.shape[1]
        stream = self._container.add_stream(
            "aac", rate=self._sound_rate, options={"aac_coder": "fast"}, layout=("mono", "stereo")[channels - 1]
        )
        stream.bit_rate = _BITS_A_CHANNEL * channels
        return stream

    def _hear(self, until: int, flush: bool = False) -> None:
        """Encode the sound up to sample `until`, in whole AAC frames unless it is the end."""
        if self._audio is None:
            return
        until = min(until, len(self._sound))
        while self._heard < until and (flush or until - self._heard >= _AAC_FRAME):
            part = self._sound[self._heard : min(self._heard + _AAC_FRAME, until)]
            layout = ("mono", "stereo")[part.shape[1] - 1]
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(part.T), format="fltp", layout=layout)
            block.sample_rate, block.pts, block.time_base = self._sound_rate, self._heard, Fraction(1, self._sound_rate)
            self._container.mux(self._audio.encode(block))
            self._heard += len(part)
        if flush:
            self._container.mux(self._audio.encode(None))


def _encodable(sound: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float32], int]:
    """The sound in one or two channels at a rate that AAC has, within full scale."""
    if sound.shape[1] > 2:
        sound = sound.mean(axis=1, keepdims=True, dtype=np.float32)
    if rate not in _AAC_RATES:
        wanted = next((r for r in reversed(_AAC_RATES) if r >= rate), 48000)
        sound, rate = np.asarray(soxr.resample(sound, rate, wanted), dtype=np.float32), wanted
    return np.clip(sound, -1.0, 1.0), rate
