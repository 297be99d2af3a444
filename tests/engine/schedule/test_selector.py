"""Which clip is on screen when: stretched, frozen, reused or late; every second is counted."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule.planner import SHORTEST_S, STRETCH, Planner
from engine.schedule.selector import FREEZE_S, KINDS, ClipSelector, Placement, PlaybackStats
from engine.schedule.state import RenderTime
from engine.types import LONGEST_CLIP_S
from tests.engine.schedule.schedules import add_clip, shots_of, state_of
from tools.stress.simulate_show import LEVELS


def test_a_shot_shows_its_own_clip_and_the_next_its_own():
    state = state_of(*shots_of(4, 4))
    add_clip(state, 0)
    add_clip(state, 1)
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0) == Placement(0.0, 4.0, 0, "fresh")
    assert selector.at(2.0) is selector.at(3.9)
    assert selector.at(4.1) == Placement(4.0, 8.0, 1, "fresh"), "from where its shot began since the last call"


def test_before_any_clip_nothing_is_shown_and_then_the_one_there_is():
    state = state_of(*shots_of(4, 4, 4, sections="ABC"))
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0) is None
    add_clip(state, 1)
    add_clip(state, 2)
    assert selector.at(0.5) == Placement(0.0, 4.0, 2, "late"), "nothing has played before the first clip"


@pytest.mark.parametrize(("seconds", "kind"), [(4.0, "fresh"), (3.65, "fresh"), (3.6, "stretched"), (2.0, "stretched")])
def test_a_clip_slowed_by_less_than_a_tenth_is_fresh(seconds, kind):
    state = state_of(*shots_of(4, 4))
    add_clip(state, 0, seconds)
    add_clip(state, 1)
    assert ClipSelector(state, live=False).at(0.0) == Placement(0.0, 4.0, 0, kind)


def test_a_clip_longer_than_its_shot_is_not_hurried():
    state = state_of(*shots_of(2, 4))
    add_clip(state, 0, 3.0)
    add_clip(state, 1)
    assert ClipSelector(state, live=False).at(0.0) == Placement(0.0, 3.0, 0, "fresh")


def test_a_clip_is_stretched_to_twice_its_length_then_shown_again():
    state = state_of(*shots_of(4, 4, 4))
    add_clip(state, 0)
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0) == Placement(0.0, 8.0, 0, "stretched")
    assert selector.at(7.9) == Placement(0.0, 8.0, 0, "stretched"), "the shot in between has no clip of its own"
    assert selector.at(8.2) == Placement(8.0, 12.0, 0, "reused")
    add_clip(state, 2)
    assert selector.at(8.5) == Placement(8.5, 12.5, 2, "fresh")


def test_the_last_frame_is_frozen_for_half_a_second_until_the_next_clip():
    for wait, kind in ((FREEZE_S, "frozen"), (FREEZE_S + 0.1, "reused")):
        state = state_of(*shots_of(8 + wait, 4))
        add_clip(state, 0, seconds=4.0)
        add_clip(state, 1)
        selector = ClipSelector(state, live=False)
        assert selector.at(0.0).end == 8.0
        selector.at(7.9)
        placed = selector.at(8.0)
        assert (placed.shot, placed.start, placed.kind) == (0, 8.0, kind)
        assert placed.end == (8.5 if kind == "frozen" else 12.0)


def test_a_frozen_frame_is_preferred_to_another_clip_for_a_moment_only():
    for wait, shot in ((0.4, 1), (0.6, 3)):
        state = state_of(*shots_of(2, 4, 4 + wait, 4))
        for index in (0, 1, 3):
            add_clip(state, index)
        selector = ClipSelector(state, live=False)
        for t in (0.0, 2.0, 9.9):
            selector.at(t)
        assert selector.at(10.0).shot == shot


def test_the_least_recently_shown_clip_is_reused_first():
    state = state_of(*shots_of(4, 4, 4, 40))
    for index in (0, 1, 2):
        add_clip(state, index)
    selector = ClipSelector(state, live=False)
    shown = [selector.at(0.5 * step) for step in range(104)]
    order = [(placement.shot, placement.kind) for placement in dict.fromkeys(shown)]
    assert order[:3] == [(0, "fresh"), (1, "fresh"), (2, "stretched")]
    assert order[3:] == [(shot, "reused") for shot in (0, 1, 2) * 3], "in turn, never twice in a row"
    assert all(before.end == after.start for before, after in itertools.pairwise(dict.fromkeys(shown)))


def test_of_clips_never_shown_the_nearest_is_first():
    state = state_of(*shots_of(4, 4, 4, 4, 4, sections="AABBA"))
    for index in (1, 4):
        add_clip(state, index)
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0) == Placement(0.0, 4.0, 1, "reused")


def test_a_repeat_shows_the_clip_of_its_section_and_another_section_is_late():
    state = state_of(*shots_of(4, 4, 4, sections="ABA"))
    add_clip(state, 0)
    selector = ClipSelector(state, live=False)
    selector.at(0.0)
    selector.at(3.9)
    assert selector.at(4.0) == Placement(4.0, 8.0, 0, "late")
    assert selector.at(8.0) == Placement(8.0, 12.0, 0, "reused")


def test_a_late_clip_counts_as_reused_once_its_own_section_begins():
    state = state_of(*shots_of(4, 4, 4, sections="ABA"))
    add_clip(state, 2, 6.0)
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0).kind == "reused"
    assert selector.at(6.0) == Placement(6.0, 12.0, 2, "late")
    assert selector.at(8.1) == Placement(8.0, 14.0, 2, "reused"), "now it is in its own shot"


@pytest.mark.parametrize(("length", "left", "shown"), [(4.0, 1.0, 1), (4.0, 0.9, 0), (1.0, 0.5, 1), (1.0, 0.4, 0)])
def test_a_clip_that_is_ready_at_the_very_end_of_its_shot_is_not_shown_for_it(length, left, shown):
    state = state_of(*shots_of(4, length, 4))
    add_clip(state, 0, 4.0)
    selector = ClipSelector(state, live=False)
    t = 4.0 + length - left
    selector.at(0.0)
    selector.at(t - 0.01)
    add_clip(state, 1)
    assert selector.at(t).shot == shown


def test_the_next_change_is_looked_for_within_a_dozen_shots():
    for clip, end in ((11, 11.0), (12, 12.0)):
        state = state_of(*shots_of(*[1.0] * 30))
        add_clip(state, 0, 6.0)
        add_clip(state, clip)
        assert ClipSelector(state, live=False).at(0.0).end == end


def test_a_clip_is_stretched_up_to_one_that_will_be_ready_and_not_to_one_that_will_not():
    for expected, end in ((4.0, 4.0), (4.1, 6.0)):
        state = state_of(*shots_of(2, 2, 2, 2, sections="AAAB"))
        add_clip(state, 0, 3.0)
        state.expected[2] = expected
        assert ClipSelector(state, live=False).at(0.0).end == end


def test_live_nothing_is_shown_before_a_prompt_of_the_past_has_a_clip():
    state = state_of(*shots_of(4, 4))
    add_clip(state, 1)
    selector = ClipSelector(state, live=True)
    assert selector.at(1.0) is None
    assert selector.at(4.5) == Placement(4.0, 8.0, 1, "fresh")


def test_live_the_first_clip_starts_when_it_is_ready():
    state = state_of(*shots_of(4, 4))
    selector = ClipSelector(state, live=True)
    assert selector.at(0.5) is None
    add_clip(state, 0)
    assert selector.at(0.7) == Placement(0.7, 4.7, 0, "fresh"), "the time before it has passed"


def test_live_the_newest_clip_is_repeated_until_a_newer_one_is_ready():
    state = state_of(*shots_of(4, 4, 4, sections="ABC"))
    add_clip(state, 0)
    selector = ClipSelector(state, live=True)
    assert selector.at(0.0) == Placement(0.0, 4.0, 0, "fresh")
    assert selector.at(4.1) == Placement(4.0, 8.0, 0, "late")
    add_clip(state, 1)
    assert selector.at(5.0) == Placement(5.0, 9.0, 1, "fresh")
    assert selector.at(8.2) == Placement(5.0, 9.0, 1, "fresh"), "the shot has ended, its clip has not"
    assert selector.at(9.1) == Placement(9.0, 13.0, 1, "late")


def test_live_a_clip_is_stretched_until_the_next_is_expected():
    state = state_of(*shots_of(4, 4))
    add_clip(state, 0, 4.0)
    state.expected[1] = 6.5
    selector = ClipSelector(state, live=True)
    assert selector.at(0.0) == Placement(0.0, 6.5, 0, "stretched")
    state.expected[1] = 6.9
    assert selector.at(6.5) == Placement(6.5, 6.9, 0, "frozen")


def test_live_a_repeated_section_shows_its_latest_clip_at_once():
    state = state_of(*shots_of(4, 4, 4, 4, sections="AABA"))
    for index in (0, 1, 2):
        add_clip(state, index)
    selector = ClipSelector(state, live=True)
    assert [selector.at(t).shot for t in (0.0, 4.0, 8.0, 12.0)] == [0, 1, 2, 1]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_ready_when_something_is_shown_at_every_moment(data):
    live = data.draw(st.booleans())
    lengths = data.draw(st.lists(st.floats(2.0, 6.0), min_size=2, max_size=12))
    song = shots_of(*lengths, sections=data.draw(st.text("ABC", min_size=1, max_size=12)))
    state = state_of(*([song[0]] if live else song), levels=LEVELS, factor=data.draw(st.floats(0.1, 20)))
    planner, selector = Planner(state, live), ClipSelector(state, live)
    t, task = 0.0, None
    while t < song[-1].end:
        if live and len(state.shots) < len(song) and song[len(state.shots)].start <= t:
            state.add_shot(song[len(state.shots)])
        match data.draw(st.sampled_from(["wait", "work", "die"])):
            case "work" if task is None:
                task = planner.next(t)
                if task:
                    assert SHORTEST_S <= task.seconds <= LONGEST_CLIP_S
                    state.start(task, t)
            case "work":
                state.finish(task, RenderTime(data.draw(st.floats(0.1, 30)), data.draw(st.floats(0, 30))))
                task = None
            case "die" if task:
                state.cancel(task)
                task = None
        placement = selector.at(t)
        if state.clips:
            assert placement.start <= t <= placement.end
            assert placement.shot in state.clips
            assert placement.end - placement.start <= STRETCH * state.clips[placement.shot] + 1e-6
        t += data.draw(st.floats(0.05, 2.0))


def test_the_rest_after_a_clip_is_frozen_and_a_late_clip_counts_from_its_display():
    stats = PlaybackStats()
    stats.start(Placement(0.0, 4.0, 0, "fresh"), 0.0)
    stats.start(Placement(5.0, 9.0, 1, "stretched"), 5.5)
    nothing = dict.fromkeys(KINDS, 0.0)
    assert stats.seconds(7.0) == nothing | {"fresh": 4.0, "stretched": 1.5, "frozen": 1.5}
    assert stats.seconds(12.0) == nothing | {"fresh": 4.0, "stretched": 3.5, "frozen": 4.5}


def test_before_the_first_clip_the_opening_picture_is_frozen():
    stats = PlaybackStats()
    assert stats.seconds(2.0)["frozen"] == 2.0
    stats.start(Placement(3.0, 4.0, 0, "fresh"), 3.0)
    assert stats.seconds(4.0) == dict.fromkeys(KINDS, 0.0) | {"fresh": 1.0, "frozen": 3.0}


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
