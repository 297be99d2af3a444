"""A score can be exported with its own song only."""

from collections.abc import Callable
from pathlib import Path

from aimv.language.score import Score, ScoreHeader, Shot
from tests.conftest import Ran, tone

Aimv = Callable[..., Ran]


def export(aimv: Aimv, score: Path) -> Ran:
    out = score.with_name("a.mp4")
    return aimv("export", score, "-o", out, "--size", "64x48", "--fps", "4", "--duration", "1")


def test_a_score_is_refused_over_another_song_of_equal_length_and_works_where_its_song_has_moved(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path
) -> None:
    song, other = wav(tone(2.0)), wav(tone(2.0, hz=220.0), "other.wav")
    shot = Shot(0.0, 2.0, "Kick hits.", "loud", None, ("kick",), ("canon",), "red", "#ff0000", 0)
    score = tmp_path / "song.score.jsonl"
    Score(ScoreHeader.of(song, 2.0, "", 0), (shot,)).save(score)
    right = score.read_text("utf-8")

    score.write_text(right.replace("song.wav", "other.wav"), "utf-8")
    ran = export(aimv, score)
    assert ran.status == 2
    assert ran.err.splitlines()[-1].startswith(f"aimv: {other} is not the song that the score was made of")
    assert not (tmp_path / "a.mp4").exists()

    (tmp_path / "music").mkdir()
    song.rename(tmp_path / "music" / "moved.wav")
    score.write_text(right.replace("song.wav", "music/moved.wav"), "utf-8")
    ran = export(aimv, score)
    assert ran.status == 0, ran.err
    assert (tmp_path / "a.mp4").stat().st_size
