"""H.264 and AAC by libav: clips, exported videos, recordings and streams, by one encoder with settings for each use."""

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import msgspec
import numpy as np
import soxr
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from engine.errors import OutputError, UsageError
from engine.files import check_writable, output_error, whole_file
from engine.generators.base import FrameStream
from engine.outputs.base import BaseOutput, MediaFormat
from engine.playback.yuv import from_rgb, to_bt709
from engine.types import Frame, Planes

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_AAC_FRAME = 1024
_EARLY_BLOCKS = 200  # of sound that are kept until the first picture
_STREAM_FORMATS = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts"}
_STREAM_TIMEOUT_S = 5.0


class EncoderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one use of the encoder differs from another."""

    video: dict[str, str]  # options of libx264
    container: dict[str, str] = {}  # options of the muxer
    key_frame_s: float = 2.0
    bt709: bool = True  # else BT.601, untagged, as the compositor reads clips
    audio: dict[str, str] = {}  # options of the AAC encoder
    audio_rate: int = 0  # Hz; 0: the source's, or the next higher that AAC has
    channel_bit_rate: int = 96_000
    keep_partial: bool = False  # a file that could not be finished stays, under its own name


# Near lossless, since the compositor decodes and encodes once more. A key frame every second makes seeking cheap.
CLIP = EncoderSettings(video={"crf": "12", "preset": "ultrafast"}, key_frame_s=1.0, bt709=False)
# Half the work of "veryfast" at the same error and an eighth more bits: what that preset adds is hardly used by
# pictures with grain, while looking ahead for what stays (mbtree) saves a third of the bits.
EXPORT = EncoderSettings(
    video={"crf": "18", "preset": "superfast", "bf": "0", "x264-params": "mbtree=1:rc-lookahead=10"},
    container={"movflags": "+faststart"},
    audio={"aac_coder": "fast"},
)
# Playable up to its last second even if the power fails: its `.part` file then remains.
RECORDING = EncoderSettings(
    video={"preset": "ultrafast", "crf": "18"},
    container={"movflags": "hybrid_fragmented+delay_moov", "frag_duration": "1000000", "flush_packets": "1"},
    audio_rate=48_000,
    channel_bit_rate=80_000,
    keep_partial=True,
)
STREAM = EncoderSettings(
    video={"preset": "veryfast", "tune": "zerolatency", "crf": "23", "maxrate": "6M", "bufsize": "6M"},
    audio_rate=48_000,
    channel_bit_rate=80_000,
)


class Encoder(BaseOutput):
    """Encodes pictures, and sound where the format has any, into an open container.

    A picture is stamped with its time, so one that is missing leaves no shift behind; a second one for the same moment
    is left out. Both tracks begin with the first picture; sound from before it is cut off. Sound is muxed up to the end
    of the latest picture, the rest by `close`.
    """

    def __init__(
        self,
        container: Any,
        name: str,
        format: MediaFormat,
        settings: EncoderSettings,
        to_error: Callable[[Exception], Exception] = lambda error: error,
        files: contextlib.ExitStack | None = None,
    ) -> None:
        """`to_error` makes of libav's errors what is raised; `files` puts the file in its place when it is closed."""
        self.name = name
        self._container, self._settings, self._to_error = container, settings, to_error
        self._files = files or contextlib.ExitStack()
        self._fps = Fraction(format.fps).limit_denominator(1001)
        self._origin: float | None = None  # the first picture's time, s
        self._last = -1  # the latest picture's number
        self._early: list[tuple[int, NDArray[np.float32]]] = []
        self._source_rate = format.rate
        self._rate = settings.audio_rate or next((each for each in _AAC_RATES if each >= format.rate), 48_000)
        self._channels = format.channels
        self._pcm = np.zeros((0, self._channels), np.float32)  # not encoded yet
        self._encoded = 0  # samples
        resamples = format.rate and format.rate != self._rate
        self._resampler = soxr.ResampleStream(format.rate, self._rate, self._channels, "float32") if resamples else None
        with self._translated_errors():
            self._video = self._add_video(format)
            self._audio: Any = self._add_audio() if format.rate else None

    def write(self, frame: Frame | Planes, time: float) -> None:
        """Encode the picture at `time` s of the show, RGB or planes with even sides.

        Raises:
            OutputError: no room left, no permission, or nobody receives it any more.
        """
        if self._origin is None:
            self._origin = time
            early, self._early = self._early, []
            for start, samples in early:
                self.write_audio(samples, start)
        number = round((time - self._origin) * self._fps)
        if number <= self._last:
            return
        self._last = number
        planes = frame if frame.ndim == 2 else from_rgb(frame)  # four times faster than PyAV's own
        with self._translated_errors():
            planes = to_bt709(planes) if self._settings.bt709 else planes
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts, picture.time_base = number, 1 / self._fps
            self._container.mux(self._video.encode(picture))
            self._encode_audio(self._rate * (number + 1) / self._fps)

    def write_audio(self, samples: NDArray[np.float32], start: int) -> None:
        """Encode sound [n, channels], full scale 1.0, from sample `start` of the show on."""
        if self._audio is None:
            return
        if self._origin is None:
            self._early = [*self._early[-_EARLY_BLOCKS:], (start, samples)]
            return
        skip = max(0, round(self._origin * self._source_rate) - start)
        if skip >= len(samples):
            return
        self._buffer(_with_channels(samples[skip:], self._channels))
        with self._translated_errors():
            self._encode_audio(self._rate * (self._last + 1) / self._fps)

    def close(self) -> None:
        """Encode the rest, end the file or the stream, and put the file in its place.

        Raises:
            OutputError: as `write`.
        """
        with self._translated_errors():
            if self._audio:
                if self._resampler:
                    self._buffer(np.zeros((0, self._channels), np.float32), last=True)
                self._encode_audio(None)
                self._container.mux(self._audio.encode(None))
            self._container.mux(self._video.encode(None))
            self._container.close()
        self._files.close()

    def abort(self) -> None:
        """Close the connection, or the file: what there is of it stays if the settings say so."""
        with contextlib.suppress(Exception):  # what is broken may complain
            self._container.close()
        if self._settings.keep_partial:
            self._files.close()
        else:
            error = OutputError(f"{self.name} was not finished")
            self._files.__exit__(type(error), error, None)

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._to_error(error) from None

    def _add_video(self, format: MediaFormat) -> Any:
        stream = self._container.add_stream("libx264", rate=self._fps, options=self._settings.video)
        stream.width, stream.height, stream.pix_fmt = format.width, format.height, "yuv420p"
        stream.gop_size = max(1, round(self._settings.key_frame_s * self._fps))
        context = stream.codec_context
        context.time_base = 1 / self._fps
        if self._settings.bt709:
            context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _add_audio(self) -> Any:
        self._layout = ("mono", "stereo")[self._channels - 1]
        stream = self._container.add_stream("aac", rate=self._rate, options=self._settings.audio, layout=self._layout)
        stream.bit_rate = self._settings.channel_bit_rate * self._channels
        return stream

    def _buffer(self, samples: NDArray[np.float32], last: bool = False) -> None:
        if self._resampler:
            samples = self._resampler.resample_chunk(np.ascontiguousarray(samples), last)
        self._pcm = np.concatenate([self._pcm, samples]) if len(self._pcm) else samples

    def _encode_audio(self, until: float | Fraction | None) -> None:
        """Encode whole AAC frames up to sample `until`; all that there is, if that is None."""
        at = 0
        while at < len(self._pcm) and (until is None or at + _AAC_FRAME <= min(len(self._pcm), until - self._encoded)):
            part = np.clip(self._pcm[at : at + _AAC_FRAME], -1.0, 1.0)
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(part.T), format="fltp", layout=self._layout)
            block.sample_rate, block.time_base = self._rate, Fraction(1, self._rate)
            block.pts = self._encoded + at
            self._container.mux(self._audio.encode(block))
            at += len(part)
        self._pcm, self._encoded = self._pcm[at:], self._encoded + at


def encode_file(path: Path, format: MediaFormat, settings: EncoderSettings, option: str = "out") -> Encoder:
    """An encoder into the MP4 file `path`, which is there whole or, but for `keep_partial`, not at all.

    Raises:
        UsageError: an odd or impossible size.
        OutputError: `path`, which `option` has named, cannot be written.
    """
    width, height = format.width, format.height
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise UsageError(f"a video of {width}x{height} is not possible: width and height must be even", option="size")

    def to_error(error: Exception) -> OutputError:
        return output_error(path, error if isinstance(error, OSError) else OSError(str(error)), option)

    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(whole_file(path, option))  # makes an OutputError of what `open` raises
        container = av.open(str(temporary), "w", format="mp4", options=settings.container)
        files = contextlib.ExitStack()
        encoder = Encoder(container, str(path), format, settings, to_error, files)
        files.enter_context(stack.pop_all())
    return encoder


def encode_recording(path: Path, format: MediaFormat) -> Encoder:
    """An encoder that records a show into `path`.

    Raises:
        UsageError: that is no name for a video.
        OutputError: it cannot be written there.
    """
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path} is not named as a video: its name must end in .mp4", option="record")
    check_writable(path, "record")
    return encode_file(path, format, RECORDING, "record")


def encode_stream(url: str, format: MediaFormat) -> Encoder:
    """A stream to `url`: rtmp://, srt://, udp:// or tcp://, or a file that ends in .ts.

    Raises:
        UsageError: a kind of address that is not known.
        OutputError: nobody receives the stream there.
    """
    scheme = urlsplit(url).scheme.lower()
    kind = "mpegts" if url.lower().endswith(".ts") and len(scheme) < 2 else _STREAM_FORMATS.get(scheme)
    if kind is None:
        raise UsageError(
            f"a stream to {url!r} is not possible: give rtmp://, srt://, udp:// or tcp://HOST:PORT, or a file that "
            "ends in .ts",
            option="stream",
        )
    name = f"{scheme or 'file'}://{urlsplit(url).hostname or ''}" if scheme else url  # never a stream key

    def to_error(error: Exception) -> OutputError:
        if isinstance(error, av.error.ProtocolNotFoundError):
            way = "pass a udp stream on with srt-live-transmit" if scheme == "srt" else "stream by rtmp, tcp or udp"
            return OutputError(f"{name}: this build of PyAV has no {scheme}: {way}, see docs/control.md")
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError(f"{name} cannot be written to ({reason}): is it there, and does it take more?")

    try:
        container = av.open(url, "w", format=kind, timeout=_STREAM_TIMEOUT_S)
        encoder = Encoder(container, name, format, STREAM, to_error)
        container.start_encoding()
    except (av.FFmpegError, OSError, ValueError) as error:
        raise to_error(error) from None
    return encoder


def encode_clip(frames: FrameStream, path: Path, on_frame: Callable[[int], None]) -> int:
    """Write all `frames` to the MP4 file `path` and return how many there were.

    An odd last row or column is left off (4:2:0 chroma has none). `on_frame` receives the number of frames written so
    far; what it raises ends the clip.

    Raises:
        OSError: no room, or no permission.
    """
    count = 0
    with contextlib.ExitStack() as stack:
        container: Any = stack.enter_context(av.open(str(path), "w", format="mp4"))
        encoder: Encoder | None = None
        for frame in frames:
            height, width = frame.shape[0] & ~1, frame.shape[1] & ~1
            if encoder is None:
                format = MediaFormat(width, height, frames.fps)
                encoder = stack.enter_context(Encoder(container, str(path), format, CLIP))
            encoder.write(frame[:height, :width], count / frames.fps)
            count += 1
            on_frame(count)
    return count


def _with_channels(samples: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """The sound in one channel (the mean) or two (the first two, or the only one twice)."""
    if samples.shape[1] == channels:
        return samples
    if channels == 1:
        return np.asarray(samples.mean(axis=1, keepdims=True, dtype=np.float32))
    return samples[:, :2] if samples.shape[1] > 2 else np.repeat(samples, 2, axis=1)
