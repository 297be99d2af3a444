"""Rows as JSON, and cached shots with which an export resumes."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from aimv.app import listen
from aimv.app.listen import Analyzer, ResumeCache, ShotSource, make_row
from aimv.language.score import Score
from aimv.options import Settings
from engine.analysis.windows import WindowAnalysis
from engine.types import Progress
from tests.conftest import tone


@pytest.mark.parametrize(("probability", "confident"), [(0.7, 1), (0.69996, 0)])
def test_confident_counts_the_instruments_from_70_percent(probability: float, confident: int) -> None:
    certain = {"kick": probability, "snare": 0.1, "bass": 0.2}
    analysis = WindowAnalysis(0.0, 1.0, True, -20.0, 440.0, certain)
    row = make_row(analysis, {}).as_json(with_probabilities=True)
    assert row["confident"] == confident
    assert sum(each["confidence"] >= 0.7 for each in row["instruments"]) == confident
    assert (row["probabilities"]["kick"] >= 0.7) == bool(confident)


def test_a_sentence_is_made_only_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(listen, "sentence", lambda content, seed: str(made.append(seed)))
    row = make_row(WindowAnalysis(0.0, 1.0, True, -20.0, 440.0, {"kick": 0.9, "snare": 0.1, "bass": 0.2}), {}, seed=7)
    assert row.content.colour
    assert not made
    assert row.sentence
    assert made == [7]


@pytest.fixture
def source(wav: Callable[..., Path]) -> Callable[..., ShotSource]:
    """A source of the shots of a song of 5 s, or of a score, by an analyzer that has loaded nothing yet."""
    song = wav(tone(5.0))
    return lambda score=None: ShotSource(score or song, Settings(), Analyzer(), Progress())


def test_an_export_resumes_with_the_shots_that_were_analyzed(
    source: Callable[..., ShotSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, out = source(), tmp_path / "a.mp4"
    cache = ResumeCache(out, first)
    part = cache.save_when_complete()
    next(part)
    ResumeCache(out, again := source()).restore()
    assert again.score is None  # not all shots were known
    shots = [*first.shots()]
    assert [*cache.save_when_complete()] == shots
    ResumeCache(tmp_path / "b.mp4", other := source()).restore()
    assert other.score is None
    monkeypatch.setattr(listen, "load_classifier", lambda: pytest.fail("it was analyzed again"))
    ResumeCache(out, again := source()).restore()
    assert [*again.shots()] == shots
    cache.clear()
    ResumeCache(out, again := source()).restore()
    assert again.score is None


def test_an_edited_score_is_not_replaced_by_what_was_analyzed(
    source: Callable[..., ShotSource], tmp_path: Path
) -> None:
    analyzed = source()
    shots = [*ResumeCache(tmp_path / "a.mp4", analyzed).save_when_complete()]
    edited = tuple(msgspec.structs.replace(shot, sentence="Edited.") for shot in shots)
    ResumeCache(tmp_path / "a.mp4", replayed := source(Score(analyzed.header, edited))).restore()
    assert [*replayed.shots()] == [*edited]
