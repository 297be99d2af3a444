"""Live analysis: ordered windows, words delivered once committed, dropped sound if too slow."""

import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.instruments import Confusion
from engine.analysis.live import LiveAnalyzer, TimedAnalysis
from engine.analysis.transcription.types import Word
from tests.conftest import tone
from tests.support.fakes import FakeClassifier, FakeTranscriber

RATE = 16_000


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def sound(seconds: float) -> NDArray[np.float32]:
    return np.repeat(tone(seconds, 220.0, RATE)[:, None], 2, axis=1)


def test_windows_are_ordered_and_words_delivered_once_committed() -> None:
    windows: list[TimedAnalysis] = []
    words = FakeTranscriber([Word("heart", 0.5, 0.8, 1.0)], delay_s=0.4)
    committed: list[Word] = []
    with LiveAnalyzer(RATE, FakeClassifier({"vocal": 0.9}), words, windows.append, committed.extend) as analyzer:
        for number in range(30):
            analyzer.feed(sound(0.1), float(number))
            until(lambda fed=number + 1: len(windows) == max(0, (fed - 10) * 2 // 5 + 1))
            until(lambda fed=number + 1: committed or fed < 20)
    assert [each.analysis.end for each in windows] == [1.0 + 0.25 * k for k in range(9)]
    assert windows[0].arrival == 9.0, "the block that ended the window"
    assert [each.analysis.text for each in windows].count("heart") == 1
    assert analyzer.skipped_s == 0.0


class Stuck:
    """A classifier that waits."""

    def __init__(self) -> None:
        self.labels = ("kick",)
        self.confusion: Confusion = {}
        self.waits, self.go = threading.Event(), threading.Event()

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        self.waits.set()
        self.go.wait(20.0)
        return np.array([0.5], np.float32)


def test_an_analyzer_that_is_too_slow_drops_sound_and_keeps_the_time() -> None:
    windows: list[TimedAnalysis] = []
    slow = Stuck()
    with LiveAnalyzer(RATE, slow, None, windows.append) as analyzer:
        analyzer.feed(sound(1.0), 0.0)
        assert slow.waits.wait(20.0)
        for _ in range(290):
            analyzer.feed(sound(0.1), 0.0)
        skipped = analyzer.skipped_s
        assert skipped == pytest.approx(29.0 - 6.1), "six seconds and the block beyond wait, the rest is left out"
        slow.go.set()
        until(lambda: len(windows) > 10)
        analyzer.feed(sound(0.1), 0.0)
        until(lambda: windows[-1].analysis.end > 29.5)
    ends = [each.analysis.end for each in windows]
    assert ends == sorted(ends)
    assert analyzer.skipped_s == skipped


def test_labels_are_the_classifiers() -> None:
    windows: list[TimedAnalysis] = []
    names: Mapping[str, float] = {"kick": 0.7, "bass": 0.2}
    with LiveAnalyzer(RATE, FakeClassifier(names), None, windows.append) as analyzer:
        analyzer.feed(sound(1.0), 0.0)
        until(lambda: len(windows) == 1)
    assert windows[0].analysis.probabilities.keys() == names.keys()
