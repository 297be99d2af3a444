"""A sound file decoded whole and checked: wav, flac, mp3, ogg, m4a and whatever else libav reads.

Decoders read a file that was cut off without an error, so the length that its header declares is compared.
"""

import errno
import zlib
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.errors import MediaError, UsageError
from engine.files import suppress_stderr

LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 8_000, 192_000, 8
LOUDEST = 1e6  # times full scale; the square of what is beyond may not be a number
# A small file that decodes to very much is an attack; sound at its barest is 500 times its file.
_ROOM_BYTES, _ROOM_FACTOR = 1 << 27, 1000
_UNKNOWN = (0, 0xFFFFFFFF)  # as a length: it was written to a pipe
_PIPED = range(0x7FFF0000, 0x80000001)  # what sox and arecord write for the same
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))  # each byte with its bits reversed


def find_truncation(path: Path) -> str | None:
    """What `path` lacks of the length that its header declares, None if it seems complete.

    Knows RIFF and RF64 (EBU Tech 3306), AIFF and Ogg (RFC 3533); the other formats are judged by what is decoded.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"OggS":
        return _ogg_truncation(path.read_bytes())
    declared = _declared_bytes(head)
    return f"{declared} bytes are declared, {size} are there" if declared > size + 1 else None


def _declared_bytes(head: bytes) -> int:
    """The length of the whole file by its first bytes, 0 where it is unknown."""
    kind, form = head[:4], head[8:12]
    if len(head) < 12:
        return 0
    if kind == b"FORM" and form in (b"AIFF", b"AIFC"):
        return int.from_bytes(head[4:8], "big") + 8
    if kind == b"RF64" and form == b"WAVE" and head[12:16] == b"ds64" and len(head) >= 28:
        return int.from_bytes(head[20:28], "little") + 8
    if kind == b"RIFF" and form == b"WAVE":
        whole = int.from_bytes(head[4:8], "little")
        return max(0 if whole in _UNKNOWN or whole in _PIPED else whole + 8, _end_of_data(head))
    return 0


def _end_of_data(head: bytes) -> int:
    """Where the data chunk of a wav ends, 0 where it is unknown."""
    at = 12
    while at + 8 <= len(head):
        length = int.from_bytes(head[at + 4 : at + 8], "little")
        if head[at : at + 4] == b"data":
            return 0 if length in _UNKNOWN or length in _PIPED else at + 8 + length
        at += 8 + length + length % 2
    return 0


def _ogg_truncation(data: bytes) -> str | None:
    """What is wrong with the sequence of pages: one incomplete, one missing, no last one, one damaged."""
    next_number: dict[bytes, int] = {}
    at, count, damaged, ended = 0, 0, 0, False
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        count += 1
        length = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
        stream, number = data[at + 14 : at + 18], int.from_bytes(data[at + 18 : at + 22], "little")
        if at + length > len(data) or number != next_number.get(stream, number):
            return f"page {count} is not whole, or pages before it are missing"
        next_number[stream] = number + 1
        ended = bool(data[at + 5] & 4)
        if not damaged and not _has_ogg_checksum(data[at : at + length]):
            damaged = count
        at += length
    if not ended:
        return "its last page is missing or damaged"
    return f"page {damaged} of {count} is damaged" if damaged else None


def _has_ogg_checksum(page: bytes) -> bool:
    """Whether an Ogg page has the CRC-32 that it declares (RFC 3533, 6).

    It is computed high bit first and from 0 to 0, with 0 in its own place: zlib's of mirrored bytes, without inversion.
    """
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_MIRRORED)
    declared = int.from_bytes(page[22:26].translate(_MIRRORED), "big")
    return zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF == declared


class Song(msgspec.Struct, frozen=True):
    """Sound in memory."""

    samples: NDArray[np.float32]  # [n, channels], finite, full scale is 1.0
    rate: int  # Hz
    path: Path | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    def mono(self, rate: int) -> NDArray[np.float32]:
        """The mean of the channels, [n], resampled to `rate` Hz (soxr, high quality)."""
        mixed = np.asarray(self.samples.mean(axis=1), dtype=np.float32)
        return mixed if rate == self.rate else np.asarray(soxr.resample(mixed, self.rate, rate), dtype=np.float32)

    def stereo(self) -> NDArray[np.float32]:
        """Two channels for playing and encoding, [n, 2]; more than two are mixed to their mean."""
        if self.samples.shape[1] == 2:
            return self.samples
        return np.repeat(self.samples.mean(axis=1, keepdims=True), 2, axis=1).astype(np.float32)


def load_song(path: Path) -> Song:
    """Decode `path` whole.

    What its header declares is what is returned, to within 0.1 s (mp3 and streams that declare nothing: what is
    there), or it is refused. Raises UsageError when there is no such file, MediaError when it is not sound that can
    be used: empty, not audio, damaged, cut off, not finite, sample rate not 8-192 kHz, more than 8 channels, more
    than 128 MiB of samples from a file of less than a thousandth of them.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder: name a sound file in it")
        size = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}: check the name") from error
    except PermissionError as error:
        raise UsageError(f"no permission to read {path}: change its permissions") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError("the file name is too long: check it") from error
        raise MediaError(f"{path} cannot be read ({error.strerror})") from error
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file: name a sound file")
    if size == 0:
        raise MediaError(f"{path} is empty: choose a file with sound in it")
    if why := find_truncation(path):
        raise _truncated(path, why)
    samples, rate = _decode(path, _ROOM_BYTES + _ROOM_FACTOR * size)
    return check_song(Song(samples, rate, path))


def check_song(song: Song) -> Song:
    """The song itself if its sound can be used, else MediaError."""
    name = song.path or "the sound"
    if not LOWEST_RATE <= song.rate <= HIGHEST_RATE:
        raise MediaError(f"{name} has a sample rate of {song.rate} Hz: convert it to one from 8000 to 192000 Hz")
    if song.samples.ndim != 2 or not 1 <= song.samples.shape[1] <= MOST_CHANNELS:
        raise MediaError(f"{name} has {song.samples.shape[-1]} channels: mix it down to 8 or fewer")
    if not len(song.samples):
        raise MediaError(f"{name} holds no sound: choose a file with sound in it")
    if not np.isfinite(song.samples).all():
        bad = int(np.flatnonzero(~np.isfinite(song.samples).all(axis=1))[0])
        raise MediaError(
            f"{name} has samples that are not numbers (NaN or infinite), the first at {bad / song.rate:.3f} s: "
            "export it again from the program that made it"
        )
    if (peak := max(float(song.samples.max()), -float(song.samples.min()))) > LOUDEST:
        raise MediaError(f"{name} has samples of {peak:.1e} times full scale: export it again, normalised")
    return song


def _decode(path: Path, room: int) -> tuple[NDArray[np.float32], int]:
    """Samples [n, channels] of at most `room` bytes, and their rate."""
    try:
        with suppress_stderr(), soundfile.SoundFile(path) as file:
            declared, rate = file.frames, file.samplerate
            if not LOWEST_RATE <= rate <= HIGHEST_RATE or file.channels > MOST_CHANNELS:
                return np.zeros((1, min(file.channels, 99)), np.float32), rate  # the caller reports what is wrong
            if 4 * declared * file.channels > room:
                raise _too_large(path, declared / rate)
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return _decode_with_libav(path, room)
    if len(samples) < declared - rate // 10:  # a codec may pad its last block
        raise _truncated(path, f"{declared / rate:.1f} s are declared, {len(samples) / rate:.1f} s are there")
    return samples, rate


def _decode_with_libav(path: Path, room: int) -> tuple[NDArray[np.float32], int]:
    import cv2  # noqa: F401, PLC0415 - before PyAV: see engine.playback

    # isort: split
    import av  # noqa: PLC0415 - loads slowly

    try:
        with av.open(str(path), mode="r", metadata_errors="ignore") as container:
            streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
            if not streams:
                raise MediaError(f"{path} has no sound in it that can be decoded: choose a wav, flac, mp3, ogg or m4a")
            stream = streams[0]
            rate, channels = int(stream.codec_context.sample_rate), stream.codec_context.channels
            if not LOWEST_RATE <= rate <= HIGHEST_RATE or channels > MOST_CHANNELS:
                return np.zeros((1, min(channels, 99)), np.float32), rate
            to_float = av.AudioResampler(format="fltp")
            parts: list[NDArray[np.float32]] = []
            taken = 0
            for frame in container.decode(stream):
                for piece in to_float.resample(frame):
                    parts.append(np.asarray(piece.to_ndarray(), dtype=np.float32))
                    taken += parts[-1].nbytes
                if taken > room:
                    raise _too_large(path, taken / (4 * rate * max(1, channels)))
            declared = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            samples = np.concatenate(parts, axis=1).T if parts else np.zeros((0, 1), np.float32)
    except (av.FFmpegError, ValueError, MemoryError, OverflowError) as error:
        raise MediaError(
            f"{path} is not sound that can be read: choose a wav, flac, mp3, ogg or m4a file, or export it again"
        ) from error
    if len(samples) < (declared - 0.1) * rate:
        raise _truncated(path, f"{declared:.1f} s are declared, {len(samples) / rate:.1f} s are there")
    return np.ascontiguousarray(samples), rate


def _too_large(path: Path, seconds: float) -> MediaError:
    return MediaError(f"{path} declares {seconds:.0f} s of sound, far more than fits its size: export it again")


def _truncated(path: Path, why: str) -> MediaError:
    return MediaError(f"{path} is cut off ({why}): copy or download it again")
