"""The stats of a show adds up to the show, whatever was shown when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.schedule.selector import KINDS, Placement, PlaybackStats


def test_what_stands_after_a_clip_has_ended_is_held_and_what_comes_too_late_counts_from_when_it_came():
    stats = PlaybackStats()
    stats.start(Placement(0.0, 4.0, 0, "fresh"), 0.0)
    stats.start(Placement(5.0, 9.0, 1, "stretched"), 5.5)
    assert stats.seconds(7.0) == pytest.approx(
        {"fresh": 4.0, "stretched": 1.5, "reused": 0.0, "frozen": 1.5, "late": 0.0}
    )
    assert stats.seconds(12.0)["frozen"] == pytest.approx(1.5 + 3.0)


def test_before_the_first_clip_the_opening_picture_is_held():
    stats = PlaybackStats()
    assert stats.seconds(2.0)["frozen"] == 2.0
    stats.start(Placement(3.0, 4.0, 0, "fresh"), 3.0)
    assert stats.seconds(4.0) == pytest.approx(
        {"fresh": 1.0, "stretched": 0.0, "reused": 0.0, "frozen": 3.0, "late": 0}
    )


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.floats(-1, 1), st.floats(0.1, 5), st.sampled_from(KINDS)), min_size=1, max_size=20
    )
)
def test_the_seconds_always_add_up(steps):
    stats, now = PlaybackStats(), 0.0
    for pause, early, length, kind in steps:
        now += pause
        start = max(0.0, now + early)
        stats.start(Placement(start, start + length, 0, kind), now)
    end = now + 2.0
    totals = stats.seconds(end)
    assert sum(totals.values()) == pytest.approx(end)
    assert min(totals.values()) >= 0.0
