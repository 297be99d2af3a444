"""Scores: written and read the same; each fault named with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.score import Score, ScoreHeader, Shot
from engine.errors import UsageError


def shot(start: float, end: float, sentence: str = "Kick hits in the background.") -> Shot:
    return Shot(
        start, end, sentence, "loud", None, ("kick", "bass", "tom"), ("canon", "deep", "bounce"), "red", "#ff0000", 0
    )


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / "song.wav").write_bytes(b"sound")
    return tmp_path / "song.wav"


def written(song: Path, *shots: Shot) -> Path:
    path = song.with_name("song.score.jsonl")
    Score(ScoreHeader.of(song, 8.0, "ink", 3), shots).save(path)
    return path


def test_a_score_is_read_as_it_was_written(song: Path) -> None:
    path = written(song, shot(0, 4.5), shot(4.5, 8, "Герой softly sings, holding a “心”."))
    assert json.loads(path.read_text("utf-8").splitlines()[0])["song"] == "song.wav"
    score = Score.load(path)
    assert score.song == song
    assert (score.header.style, score.header.seed) == ("ink", 3)
    assert score.shots == (shot(0, 4.5), shot(4.5, 8, "Герой softly sings, holding a “心”."))


def test_a_folder_with_song_and_score_can_be_moved(song: Path, tmp_path: Path) -> None:
    path = written(song, shot(0, 8))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in (song, path):
        file.rename(moved / file.name)
    assert Score.load(moved / path.name).song == moved / "song.wav"


@pytest.mark.parametrize(
    ("line", "old", "new", "words"),
    [
        (1, '"aimv_score": 1', '"aimv_score": 9', "format 9"),
        (1, "song.wav", "gone.wav", "is not there"),
        (2, '"end": 4.5', '"end": 4.0', "line 3: the shot must start where the one before ends"),
        (2, '"end": 4.5', '"end": -1', "line 2: a shot must end after it starts"),
        (3, '"end": 8', '"end": 99', "line 3: a shot must end within"),
        (3, '"end": 8', '"end": 6', "reach the song's end"),
        (2, "#ff0000", "reddish", "line 2: there is no colour named"),
        (2, "Kick hits in the background.", " ", "line 2: the sentence is empty"),
        (2, '"seed": 0', '"sed": 0', "line 2: .*sed"),
        (2, "{", "", "line 2: "),
    ],
)
def test_each_fault_is_named_with_its_line(song: Path, line: int, old: str, new: str, words: str) -> None:
    path = written(song, shot(0, 4.5), shot(4.5, 8))
    lines = path.read_text("utf-8").splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(UsageError, match=words) as caught:
        Score.load(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("score") / "a.score.jsonl"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        Score.load(path)
    assert "\n" not in str(caught.value)
