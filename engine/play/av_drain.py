"""Pictures and sound of a show by libav: an MP4 recording, or a stream over RTMP, SRT or as MPEG-TS."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
import soxr
from av.video.reformatter import ColorRange as Range
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from engine.errors import OutputError, UsageError
from engine.files import check_writable, output_error, whole_file
from engine.play.sinks import Frame

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
