"""Songs of every format and rate, and one clear line for those that cannot be decoded."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from engine.audio.song import load_song
from engine.errors import MediaError, UsageError
from tests.conftest import tone


def encode(path: Path, codec: str, rate: int = 44100) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(2, 440, rate)[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 1)])
def test_formats_rates_and_channels(tmp_path: Path, name: str, rate: int, channels: int) -> None:
    soundfile.write(tmp_path / name, np.repeat(tone(2, 440, rate)[:, None], channels, axis=1), rate)
    song = load_song(tmp_path / name)
    assert (song.rate, song.samples.shape[1]) == (rate, channels)
    assert song.duration == pytest.approx(2.0, abs=0.2 if name.endswith("mp3") else 0.001)
    assert len(song.mono(16000)) == pytest.approx(song.duration * 16000, abs=2)
    assert song.stereo().shape == (len(song.samples), 2)


def test_m4a_is_read(tmp_path: Path) -> None:
    song = load_song(encode(tmp_path / "a.m4a", "aac"))
    assert song.duration == pytest.approx(2.0, abs=0.1)
    assert np.abs(song.samples).max() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_sample_formats_of_wav(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1), 44100, subtype=subtype)
    assert np.abs(load_song(tmp_path / "a.wav").samples[:, 0] - tone(1)).max() < 0.02


def refused(path: Path, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        load_song(path)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_empty(tmp_path: Path) -> None:
    refused(tmp_path / "no.wav", UsageError, "there is no file")
    refused(tmp_path, UsageError, "is a folder")
    (tmp_path / "empty.wav").touch()
    refused(tmp_path / "empty.wav", MediaError, "is empty")
    refused(Path("/dev/null"), UsageError, "not a regular file")
    refused(tmp_path / ("x" * 300), UsageError, "too long")


def test_not_audio(tmp_path: Path) -> None:
    for name, data in (
        ("text.wav", b"these are words " * 50),
        ("noise.mp3", bytes(range(256)) * 20),
        ("a.m4a", b"\0" * 99),
    ):
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, MediaError, "not sound|no sound")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.m4a"])
def test_cut_off(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("m4a"):
        encode(path, "aac")
    else:
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 88200).astype(np.float32), 44100)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    refused(path, MediaError, "cut off|not sound")


def test_samples_that_are_not_numbers(tmp_path: Path) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        sound = tone(1)
        sound[22050] = bad
        soundfile.write(tmp_path / "a.wav", sound, 44100, subtype="FLOAT")
        refused(tmp_path / "a.wav", MediaError, r"NaN or infinite.* 0\.500 s")


@pytest.mark.parametrize(
    ("rate", "channels", "words"), [(4000, 1, "rate"), (384000, 1, "rate"), (44100, 9, "channels")]
)
def test_rates_and_channels_out_of_range(tmp_path: Path, rate: int, channels: int, words: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((100, channels)), rate)
    refused(tmp_path / "a.wav", MediaError, words)


def test_a_header_without_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 44100)
    refused(tmp_path / "a.wav", MediaError, "no sound")


def test_a_wav_from_a_pipe_need_not_know_its_length(wav: Callable[..., Path]) -> None:
    path = wav(tone(1))
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(data)
    assert load_song(path).duration == pytest.approx(1.0)
