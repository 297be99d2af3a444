"""A row as a program reads it says the same as its sentence."""

import pytest

from aimv.app import listen
from aimv.app.listen import make_row
from engine.analysis.windows import WindowAnalysis


@pytest.mark.parametrize(("probability", "confident"), [(0.7, 1), (0.69996, 0)])
def test_what_is_not_sure_does_not_read_as_if_it_were(probability: float, confident: int) -> None:
    certain = {"kick": probability, "snare": 0.1, "bass": 0.2}
    heard = WindowAnalysis(0.0, 1.0, True, -20.0, 440.0, certain)
    row = make_row(heard, {}).as_json(with_probabilities=True)
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
