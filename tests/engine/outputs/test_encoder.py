"""Encoded MP4 files, decoded again: frames, colours, synchronized sound, atomic writing."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import OutputError, UsageError
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import CLIP, EXPORT, RECORDING, Encoder, EncoderSettings, encode_file
from engine.playback.yuv import from_rgb

WIDTH, HEIGHT = 64, 48


def opened(
    path: Path, fps: float = 24.0, rate: int = 44100, channels: int = 2, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Encoder:
    return encode_file(path, MediaFormat(*size, fps, rate, channels), EXPORT)


def picture(red: int = 120, green: int = 80, blue: int = 160) -> NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH, 3), (red, green, blue), np.uint8)


def write(path: Path, count: int, fps: float, sound: NDArray[np.float32], rate: int) -> Path:
    with opened(path, fps, rate, min(sound.shape[1], 2)) as video:
        video.write_audio(sound, 0)
        for number in range(count):
            video.write(picture(), number / fps)
    return path


def click_song(times: list[float], seconds: float, rate: int, channels: int) -> NDArray[np.float32]:
    sound = np.zeros((round(seconds * rate), channels), np.float32)
    for time in times:
        at = round(time * rate)
        sound[at : at + rate // 500] = 0.8
    return sound


def decoded_sound(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


@pytest.mark.parametrize("fps", [24.0, 30.0, 30000 / 1001, 12.5])
def test_pictures_and_length(tmp_path: Path, fps: float) -> None:
    seconds = 2.0
    count = round(seconds * fps)
    path = write(tmp_path / "o.mp4", count, fps, click_song([1.0], seconds, 44100, 2), 44100)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "h264" and audio.codec_context.name == "aac"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.average_rate == Fraction(fps).limit_denominator(1001)
        assert len(list(container.decode(video))) == count
        assert float(video.duration * video.time_base) == pytest.approx(seconds, abs=1 / fps)
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=0.03)


def test_colours_survive_encoding_and_are_tagged(tmp_path: Path) -> None:
    path = write(tmp_path / "o.mp4", 5, 24.0, np.zeros((9000, 1), np.float32), 44100)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == (1, 1, 1, 1)
    assert frame.to_ndarray(format="rgb24")[20, 30].tolist() == pytest.approx([120, 80, 160], abs=4)


@pytest.mark.parametrize("rate", [44100, 48000, 8000, 22050, 96000, 37800, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_sound_is_in_time(tmp_path: Path, rate: int, channels: int) -> None:
    """A click at t decodes at t within 5 ms: the encoder's delay is undone by the container."""
    times = [0.1, 0.75, 1.5]
    path = write(tmp_path / "o.mp4", 48, 24.0, click_song(times, 2.0, rate, channels), rate)
    sound = np.abs(decoded_sound(path)).max(axis=0)
    with av.open(str(path)) as container:
        decoded_rate = container.streams.audio[0].rate
    for time in times:
        near = slice(int((time - 0.05) * decoded_rate), int((time + 0.05) * decoded_rate))
        found = (near.start + int((sound[near] > 0.3).argmax())) / decoded_rate
        assert found == pytest.approx(time, abs=0.005)


@pytest.mark.parametrize("rate", [48000, 44100])
@pytest.mark.parametrize("settings", [EXPORT, RECORDING], ids=["export", "recording"])
def test_sound_reaches_its_end(tmp_path: Path, settings: EncoderSettings, rate: int) -> None:
    """What sounds in the last 4 ms, in a partial AAC frame, is encoded."""
    sound = np.zeros((rate // 1024 * 1024 + 600, 2), np.float32)
    sound[-200:] = 0.5 * np.sin(np.arange(200) / 4)[:, None]
    with encode_file(tmp_path / "o.mp4", MediaFormat(WIDTH, HEIGHT, 10.0, rate), settings) as video:
        for number in range(round(len(sound) / rate * 10)):
            video.write(picture(), number / 10)
        video.write_audio(sound, 0)
    assert np.abs(decoded_sound(tmp_path / "o.mp4")[:, -2048:]).max() > 0.2


def test_clips_stay_in_the_colours_of_the_compositor(tmp_path: Path) -> None:
    """A clip is not converted to BT.709, which the compositor would have to undo."""
    with encode_file(tmp_path / "o.mp4", MediaFormat(WIDTH, HEIGHT, 24.0), CLIP) as video:
        video.write(picture(), 0.0)
    with av.open(str(tmp_path / "o.mp4")) as container:
        planes = next(container.decode(video=0)).to_ndarray()
    assert planes[0, 0] == pytest.approx(from_rgb(picture())[0, 0], abs=2)


def test_faststart(tmp_path: Path) -> None:
    data = write(tmp_path / "o.mp4", 24, 24.0, np.zeros((44100, 2), np.float32), 44100).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_file_appears_at_the_end_without_temporary_files(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    with opened(path) as video:
        video.write(picture(), 0.0)
        assert not path.exists()
        assert all(each.name.startswith(".") for each in tmp_path.iterdir())
    assert [each.name for each in tmp_path.iterdir()] == ["o.mp4"]


def test_an_exception_keeps_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    path.write_text("the one from yesterday")
    with pytest.raises(KeyboardInterrupt), opened(path) as video:
        video.write(picture(), 0.0)
        raise KeyboardInterrupt
    assert path.read_text() == "the one from yesterday"
    assert [each.name for each in tmp_path.iterdir()] == ["o.mp4"]


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (0, 48), (-2, 48)])
def test_invalid_sizes_are_rejected(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="even"):
        opened(tmp_path / "o.mp4", size=size)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"o\.mp4"):
        opened(tmp_path / "no" / "o.mp4")


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from engine.errors import OutputError
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import EXPORT, encode_file
random = np.random.default_rng(1)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
try:
    with encode_file(Path(sys.argv[1]), MediaFormat(320, 240, 24.0, 44100), EXPORT) as video:
        video.write_audio(np.zeros((200000, 2), np.float32), 0)
        for number in range({count}):
            video.write(random.integers(0, 255, (240, 320, 3)).astype(np.uint8), number / 24)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize(("room", "count"), [(300_000, 100), (20_000, 3)], ids=["while writing", "at the end"])
def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path: Path, room: int, count: int) -> None:
    """A limit on the size of files stands for a full disk: the same write fails."""
    run = subprocess.run(
        [sys.executable, "-c", FULL.format(room=room, count=count), str(tmp_path / "o.mp4")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert "o.mp4" in run.stdout
    assert not list(tmp_path.iterdir())
