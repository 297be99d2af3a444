"""Reading clips by frame number in any order; damaged clips are rejected."""

import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.errors import RenderError
from engine.playback.clips import CACHED_FRAMES, ClipReader
from engine.playback.yuv import to_rgb


def write_clip(path: Path, count: int, fps: int = 24, size: tuple[int, int] = (64, 48)) -> Path:
    """A clip whose frame k is grey of level 5 k + 20, with B-frames and a key frame every 12."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "8", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = *size, "yuv420p", 12
        for k in range(count):
            grey = np.full((size[1], size[0], 3), 5 * k + 20, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number(frame: np.ndarray) -> int:
    return round((float(to_rgb(frame).mean()) - 20) / 5)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts seeks, packets and demuxers of every clip opened from now on."""
    counts: Counter[str] = Counter()

    class Counted:
        def __init__(self, container: Any) -> None:
            self._container = container

        def __getattr__(self, name: str) -> Any:
            return getattr(self._container, name)

        def seek(self, *arguments: Any, **named: Any) -> None:
            counts["seek"] += 1
            self._container.seek(*arguments, **named)

        def demux(self, stream: Any) -> Iterator[Any]:
            counts["demuxer begun"] += 1
            for packet in self._container.demux(stream):
                counts["packet"] += 1
                yield packet
            counts["demuxer ended"] += 1

    opened = av.open
    monkeypatch.setattr(av, "open", lambda path: Counted(opened(path)))
    return counts


@pytest.fixture
def reader(tmp_path: Path) -> ClipReader:
    return ClipReader(write_clip(tmp_path / "clip.mp4", 40))


def test_length_and_rate(reader: ClipReader) -> None:
    assert reader.count == 40
    assert reader.fps == 24.0


@pytest.mark.parametrize(
    "order",
    [range(40), range(39, -1, -1), [0, 39, 1, 20, 19, 21, 12, 11, 13, 0], [5, 5, 6, 5, 30, 29]],
    ids=["forwards", "backwards", "anywhere", "to and fro"],
)
def test_frames_are_read_in_any_order(reader: ClipReader, order: list[int]) -> None:
    assert [number(reader.frame(k)) for k in order] == list(order)


def test_numbers_outside_are_clamped(reader: ClipReader) -> None:
    assert number(reader.frame(-3)) == 0
    assert number(reader.frame(1000)) == 39


def test_memory_is_bounded(reader: ClipReader) -> None:
    frames = [weakref.ref(reader.frame(k)) for k in range(40)]
    assert sum(frame() is not None for frame in frames) == CACHED_FRAMES


def test_forward_reading_decodes_each_packet_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "clip.mp4", 40)
    counts = count_reads(monkeypatch)
    reader = ClipReader(path)
    counts.clear()
    for k in range(40):
        reader.frame(k)
        reader.frame(k - 1)
    assert counts["seek"] == 1 and counts["packet"] <= 41, "the last packet flushes the decoder"


def test_not_a_clip(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    for name in ("text.mp4", "missing.mp4"):
        with pytest.raises(RenderError, match=name):
            ClipReader(tmp_path / name)


def test_a_cut_off_clip_is_refused(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", 40).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RenderError, match="cut"):
        ClipReader(tmp_path / "cut.mp4").frame(39)


def test_every_demuxer_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV leaks memory with each that is not."""
    path = write_clip(tmp_path / "clip.mp4", 40)
    counts = count_reads(monkeypatch)
    reader = ClipReader(path)
    for k in (8, 2, 30, 39):
        reader.frame(k)
    reader.close()
    assert counts["demuxer begun"] == counts["demuxer ended"] >= 3
