"""Rolling windows: complete, ordered, without drift, for any block size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.windows import RollingWindows, Window
from engine.errors import UsageError


def cut(count: int, rate: int, hop: float, blocks: list[int]) -> list[Window]:
    sound = np.arange(count, dtype=np.float32)[:, None]
    cutter, windows, at = RollingWindows(rate, hop), [], 0
    while at < count:
        size = blocks[len(windows) % len(blocks)]
        windows += cutter.push(sound[at : at + size])
        at += size
    return windows + list(cutter.finish())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3000),
    st.sampled_from([0.1, 0.25, 1 / 3, 0.7, 1.0]),
    st.lists(st.integers(1, 700), min_size=1, max_size=5),
)
def test_windows_do_not_depend_on_blocks_and_miss_nothing(count: int, hop: float, blocks: list[int]) -> None:
    rate = 441
    windows = cut(count, rate, hop, blocks)
    assert [(w.start, len(w.samples)) for w in windows] == [
        (w.start, len(w.samples)) for w in cut(count, rate, hop, [count])
    ]
    seen = np.zeros(count, bool)
    for index, window in enumerate(windows):
        assert window.start == round(index * hop * rate)
        assert np.array_equal(window.samples[:, 0], np.arange(window.start, window.start + len(window.samples)))
        seen[window.start : window.start + len(window.samples)] = True
    assert seen.all()
    assert all(len(window.samples) == rate for window in windows[:-1])


def test_times_are_in_seconds_of_the_song() -> None:
    windows = cut(100_000, 44100, 0.25, [4096])
    assert [round(w.start_s, 6) for w in windows[:3]] == [0.0, 0.25, 0.5]
    assert windows[-1].end_s == pytest.approx(100_000 / 44100)


@pytest.mark.parametrize("hop", [0.0, -1.0, 0.01, 1.5, float("nan")])
def test_impossible_hops_are_refused(hop: float) -> None:
    with pytest.raises(UsageError, match="hop"):
        RollingWindows(44100, hop)
