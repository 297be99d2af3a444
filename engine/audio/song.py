"""A sound file decoded whole and checked: wav, flac, mp3, ogg, m4a and whatever else libav reads.

Decoders read a file that was cut off without an error, so the length that its header declares is compared.
"""

import contextlib
import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.errors import MediaError, UsageError

_UNKNOWN = (0, 0xFFFFFFFF)  # as a length: it was written to a pipe
_PIPED = range(0x7FFF0000, 0x80000001)  # what sox and arecord write for the same
_BATCH = 512  # Ogg pages whose checksums are computed side by side


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
        whole: int = struct.unpack("<I", head[4:8])[0]
        return max(0 if whole in _UNKNOWN or whole in _PIPED else whole + 8, _end_of_data(head))
    return 0


def _end_of_data(head: bytes) -> int:
    """Where the data chunk of a wav ends, 0 where it is unknown."""
    at = 12
    while at + 8 <= len(head):
        length: int = struct.unpack("<I", head[at + 4 : at + 8])[0]
        if head[at : at + 4] == b"data":
            return 0 if length in _UNKNOWN or length in _PIPED else at + 8 + length
        at += 8 + length + length % 2
    return 0


def _ogg_truncation(data: bytes) -> str | None:
    """What is wrong with the sequence of pages: one incomplete, one missing, no last one."""
    pages: list[memoryview] = []
    next_number: dict[bytes, int] = {}
    at, ended = 0, False
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        length = 27 + data[at + 26] + sum(lacing)
        stream, number = data[at + 14 : at + 18], int.from_bytes(data[at + 18 : at + 22], "little")
        if at + length > len(data) or number != next_number.get(stream, number):
            return f"page {len(pages) + 1} is not whole, or pages before it are missing"
        next_number[stream] = number + 1
        ended = bool(data[at + 5] & 4)
        pages.append(memoryview(data)[at : at + length])
        at += length
    if not ended:
        return "its last page is missing or damaged"
    for first in range(0, len(pages), _BATCH):
        wrong = _wrong_checksums(pages[first : first + _BATCH])
        if len(wrong):
            return f"page {first + wrong[0] + 1} of {len(pages)} is damaged"
    return None


def _wrong_checksums(pages: list[memoryview]) -> NDArray[np.intp]:
    """Which pages do not have the CRC-32 they declare: polynomial 04C11DB7, high bit first, from 0 (RFC 3533, 6).

    The pages are aligned at their ends and processed side by side; zeros before a page do not change its checksum.
    """
    longest = max(len(page) for page in pages)
    table = np.zeros((longest, len(pages)), np.uint8)
    declared = np.zeros(len(pages), np.uint32)
    for index, page in enumerate(pages):
        declared[index] = int.from_bytes(page[22:26], "little")
        table[longest - len(page) :, index] = page
        table[longest - len(page) + 22 : longest - len(page) + 26, index] = 0  # computed without itself
    value = np.zeros(len(pages), np.uint32)
    for row in table:
        value = (value << np.uint32(8)) ^ _TABLE[(value >> np.uint32(24)) ^ row]
    return np.flatnonzero(value != declared)


def _table() -> NDArray[np.uint32]:
    value = np.arange(256, dtype=np.uint32) << np.uint32(24)
    for _ in range(8):
        value = (value << np.uint32(1)) ^ np.where(value >> np.uint32(31), np.uint32(0x04C11DB7), np.uint32(0))
    return value


_TABLE = _table()


LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 8_000, 192_000, 8
LOUDEST = 1e6  # times full scale; the square of what is beyond may not be a number
# A small file that decodes to very much is an attack; sound at its barest is 500 times its file.
_ROOM_BYTES, _ROOM_FACTOR = 1 << 27, 1000


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
        with _suppress_stderr(), soundfile.SoundFile(path) as file:
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


@contextlib.contextmanager
def _suppress_stderr() -> Iterator[None]:
    """Suppress the messages of libmpg123 in libsndfile about what it skips: there is no other switch."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is wanted
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _too_large(path: Path, seconds: float) -> MediaError:
    return MediaError(f"{path} declares {seconds:.0f} s of sound, far more than fits its size: export it again")


def _truncated(path: Path, why: str) -> MediaError:
    return MediaError(f"{path} is cut off ({why}): copy or download it again")
