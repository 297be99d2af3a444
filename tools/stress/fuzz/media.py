"""Fuzzing of sound files: a damaged one must give finite sound or be rejected in one line."""

import functools
import io
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.audio.song import HIGHEST_RATE, LOWEST_RATE, MOST_CHANNELS, load_song
from engine.errors import AimvError
from tools.stress.fuzz.mutate import mutate

RATE, SECONDS = 16_000, 1.5
TOLERANCE_S = 0.11  # of the length: codecs pad, and a lost mp3 frame is 26 to 72 ms
_CODED = {
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "flac": ("FLAC", "PCM_16"),
    "wav": ("WAV", "PCM_16"),
    "float": ("WAV", "FLOAT"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
}
_BY_LIBAV = {"m4a": "aac", "alac": "alac"}
KINDS = (*_CODED, *_BY_LIBAV)


class Seed(msgspec.Struct, frozen=True):
    """A valid file: bytes, suffix, length of the header in bytes, duration in seconds."""

    data: bytes
    suffix: str
    header: int
    seconds: float


def _noise(rate: int) -> NDArray[np.float32]:
    """Stereo, quiet noise on a tone: no block compresses to nothing, [n, 2]."""
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(2 * np.pi * 330 * np.arange(round(SECONDS * rate)) / rate)
    return (tone[:, None] + rng.normal(0, 0.05, (len(tone), 2))).astype(np.float32)


@functools.cache
def seed(kind: str, folder: Path) -> Seed:
    """The good file of `kind`, made by the library that would write it; `folder` is for temporaries."""
    if kind in _CODED:
        form, subtype = _CODED[kind]
        file = io.BytesIO()
        rate = 48_000 if kind == "opus" else RATE
        soundfile.write(file, _noise(rate), rate, format=form, subtype=subtype)
        data = file.getvalue()
        suffix = {"opus": "ogg", "float": "wav", "wavex": "wav", "rf64": "wav"}.get(kind, kind)
    else:
        data, suffix = _by_libav(_BY_LIBAV[kind], folder / f"{kind}.m4a"), "m4a"
    path = folder / f"good.{suffix}"
    path.write_bytes(data)
    return Seed(data, f".{suffix}", 4200 if suffix == "ogg" else 512, load_song(path).duration)


def _by_libav(codec: str, path: Path) -> bytes:
    form = {"aac": "fltp", "alac": "s16p"}[codec]
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=RATE, layout="stereo")
        samples = _noise(RATE).T
        sound = samples if form == "fltp" else (samples * 32767).astype(np.int16)
        for at in range(0, sound.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, at : at + 1024]), form, "stereo")
            frame.sample_rate, frame.pts = RATE, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def case(kind: str, number: int, folder: Path) -> str:
    """Damage the good file of `kind` by the mutations of that number and load it.

    Returns "sound", "refused" or a sentence on what went wrong; whatever is raised but an AimvError is a crash.
    """
    good = seed(kind, folder)
    data = mutate(good.data, random.Random(f"{kind}:{number}"), good.header)
    path = folder / f"case{good.suffix}"
    path.write_bytes(data)
    return verdict(path, declared(kind, data, good))


def verdict(path: Path, seconds: float | None) -> str:
    """Load `path`, whose header promises `seconds` of sound (None: unknown)."""
    try:
        song = load_song(path)
    except AimvError as error:
        text = str(error)
        return "refused" if text and "\n" not in text and len(text) < 1000 else f"no single line: {text!r}"
    if song.samples.dtype != np.float32 or song.samples.ndim != 2 or not len(song.samples):
        return f"not samples by channels: {song.samples.dtype} {song.samples.shape}"
    if not np.isfinite(song.samples).all():
        return "samples that are not finite"
    if not (LOWEST_RATE <= song.rate <= HIGHEST_RATE and song.samples.shape[1] <= MOST_CHANNELS):
        return f"rate {song.rate}, {song.samples.shape[1]} channels"
    if seconds is not None and song.duration < seconds - TOLERANCE_S:
        return f"silent truncation: {seconds:.3f} s declared, {song.duration:.3f} s given"
    return "sound"


def declared(kind: str, data: bytes, good: Seed) -> float | None:
    """Seconds that the header of a damaged file still promises, read here and not by the code under test."""
    if data[: good.header] == good.data[: good.header] and kind not in ("ogg", "opus", *_BY_LIBAV):
        return good.seconds
    if data[-300:] == good.data[-300:] and kind in ("ogg", "opus") and data[: good.header] == good.data[: good.header]:
        return good.seconds  # the last page holds the length
    reader = {"wav": _wav, "float": _wav, "wavex": _wav, "flac": _flac, "m4a": _mp4, "alac": _mp4}.get(kind)
    try:
        return reader(data) if reader else None
    except (struct.error, IndexError, ZeroDivisionError):
        return None


def _wav(data: bytes) -> float | None:
    """The data chunk's bytes over the format's bytes a second, if the chunks up to it are in order."""
    if data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt ":
        return None
    size, form, channels, rate, _, _, bits = struct.unpack("<IHHIIHH", data[16:36])
    at = 20 + size
    while data[at : at + 4] in (b"fact", b"PEAK", b"LIST"):
        at += 8 + struct.unpack("<I", data[at + 4 : at + 8])[0]
    if form not in (1, 3, 0xFFFE) or data[at : at + 4] != b"data" or bits % 8:
        return None
    length: int = struct.unpack("<I", data[at + 4 : at + 8])[0]
    return None if length >= 0xFFFFFFF0 else length / (rate * channels * bits // 8)


def _flac(data: bytes) -> float | None:
    if data[:8] != b"fLaC\x00\x00\x00\x22":
        return None
    packed = int.from_bytes(data[18:26], "big")
    return (packed & ((1 << 36) - 1)) / (packed >> 44)


def _mp4(data: bytes) -> float | None:
    """The media header's duration, if all boxes before it are where they were."""
    at = data.find(b"mdhd")
    if at < 0 or data[at + 4]:
        return None
    scale, length = struct.unpack(">II", data[at + 16 : at + 24])
    return None if length == 0xFFFFFFFF else length / scale


CASES: dict[str, Callable[[int, Path], str]] = {kind: functools.partial(case, kind) for kind in KINDS}
