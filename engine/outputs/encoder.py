"""Pictures and sound of a show by libav: an MP4 recording, or a stream over RTMP, SRT or as MPEG-TS.

Frames to a clip file: H.264 by PyAV, near lossless, since the compositor decodes and encodes once more.

An MP4 file of the pictures and the song's own sound, there whole or not at all.
"""

from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
import soxr
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.reformatter import ColorRange as Range
from numpy.typing import NDArray

from engine.errors import OutputError, UsageError
from engine.files import check_writable, output_error, whole_file
from engine.generators.base import FrameStream
from engine.playback.yuv import bt709, of_rgb
from engine.types import Frame, Planes

_OPTIONS = {"crf": "12", "preset": "ultrafast"}


def encode(frames: FrameStream, path: Path, on_frame: Callable[[int], None]) -> int:
    """Write all `frames` to the MP4 file `path` and return how many there were.

    An odd last row or column is left off (4:2:0 chroma has none). A key frame every second makes seeking cheap.
    `on_frame` takes the number of frames written so far.

    Raises:
        OSError: no room, or no permission.
    """
    count = 0
    rate = Fraction(frames.fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4") as container:
        stream = None
        for frame in frames:
            height, width = frame.shape[0] & ~1, frame.shape[1] & ~1
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options=_OPTIONS)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.gop_size = max(1, round(frames.fps))
            planes = cv2.cvtColor(frame[:height, :width], cv2.COLOR_RGB2YUV_I420)  # four times faster than PyAV's own
            picture = av.VideoFrame.from_ndarray(np.asarray(planes, dtype=np.uint8), format="yuv420p")
            container.mux(stream.encode(picture))
            count += 1
            on_frame(count)
        if stream is not None:
            container.mux(stream.encode(None))
    return count


_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
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


_SOUND_RATE = 48_000
_AAC_FRAME = 1024
_SOUND_BITS = 160_000
_RECORDED = {"preset": "ultrafast", "crf": "18"}
_STREAMED = {"preset": "veryfast", "tune": "zerolatency", "crf": "23", "maxrate": "6M", "bufsize": "6M"}
_FORMATS = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts"}
_CRASHPROOF = {"movflags": "hybrid_fragmented+delay_moov", "frag_duration": "1000000", "flush_packets": "1"}
_TIMEOUT_S = 5.0


class AvDrain:
    """H.264 and AAC. A picture is stamped with its time in the show, so one that is missing leaves no shift behind.

    Both begin with the first picture; sound from before it is left out.
    """

    def __init__(
        self, container: Any, name: str, width: int, height: int, fps: float, rate: int, coder: dict[str, str]
    ) -> None:
        """`rate` of the sound that comes, Hz."""
        self.name = name
        self._container = container
        self._fps = Fraction(fps).limit_denominator(1001)
        self._origin: int | None = None  # the first picture's number
        self._last = -1
        self._source_rate = rate
        self._resample = soxr.ResampleStream(rate, _SOUND_RATE, 2, dtype="float32")
        self._early: list[tuple[int, NDArray[np.float32]]] = []
        self._held = np.zeros((0, 2), np.float32)
        self._heard = 0  # samples given to the encoder
        self._reformat = VideoReformatter()
        self._video: Any = container.add_stream("libx264", rate=self._fps, options=coder)
        self._video.width, self._video.height, self._video.pix_fmt = width, height, "yuv420p"
        self._video.codec_context.time_base = 1 / self._fps
        self._video.codec_context.gop_size = max(1, round(2 * fps))
        self._video.codec_context.colorspace = Colorspace.ITU709
        self._video.codec_context.color_range = Range.MPEG
        self._audio: Any = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        self._audio.bit_rate = _SOUND_BITS

    def picture(self, frame: Frame, t: float) -> None:
        """Encode the picture of `t` s of the show; one for the same moment as the last is left out."""
        number = round(t * self._fps)
        if self._origin is None:
            self._origin = number
            early, self._early = self._early, []
            for start, samples in early:
                self.sound(samples, start)
        if number - self._origin <= self._last:
            return
        self._last = number - self._origin
        with _as_output_error(self.name):
            picture = self._reformat.reformat(
                av.VideoFrame.from_ndarray(frame, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=Range.MPEG,
            )
            picture.pts, picture.time_base = self._last, 1 / self._fps
            self._container.mux(self._video.encode(picture))

    @property
    def origin(self) -> float | None:
        """The time in the show at which it begins, s; None before the first picture."""
        return None if self._origin is None else float(self._origin / self._fps)

    def sound(self, samples: NDArray[np.float32], start: int) -> None:
        """Encode sound [n, channels] from sample `start` of the show on."""
        if self._origin is None:
            self._early = [*self._early[-200:], (start, samples)]
            return
        skip = max(0, round(self._origin / self._fps * self._source_rate) - start)
        if skip >= len(samples):
            return
        two = samples[skip:, :2] if samples.shape[1] > 1 else np.repeat(samples[skip:], 2, axis=1)
        self._held = np.concatenate([self._held, self._resample.resample_chunk(np.ascontiguousarray(two))])
        self._encode_sound(whole=True)

    def close(self) -> None:
        """Encode the rest and end the file or the stream."""
        with _as_output_error(self.name):
            self._held = np.concatenate([self._held, self._resample.resample_chunk(np.zeros((0, 2), np.float32), True)])
            self._encode_sound(whole=False)
            self._container.mux(self._audio.encode(None))
            self._container.mux(self._video.encode(None))
            self._container.close()

    def give_up(self) -> None:
        """Let go of the connection."""
        with ExitStack() as stack:
            stack.push(lambda kind, error, trace: True)  # what is broken may complain
            self._container.close()

    def _encode_sound(self, whole: bool) -> None:
        with _as_output_error(self.name):
            while len(self._held) >= (_AAC_FRAME if whole else 1):
                part, self._held = self._held[:_AAC_FRAME], self._held[_AAC_FRAME:]
                block = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(np.clip(part, -1.0, 1.0).T), format="fltp", layout="stereo"
                )
                block.sample_rate, block.pts, block.time_base = _SOUND_RATE, self._heard, Fraction(1, _SOUND_RATE)
                self._container.mux(self._audio.encode(block))
                self._heard += len(part)


class Recording(AvDrain):
    """An MP4 file that is playable up to its last second even if the power fails: its `.part` then remains."""

    def __init__(self, path: Path, width: int, height: int, fps: float, rate: int) -> None:
        """Begin to record into `path`.

        Raises:
            UsageError: that is no name for a video.
            OutputError: it cannot be written there.
        """
        if path.suffix.lower() != ".mp4":
            raise UsageError(f"{path} is not named as a video: give --record a name that ends in .mp4")
        check_writable(path)
        with ExitStack() as stack:
            temporary = stack.enter_context(whole_file(path))
            try:
                container = av.open(str(temporary), "w", format="mp4", options=_CRASHPROOF)
            except OSError as error:
                raise output_error(path, error) from error
            super().__init__(container, str(path), width, height, fps, rate, _RECORDED)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Finish the file and put it in its place."""
        super().close()
        self._stack.close()

    def give_up(self) -> None:
        """Leave what is there, under its own name: half a recording is worth more than none."""
        super().give_up()
        self._stack.close()


def streamed(url: str, width: int, height: int, fps: float, rate: int) -> AvDrain:
    """A stream to `url`: rtmp://, srt://, udp:// or tcp://, or a file that ends in .ts.

    Raises:
        UsageError: a kind of address that is not known.
        OutputError: nobody takes the stream there.
    """
    scheme = urlsplit(url).scheme.lower()
    kind = "mpegts" if url.lower().endswith(".ts") and len(scheme) < 2 else _FORMATS.get(scheme)
    if kind is None:
        raise UsageError(
            f"a stream to {url!r} is not possible: give rtmp://, srt://, udp:// or tcp://HOST:PORT, or a file that "
            "ends in .ts"
        )
    name = f"{scheme or 'file'}://{urlsplit(url).hostname or ''}" if scheme else url  # never a stream key
    with _as_output_error(name):
        container = av.open(url, "w", format=kind, timeout=_TIMEOUT_S)
        drain = AvDrain(container, name, width, height, fps, rate, _STREAMED)
        try:
            container.start_encoding()
        except av.error.ProtocolNotFoundError:
            way = "pass a udp stream on with srt-live-transmit" if scheme == "srt" else "stream by rtmp, tcp or udp"
            raise OutputError(f"{name}: this build of PyAV has no {scheme}: {way}, see docs/control.md") from None
    return drain


class _as_output_error:  # noqa: N801 - reads as a statement
    """What libav raises, as one line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, av.FFmpegError | OSError | ValueError):
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(
                f"{self._name} cannot be written to ({reason}): is it there, and does it take more?"
            ) from None
