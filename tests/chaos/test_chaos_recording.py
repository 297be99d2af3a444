"""The disk fills up during a recording: the show goes on, the recording plays, every frame is counted."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from engine.outputs.base import MediaFormat, QueuedOutput
from engine.outputs.encoder import encode_recording
from tests.chaos.conftest import Tally, fill, rounds, small_disk

ROW = "disk full under a recording"
WIDTH, HEIGHT, FPS, RATE = 320, 180, 24.0, 44_100


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    yield from small_disk(tmp_path)


def playable(path: Path) -> int:
    """How many pictures a player shows before it meets the end, which is torn."""
    pictures = 0
    with av.open(str(path)) as file, contextlib.suppress(av.InvalidDataError):
        for _ in file.decode(video=0):
            pictures += 1
    return pictures


def test_full_under_a_recording(disk: Path, tally: Tally) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (10, HEIGHT, WIDTH, 3), np.uint8)
    for number in range(rounds(1, 10)):
        path = disk / f"show{number}.mp4"
        filler = fill(disk, 2_000_000 + 50_000 * number)
        output = QueuedOutput(
            lambda path=path: encode_recording(path, MediaFormat(WIDTH, HEIGHT, FPS, RATE)), 60.0, FPS
        )
        with tally.fault():
            given = 240
            for picture in range(given):
                output.write(noise[picture % 10], picture / FPS)
                output.write_audio(np.zeros((round(RATE / FPS), 2), np.float32), round(picture * RATE / FPS))
            output.close()
            assert output.state == "failed"
            assert "no room left" in output.reason and "\n" not in output.reason
            assert output.written + output.dropped == given
            assert [each.name for each in disk.iterdir() if each.name.startswith(".")] == []
            assert output.written / 2 < playable(path) <= given
        filler.unlink()
        path.unlink()
