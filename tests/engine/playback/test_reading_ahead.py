"""A clip read ahead of its picture: no picture is another for it, and drawing need not wait for the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.features import Features
from engine.playback.clips import ClipReader
from engine.playback.compositor import Compositor
from engine.types import Overrides
from tests.engine.playback.test_compositor import FPS, HEIGHT, WIDTH, clip, compositor, grey


class Dancing:
    """Rises now and then, so that the clip's time does not pass evenly."""

    def at(self, time: float) -> Features:
        return Features(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, cumulative_flux=float(int(time / 0.37)))


def three_shots(folder: Path) -> Compositor:
    stage = Compositor(WIDTH, HEIGHT, FPS, Dancing(), Overrides(reaction=1.0))
    stage.place(0.0, 2.0, clip(folder / "a.mp4", [grey(20 + 2 * k) for k in range(48)]))
    stage.place(2.0, 4.0, clip(folder / "b.mp4", [grey(200 - 8 * k) for k in range(16)], 8.0))
    stage.place(4.0, 6.0, folder / "a.mp4")
    return stage


def test_reading_ahead_changes_no_picture(tmp_path: Path) -> None:
    ahead, plain = three_shots(tmp_path), three_shots(tmp_path)
    ahead.prepare(-1.0)
    for number in range(150):
        if number % 10 != 3:
            ahead.prepare(number / FPS)
        assert np.array_equal(ahead.frame(number / FPS), plain.frame(number / FPS)), number


def test_what_was_read_ahead_need_not_be_read_when_the_picture_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = ClipReader._read

    def counted(self: ClipReader, index: int) -> Any:
        reads.append(index)
        return read(self, index)

    monkeypatch.setattr(ClipReader, "_read", counted)
    stage = compositor()
    stage.place(0.0, 2.0, clip(tmp_path / "a.mp4", [grey(20 + 2 * k) for k in range(48)]))
    stage.place(2.0, 4.0, clip(tmp_path / "b.mp4", [grey(200 - 2 * k) for k in range(48)]))
    drawing = 0
    for number in range(96):
        stage.prepare(number / FPS)
        before = len(reads)
        stage.frame(number / FPS)
        drawing += len(reads) - before
    assert len(reads) > 90
    assert drawing <= 1, "the last picture of the shot before, which the new one fades from"
