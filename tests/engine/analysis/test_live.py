"""Hearing live: windows come in order, words in the window after they are known, and a slow listener leaves out."""

import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.instruments import Confusion, FakeClassifier
from engine.analysis.live import LiveAnalyzer, TimedAnalysis
from engine.analysis.transcription.types import FakeTranscriber, Word
from tests.conftest import tone

RATE = 16_000


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def sound(seconds: float) -> NDArray[np.float32]:
    return np.repeat(tone(seconds, 220.0, RATE)[:, None], 2, axis=1)


def test_windows_and_words_come_as_they_are_heard() -> None:
    heard: list[TimedAnalysis] = []
    words = FakeTranscriber([Word("heart", 0.5, 0.8, 1.0)], delay_s=0.4)
    with LiveAnalyzer(RATE, FakeClassifier({"vocal": 0.9}), words, heard.append) as hearing:
        for number in range(30):
            hearing.feed(sound(0.1), float(number))
            time.sleep(0.02)
        until(lambda: len(heard) == 9)
    assert [each.analysis.end for each in heard] == [1.0 + 0.25 * k for k in range(9)]
    assert heard[0].arrival == 9.0, "the block that ended the window"
    assert [each.analysis.text for each in heard].count("heart") == 1
    assert hearing.skipped_s == 0.0


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


def test_a_listener_that_is_too_slow_leaves_out_and_keeps_the_time() -> None:
    heard: list[TimedAnalysis] = []
    slow = Stuck()
    with LiveAnalyzer(RATE, slow, None, heard.append) as hearing:
        hearing.feed(sound(1.0), 0.0)
        assert slow.waits.wait(20.0)
        for _ in range(290):
            hearing.feed(sound(0.1), 0.0)
        skipped = hearing.skipped_s
        assert skipped == pytest.approx(29.0 - 6.1), "six seconds and the block beyond wait, the rest is left out"
        slow.go.set()
        until(lambda: len(heard) > 10)
        hearing.feed(sound(0.1), 0.0)
        until(lambda: heard[-1].analysis.end > 29.5)
    ends = [each.analysis.end for each in heard]
    assert ends == sorted(ends)
    assert hearing.skipped_s == skipped


def test_labels_are_the_classifiers() -> None:
    heard: list[TimedAnalysis] = []
    names: Mapping[str, float] = {"kick": 0.7, "bass": 0.2}
    with LiveAnalyzer(RATE, FakeClassifier(names), None, heard.append) as hearing:
        hearing.feed(sound(1.0), 0.0)
        until(lambda: len(heard) == 1)
    assert heard[0].analysis.probabilities.keys() == names.keys()
