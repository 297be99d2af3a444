"""Scores: round trip, errors with line numbers, and the recorder of a live show."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.score import SUFFIX, Score, ScoreHeader, ScoreRecorder, Shot, is_score
from engine.errors import OutputError, UsageError

OLDER = (  # as the first version wrote it
    '{"aimv_score": 1, "song": "song.wav", "sha256": "%s", "duration": 4.0, "style": "", "seed": 3}\n'
    '{"start": 0.0, "end": 4.0, "sentence": "Kick hits.", "loudness": "loud", "words": null, "instruments": ["kick"], '
    '"abstractions": ["canon"], "colour": "red", "hex": "#ff0000", "seed": 3}\n'
)


def shot(start: float, end: float, sentence: str = "Kick hits.", **fields: Any) -> Shot:
    values: dict[str, Any] = {
        "loudness": "loud",
        "words": None,
        "instruments": ("kick", "bass", "tom"),
        "abstractions": ("canon", "deep", "bounce"),
        "colour": "red",
        "hex": "#ff0000",
        "seed": 0,
    }
    return Shot(start, end, sentence, **(values | fields))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    (tmp_path / "song.wav").write_bytes(b"sound")
    return tmp_path / "song.wav"


def saved(song: Path, *shots: Shot) -> Path:
    path = song.with_name("song.score.jsonl")
    Score(ScoreHeader.of(song, 8.0, "ink", 3), shots).save(path)
    return path


def test_a_score_is_loaded_as_it_was_saved(song: Path) -> None:
    shots = (
        shot(0, 4.5),
        shot(4.5, 8, "Герой softly sings, holding a “心”.", words="心", times=(5.0,), english="heart"),
    )
    path = saved(song, *shots)
    score = Score.load(str(path))
    assert score.song == song
    assert score.header == ScoreHeader(1, str(song), hashlib.sha256(b"sound").hexdigest(), 8.0, "ink", 3)
    assert score.shots == shots
    score.save(str(path))
    assert Score.load(path) == score


def test_a_score_is_lines_that_a_person_can_read(song: Path) -> None:
    header, line = saved(song, shot(0, 8, "Герой")).read_text("utf-8").splitlines()
    assert json.loads(header)["song"] == "song.wav"
    assert line.startswith('{"start": 0, "end": 8, "sentence": "Герой", "loudness": "loud"')


def test_a_score_of_the_first_version_is_loaded(song: Path) -> None:
    path = song.with_name("old.score.jsonl")
    path.write_text(OLDER % hashlib.sha256(b"sound").hexdigest(), "utf-8")
    score = Score.load(path)
    assert (score.shots[0].times, score.shots[0].english) == ((), None)
    assert score.header.seed == 3


def test_a_duration_is_kept_in_whole_milliseconds(song: Path) -> None:
    assert ScoreHeader.of(song, 8.01249, "", 0).duration == 8.012


def test_a_folder_with_song_and_score_can_be_moved(song: Path, tmp_path: Path) -> None:
    path = saved(song, shot(0, 8))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for file in (song, path):
        file.rename(moved / file.name)
    assert Score.load(moved / path.name).song == moved / "song.wav"


def test_a_song_below_the_score_is_named_from_there_and_another_by_its_whole_path(song: Path, tmp_path: Path) -> None:
    score = Score.load(saved(song, shot(0, 8)))
    below, beside = tmp_path.parent / "a.score.jsonl", tmp_path / "scores" / "a.score.jsonl"
    beside.parent.mkdir()
    for path, name in ((below, f"{tmp_path.name}/song.wav"), (beside, str(song))):
        score.save(path)
        assert json.loads(path.read_text("utf-8").splitlines()[0])["song"] == name
        assert Score.load(path).song == song
    below.unlink()


def test_a_score_is_not_loaded_over_another_song(song: Path) -> None:
    path = saved(song, shot(0, 8))
    for other in (b"other", b"noise"):  # their hashes are below and above the song's
        song.write_bytes(other)
        with pytest.raises(UsageError, match=r"song\.wav is not the song that the score was made of"):
            Score.load(path)
    song.unlink()
    with pytest.raises(UsageError, match=r"song\.wav is not there"):
        Score.load(path)


def test_only_the_whole_name_makes_a_score() -> None:
    assert is_score("folder/song.score.jsonl")
    assert is_score(Path("song.score.jsonl"))
    assert not is_score("song.jsonl")
    assert not is_score("song.score.jsonl/song.wav")


def test_an_unwritable_score_leaves_no_file(song: Path) -> None:
    score = Score.load(saved(song, shot(0, 8)))
    with pytest.raises(OutputError, match="cannot be written"):
        score.save(song.parent / "missing" / "a.score.jsonl")
    assert len(list(song.parent.iterdir())) == 2


@pytest.mark.parametrize(
    ("line", "old", "new", "words"),
    [
        (1, '"aimv_score": 1', '"aimv_score": 9', "format 9, this AIMV reads 1"),
        (1, '"aimv_score": 1', '"aimv_score": 0', "format 0"),
        (1, "song.wav", "gone.wav", "gone.wav is not there"),
        (1, "song.wav", "x" * 5000, "x{200} is not there"),
        (1, "song.wav", "\\u0000", "is not there"),
        (1, '"style"', '"stile"', "line 1: .*stile"),
        (3, '"end": 4.5', '"end": 4.0', "line 4: the shot must start where the one before ends, at 4.000 s"),
        (3, '"end": 4.5', '"end": 4.497', "line 4: the shot must start"),
        (3, '"start": 0', '"start": 0.003', "line 3: the shot must start where the one before ends, at 0.000 s"),
        (3, '"end": 4.5', '"end": 0', "line 3: a shot must end after it starts"),
        (4, '"end": 8', '"end": 8.06', "line 4: a shot must end within the song's 8.00 s"),
        (4, '"end": 8', '"end": 7.94', "line 4: the shots must reach the song's end at 8.000 s"),
        (3, "#ff0000", "reddish", "line 3: there is no colour named"),
        (3, "Kick hits.", " ", "line 3: the sentence is empty"),
        (3, '"seed": 0', '"sed": 0', "line 3: .*sed"),
        (3, "{", "", "line 3: "),
    ],
)
def test_each_fault_is_named_with_its_line(song: Path, line: int, old: str, new: str, words: str) -> None:
    path = saved(song, shot(0, 4.5), shot(4.5, 8))
    lines = path.read_text("utf-8").splitlines()
    lines.insert(1, "  ")  # counts as a line
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(UsageError, match=words) as caught:
        Score.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("start", "end"), [(0.002, 8.05), (-0.002, 7.95), (0, 8)])
def test_small_errors_of_times_are_no_fault(song: Path, start: float, end: float) -> None:
    assert Score(ScoreHeader.of(song, 8.0, "", 0), (shot(start, 4.5), shot(4.501, end)))


def test_a_score_is_valid_once_it_is_made_and_stays_so(song: Path) -> None:
    header = ScoreHeader.of(song, 8.0, "", 0)
    for value in (header, shot(0, 8), Score(header, (shot(0, 8),))):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, value.__struct_fields__[0], None)
    with pytest.raises(UsageError, match=r"shot 2: the shot must start where the one before ends, at 4\.000 s"):
        Score(header, (shot(0, 4), shot(5, 8)))
    with pytest.raises(UsageError, match="shot 1: the shots must reach"):
        Score(header, ())
    for end in (4, 3):
        with pytest.raises(UsageError, match="after it starts"):
            shot(4, end)


@pytest.mark.parametrize(("content", "words"), [(None, "no file"), ("", "is empty"), ("\n \n", "is empty")])
def test_a_file_that_is_not_a_score(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "a.score.jsonl"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(UsageError, match=words):
        Score.load(path)
    with pytest.raises(UsageError, match="cannot be read as a score"):
        Score.load(tmp_path)


def test_a_score_without_shots_is_refused_on_its_first_line(song: Path) -> None:
    path = saved(song, shot(0, 8))
    path.write_text(path.read_text("utf-8").splitlines()[0], "utf-8")
    with pytest.raises(UsageError, match="line 1: the shots must reach"):
        Score.load(path)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.score.jsonl"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        Score.load(path)
    assert "\n" not in str(caught.value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SHOTS = st.builds(
    lambda sentence, words, names, times, seed: shot(
        0, 1, f"x{sentence}", words=words, instruments=tuple(names), times=tuple(times), seed=seed, english=words
    ),
    *(TEXT, st.none() | TEXT, st.lists(TEXT, max_size=3), st.lists(st.floats(0, 9), max_size=3), st.integers(0, 2**31)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SHOTS, st.integers(1, 9000)), min_size=1, max_size=6))
def test_any_score_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[Shot, int]]
) -> None:
    song = tmp_path_factory.getbasetemp() / "any.wav"
    song.write_bytes(b"sound")
    shots, start = [], 0.0
    for each, milliseconds in drawn:
        end = round(start + milliseconds / 1000, 3)
        shots.append(shot(start, end, **{name: getattr(each, name) for name in Shot.__struct_fields__[2:]}))
        start = end
    score = Score(ScoreHeader.of(song, start, "", 0), tuple(shots))
    score.save(song.with_suffix(SUFFIX))
    assert Score.load(song.with_suffix(SUFFIX)) == score


def recording(path: Path, seconds: float = 10.0) -> Path:
    soundfile.write(path, np.zeros(round(seconds * 8000)), 8000)
    return path


def begun(start: float, seed: int) -> Shot:
    return shot(start, start + 4, words="my heart", times=(start - 1.2, start - 0.7), seed=seed)


def test_recorded_shots_are_moved_to_the_recordings_beginning_and_fill_it(tmp_path: Path) -> None:
    recorder = ScoreRecorder(str(tmp_path / "show.wav"))
    for start, seed in ((0.0, 1), (3.0, 2), (8.5, 3), (50.0, 4)):
        recorder.add(begun(start, seed))
    recording(tmp_path / "show.wav", 10.01225)
    assert recorder.save(1.0) == 3
    score = Score.load(recorder.path)
    assert score.header == ScoreHeader.of(tmp_path / "show.wav", 10.012, "", 0)
    assert [(each.seed, each.start, each.end) for each in score.shots] == [(1, 0, 2), (2, 2, 7.5), (3, 7.5, 10.012)]
    assert score.shots[1].times == (0.8, 1.3), "the words, too"


@pytest.mark.parametrize(("second", "kept"), [(1.05, [2]), (1.052, [1, 2])])
def test_a_recorded_shot_of_a_twentieth_of_a_second_is_dropped(tmp_path: Path, second: float, kept: list[int]) -> None:
    recorder = ScoreRecorder(tmp_path / "show.wav")
    for start, seed in ((0.0, 1), (second, 2)):
        recorder.add(begun(start, seed))
    recording(tmp_path / "show.wav")
    assert recorder.save(1.0) == len(kept)
    score = Score.load(tmp_path / "show.score.jsonl")
    assert [each.seed for each in score.shots] == kept


def test_the_last_recorded_shot_reaches_the_recordings_end(tmp_path: Path) -> None:
    recorder = ScoreRecorder(tmp_path / "show.wav")
    for start in (0.0, 5.0, 9.96):
        recorder.add(begun(start, 0))
    recording(tmp_path / "show.wav")
    assert recorder.save(0.0) == 2
    assert Score.load(recorder.path).shots[-1].end == 10.0


def test_without_a_shot_or_a_recording_there_is_no_score(tmp_path: Path) -> None:
    recorder = ScoreRecorder(tmp_path / "show.wav")
    with pytest.raises(OutputError, match="cannot be read"):
        recorder.save(0.0)
    recording(tmp_path / "show.wav")
    with pytest.raises(OutputError, match="no shot"):
        recorder.save(0.0)
    with pytest.raises(OutputError, match="cannot be written"):
        ScoreRecorder(tmp_path / "missing" / "show.wav")


def test_shots_lie_in_a_file_without_a_name_and_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = open("/dev/full", "wb", buffering=0)  # noqa: PTH123, SIM115 - a disk without room
    recorder = ScoreRecorder(tmp_path / "show.wav")
    recorder.add(begun(0.0, 1))
    assert list(tmp_path.iterdir()) == [], "nothing that a crash would leave"
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **where: full)
    recorder = ScoreRecorder(tmp_path / "show.wav")
    recorder.add(begun(0.5, 2))
    recording(tmp_path / "show.wav")
    with full, pytest.raises(OutputError, match="no room left"):
        recorder.save(0.0)
    assert math.isclose(soundfile.info(tmp_path / "show.wav").duration, 10.0)
