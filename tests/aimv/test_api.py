"""The Python API: models that stay loaded, files and arrays alike, rows as they come, nothing ignored in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import aimv
from aimv.app import listen as listen_module
from tests.conftest import tone


@pytest.fixture(scope="session")
def analyzer() -> aimv.Analyzer:
    return aimv.Analyzer.shared(aimv.Settings())


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models loaded during the test."""
    loaded: list[str] = []

    def count(name: str, load: Callable[..., Any]) -> None:
        def counted(*args: Any) -> Any:
            loaded.append(name)
            return load(*args)

        monkeypatch.setattr(listen_module, name, counted)

    count("load_whisper", listen_module.load_whisper)
    count("OnnxClassifier", listen_module.OnnxClassifier)
    return loaded


def test_an_analyzer_that_is_used_again_loads_nothing(wav: Callable[..., Path], loads: list[str]) -> None:
    song = wav(tone(3.0))
    with aimv.Analyzer() as analyzer:
        first = list(analyzer(song))
        assert sorted(loads) == ["OnnxClassifier", "load_whisper"]
        assert list(analyzer(str(song))) == first
        assert len(analyzer.score(song).shots) == 1
        list(analyzer(song, live=True))
        assert len(loads) == 2


def test_the_one_line_functions_keep_their_models(wav: Callable[..., Path], loads: list[str]) -> None:
    song = wav(tone(2.0))
    for language in (None, "en"):
        assert list(aimv.listen(song, language=language))
        assert aimv.score(song, aimv.Settings(language=language)).shots
    assert len(loads) <= 2  # none where a test before this one has loaded them


@pytest.mark.parametrize("channels", [1, 2])
def test_an_array_is_analyzed_as_its_file_is(analyzer: aimv.Analyzer, wav: Callable[..., Path], channels: int) -> None:
    samples = np.stack([tone(2.0), 0.5 * tone(2.0)], axis=1)[:, :channels]
    rows = list(analyzer.analyze(wav(samples, subtype="FLOAT")))
    assert list(analyzer.analyze(samples.squeeze(), 44100)) == rows
    assert [row.analysis.start for row in rows] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros(44100, np.int16), 44100, "int16"),
        (np.zeros(44100), None, "rate"),
        (np.zeros((2, 44100)), 44100, "44100 channels"),
        (np.zeros(0), 44100, "no sound"),
        ("song.wav", 44100, "rate of its own"),
    ],
)
def test_sound_that_cannot_be_read_is_refused_at_once(
    analyzer: aimv.Analyzer, samples: NDArray[Any] | str, rate: int | None, words: str
) -> None:
    with pytest.raises(aimv.AimvError, match=words):
        analyzer(samples, rate)


def test_live_rows_come_before_the_song_ends(analyzer: aimv.Analyzer, wav: Callable[..., Path]) -> None:
    analyzed: list[float] = []
    rows = analyzer(wav(tone(8.0)), live=True, on_progress=lambda done, total: analyzed.append(done))
    first = next(rows)
    assert first.analysis.end <= analyzed[-1] < 6.0
    assert [row.analysis.start for row in rows] == pytest.approx(range(1, 8))


@pytest.mark.parametrize("settings", [{"whisper": "tiny.en"}, {"language": "es"}])
def test_settings_that_ask_for_another_model_are_refused(
    analyzer: aimv.Analyzer, wav: Callable[..., Path], settings: dict[str, str]
) -> None:
    with pytest.raises(aimv.AimvError, match="the analyzer has its own") as caught:
        analyzer.score(wav(tone(2.0)), aimv.Settings(**settings))  # type: ignore[arg-type]
    assert caught.value.option in settings
