"""Hostile sound files: decoded to finite sound or rejected in one line, never silently truncated."""

import struct
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from engine.analysis.instruments import OnnxClassifier
from engine.analysis.windows import song_features
from engine.audio.song import Song, load_song
from engine.errors import MediaError
from tests.conftest import tone


def wave(data: bytes, form: int = 1, channels: int = 1, rate: int = 44100, bits: int = 16, length: int | None = None,
         riff: bytes = b"RIFF", whole: int | None = None) -> bytes:  # fmt: skip
    """A wav file by hand: `length` and `whole` are what its data chunk and its header declare."""
    block = channels * bits // 8
    chunk = b"fmt " + struct.pack("<IHHIIHH", 16, form, channels, rate, rate * block, block, bits)
    chunk += b"data" + struct.pack("<I", len(data) if length is None else length) + data
    return riff + struct.pack("<I", 4 + len(chunk) if whole is None else whole) + b"WAVE" + chunk


def pcm(sound: NDArray[np.float32]) -> bytes:
    return (sound * 32767).astype("<i2").tobytes()


def load(tmp_path: Path, data: bytes, name: str = "a.wav") -> Song:
    (tmp_path / name).write_bytes(data)
    return load_song(tmp_path / name)


def refused(tmp_path: Path, data: bytes, words: str, name: str = "a.wav") -> None:
    with pytest.raises(MediaError, match=words) as caught:
        load(tmp_path, data, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "subtype", "name"),
    [
        ("RF64", "PCM_16", "a.wav"),
        ("RF64", "PCM_24", "a.wav"),
        ("WAVEX", "PCM_16", "a.wav"),
        ("WAVEX", "FLOAT", "a.wav"),
        ("WAV", "PCM_24", "a.wav"),
        ("WAV", "DOUBLE", "a.wav"),
        ("W64", "PCM_24", "a.w64"),
        ("AIFF", "PCM_24", "a.aiff"),
    ],
)
@pytest.mark.parametrize("channels", [1, 8])
def test_rare_containers_and_formats_are_read(
    tmp_path: Path, form: str, subtype: str, name: str, channels: int
) -> None:
    sound = np.repeat(tone(0.5)[:, None], channels, axis=1)
    soundfile.write(tmp_path / name, sound, 44100, format=form, subtype=subtype)
    song = load_song(tmp_path / name)
    assert song.samples.shape == sound.shape
    np.testing.assert_allclose(song.samples, sound, atol=2 / 32768)


@pytest.mark.parametrize("rate", [0, 1, 7999, 192001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_rates_that_no_song_has(tmp_path: Path, rate: int) -> None:
    chunk = wave(pcm(tone(0.1)))
    refused(tmp_path, chunk[:24] + struct.pack("<I", rate) + chunk[28:], "rate|not sound")


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0xFFFFFF00, 0xF0000000, 200_000])
def test_a_wav_that_declares_more_samples_than_it_has(tmp_path: Path, length: int) -> None:
    refused(tmp_path, wave(pcm(tone(1)), length=length), "cut off")
    refused(tmp_path, wave(pcm(tone(1)), length=length, whole=0xFFFFFFFF), "cut off")
    refused(tmp_path, wave(pcm(tone(1)), whole=length), "cut off")


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x7FFFF000])
def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path: Path, length: int) -> None:
    assert load(tmp_path, wave(pcm(tone(1)), length=length, whole=length)).duration == pytest.approx(1.0)


def test_an_rf64_that_was_cut_off(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.wav", tone(2), 44100, format="RF64", subtype="PCM_16")
    data = (tmp_path / "b.wav").read_bytes()
    refused(tmp_path, data[: len(data) // 2], "cut off")


def test_an_aiff_that_was_cut_off(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.aiff", tone(2), 44100, subtype="PCM_16")
    refused(tmp_path, (tmp_path / "b.aiff").read_bytes()[:50_000], "cut off", "a.aiff")


def test_a_flac_that_declares_two_hours(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.flac", tone(1), 44100)
    data = bytearray((tmp_path / "b.flac").read_bytes())
    packed = int.from_bytes(data[18:26], "big") >> 36 << 36
    data[18:26] = (packed | 2 * 3600 * 44100).to_bytes(8, "big")
    refused(tmp_path, bytes(data), "far more than|cut off", "a.flac")
    data[18:26] = (packed | (1 << 36) - 1).to_bytes(8, "big")  # half a terabyte of samples
    refused(tmp_path, bytes(data), "far more than", "a.flac")


@pytest.mark.parametrize("page", [2, 3, -2, -1])
def test_an_ogg_with_a_damaged_page(tmp_path: Path, page: int) -> None:
    soundfile.write(tmp_path / "b.ogg", np.random.default_rng(0).normal(0, 0.1, 132300), 44100)
    data = bytearray((tmp_path / "b.ogg").read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    data[starts[page] + 200] ^= 1
    refused(tmp_path, bytes(data), "damaged", "a.ogg")


def test_an_ogg_without_one_of_its_pages(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.ogg", np.random.default_rng(0).normal(0, 0.1, 132300), 44100)
    data = (tmp_path / "b.ogg").read_bytes()
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    refused(tmp_path, data[: starts[2]] + data[starts[3] :], "missing", "a.ogg")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers(wav: Callable[..., Path], value: float, subtype: str) -> None:
    sound = tone(0.5)
    sound[-1] = value
    with pytest.raises(MediaError, match="NaN or infinite"):
        load_song(wav(sound, subtype=subtype))


def test_a_double_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, wave(np.full(4410, 1e300).tobytes(), form=3, bits=64), "NaN or infinite")


def test_sound_beyond_all_measure_is_refused(wav: Callable[..., Path]) -> None:
    with pytest.raises(MediaError, match="times full scale"):
        load_song(wav(np.full(4410, 3e38, np.float32), subtype="FLOAT"))


def test_zero_frames(tmp_path: Path) -> None:
    refused(tmp_path, wave(b""), "no sound|not sound")


@pytest.mark.parametrize(
    "sound",
    [
        np.full(88200, 1e-40, np.float32),
        np.full(88200, 0.9, np.float32),
        np.where(np.arange(88200) // 50 % 2, 1.0, -1.0).astype(np.float32),
        np.zeros(88200, np.float32),
        np.full(88200, 1e5, np.float32),
        np.zeros(1, np.float32),
    ],
    ids=["denormals", "DC", "full-scale square", "silence", "far beyond full scale", "one sample"],
)
def test_sounds_at_the_edge_are_analyzed_without_warnings(
    wav: Callable[..., Path],
    classifier: OnnxClassifier,
    sound: NDArray[np.float32],
    recwarn: pytest.WarningsRecorder,
) -> None:
    song = load_song(wav(sound, subtype="FLOAT"))
    np.testing.assert_array_equal(song.samples[:, 0], sound)
    features = song_features(song)
    for time in np.linspace(0, song.duration, 50):
        *shares, risen = msgspec.structs.astuple(features.at(float(time)))
        assert all(0 <= share <= 1 for share in shares)
        assert 0 <= risen < 1000
    probabilities = classifier(song.mono(classifier.rate)[: classifier.rate], classifier.rate)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert not [str(warning.message) for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


def test_the_decoders_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.mp3", tone(2), 44100)
    data = bytearray((tmp_path / "a.mp3").read_bytes())
    data[3000:3200] = bytes(200)
    (tmp_path / "a.mp3").write_bytes(data)
    load_song(tmp_path / "a.mp3")
    assert capfd.readouterr() == ("", "")
