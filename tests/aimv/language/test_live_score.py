"""The score of a live show lies on the recording's time line, whole, and can be read again."""

from pathlib import Path

import numpy as np
import pytest

from aimv.language.score import Score, ScoreRecorder, Shot
from engine.errors import OutputError
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import encode_recording

FPS, RATE = 10, 44_100


def recorded(path: Path, seconds: float, begins: float) -> None:
    recording = encode_recording(path, MediaFormat(64, 48, FPS, RATE))
    recording.write_audio(np.zeros((round((begins + seconds) * RATE), 2), np.float32), 0)
    for number in range(round(begins * FPS), round((begins + seconds) * FPS)):
        recording.write(np.full((48, 64, 3), number % 200, np.uint8), number / FPS)
    recording.close()


def shot(start: float, seed: int) -> Shot:
    instruments, abstractions, times = ("kick",), ("boom",), (start - 1.2, start - 0.7)
    return Shot(
        *(start, start + 4.0, f"Sentence {seed}.", "loud", "my heart"),
        *(instruments, abstractions, "red", "#ff0000", seed, times),
    )


def test_shots_are_moved_to_the_recordings_beginning_and_fill_it(tmp_path: Path) -> None:
    score = ScoreRecorder(tmp_path / "show.mp4")
    for start, seed in ((0.0, 1), (3.0, 2), (8.5, 3), (50.0, 4)):
        score.add(shot(start, seed))
    recorded(tmp_path / "show.mp4", 10.0, begins=1.0)
    assert score.save(1.0) == 3
    read = Score.load(tmp_path / "show.score.jsonl")
    assert read.song == tmp_path / "show.mp4"
    assert [each.seed for each in read.shots] == [1, 2, 3]
    assert [each.start for each in read.shots] == pytest.approx([0.0, 2.0, 7.5])
    assert read.shots[1].times == pytest.approx((0.8, 1.3)), "the words, too"
    assert read.shots[-1].end == pytest.approx(10.0, abs=0.1)


def test_without_a_shot_or_a_recording_there_is_no_score(tmp_path: Path) -> None:
    score = ScoreRecorder(tmp_path / "show.mp4")
    with pytest.raises(OutputError, match="cannot be read"):
        score.save(0.0)
    recorded(tmp_path / "show.mp4", 1.0, begins=0.0)
    with pytest.raises(OutputError, match="no shot"):
        score.save(0.0)


def test_shots_lie_in_a_file_without_a_name_and_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = ScoreRecorder(tmp_path / "show.mp4")
    score.add(shot(0.0, 1))
    assert list(tmp_path.iterdir()) == [], "nothing that a crash would leave"
    recorded(tmp_path / "show.mp4", 1.0, begins=0.0)
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - a disk without room
        monkeypatch.setattr(score, "_shots", full)
        score.add(shot(0.5, 2))
    with pytest.raises(OutputError, match="no room left"):
        score.save(0.0)
