"""What is rendered next, on a virtual clock: lead over every section, the newest prompt live."""

import pytest

from engine.generators.base import Level
from engine.schedule.planner import HORIZON_S, LIVE_LENGTHS_S, SHORTEST_S, Planner
from engine.schedule.state import PlannedShot, RenderTask, RenderTime, ScheduleState
from engine.types import LONGEST_CLIP_S
from tests.engine.schedule.schedules import add_clip, shots_of, state_of
from tools.stress.simulate_show import KINDS, LEVELS, simulate

RTFS = (0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 15.0)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("rtf", RTFS)
def test_no_frame_is_without_a_picture_and_all_are_accounted_for(rtf, live):
    for stalls, deaths, overlap in ((0, 0, 0.0), (4, 4, 0.3)):
        show = simulate(rtf, 3.0, live, stalls, deaths, overlap=overlap)
        assert show.frames.total() == 3 * 60 * 24
        assert set(show.frames) <= set(KINDS)
        assert show.frames["blank"] == 0


@pytest.mark.parametrize("minutes", [3.0, 20.0])
def test_a_worker_as_fast_as_the_music_keeps_nearly_all_of_it_fresh(minutes):
    assert simulate(1.0, minutes, live=False).totals()["fresh"] >= 0.95


@pytest.mark.parametrize("minutes", [3.0, 20.0])
@pytest.mark.parametrize("rtf", [0.25, 7.5])
def test_every_second_of_a_file_shows_a_clip_of_its_own_section(minutes, rtf):
    assert simulate(rtf, minutes, live=False).totals()["own_section"] == 1.0


@pytest.mark.parametrize("overlap", [0.0, 1.0])
@pytest.mark.parametrize("rtf", RTFS)
def test_live_the_prompt_on_screen_is_at_most_two_shots_old(rtf, overlap):
    assert simulate(rtf, 5.0, live=True, overlap=overlap).totals()["prompt_age_median_shots"] <= 2


def test_overlapped_finishing_does_not_slow_the_pace():
    """Were it planned by when clips are there, and not by when the worker is free, half the shots would be left out."""
    assert simulate(1.0, 10.0, live=False, overlap=1.0).totals()["fresh"] >= 0.95
    assert simulate(7.5, 10.0, live=False, overlap=0.5).totals()["own_section"] == 1.0


def test_two_workers_show_more_that_is_fresh_than_one():
    assert simulate(7.5, 3.0, False, workers=2).totals()["fresh"] > simulate(7.5, 3.0, False).totals()["fresh"]


def test_no_task_without_shots():
    for live in (False, True):
        planner = Planner(state_of(), live)
        assert planner.next(0.0) is None
        assert planner.superseded([], 0.0) is None


@pytest.mark.parametrize(("length", "seconds"), [(4.0, LONGEST_CLIP_S / 2), (2.0, 2.0), (0.5, SHORTEST_S)])
def test_the_first_clip_is_short_and_cheap_for_any_estimate(length, seconds):
    state = ScheduleState(LEVELS)
    for shot in shots_of(length, 4):
        state.add_shot(shot)
    assert Planner(state, live=False).next(0.0) == RenderTask(0, len(LEVELS) - 1, seconds)


def test_a_show_that_waits_for_its_first_clip_gets_it_however_slow_the_worker_is():
    planner = Planner(state_of(*shots_of(9.0, 1.0), factor=15.0), live=False)
    assert planner.next(0.0) == RenderTask(0, 0, LONGEST_CLIP_S)


def test_a_repeated_chorus_is_rendered_once():
    first, second, third = shots_of(4, 4, 4, sections="ABA")
    state = state_of(first, second, PlannedShot(third.start, third.end, "A", first.key))
    add_clip(state, 0)
    planner = Planner(state, live=False)
    assert planner.next(0.0).shot == 1
    add_clip(state, 1)
    assert planner.next(0.0) is None


def test_only_the_next_three_minutes_are_planned():
    for start, planned in ((HORIZON_S + 5.0, True), (HORIZON_S + 5.1, False)):
        state = state_of(*shots_of(start, 4))
        add_clip(state, 0)
        assert HORIZON_S == 180.0 and (Planner(state, live=False).next(5.0) is not None) == planned


def test_shots_of_the_past_are_not_rendered():
    state = state_of(*shots_of(4, 4, 4), factor=0.1)
    add_clip(state, 2)
    assert Planner(state, live=False).next(4.5).shot == 1
    assert Planner(state, live=False).next(8.5) is None


def test_a_clip_may_be_ready_when_a_quarter_of_its_shot_has_passed():
    for factor, shot in ((0.25, 0), (0.26, 1)):
        state = state_of(*shots_of(4, 4, 4), factor=factor)
        add_clip(state, 2)
        assert Planner(state, live=False).next(0.0).shot == shot


def test_shots_that_cannot_be_in_time_are_left_out():
    state = state_of(*shots_of(4, 4, 4, 4), factor=1.5)
    add_clip(state, 0)
    assert Planner(state, live=False).next(0.0).shot == 2  # 6 s of work: not by 5 s, but by 9 s


def test_a_coming_section_goes_before_the_shots_of_the_present_one():
    state = state_of(*shots_of(4, 4, 4, 4, sections="AAAB"), factor=2.0)
    add_clip(state, 0)
    assert Planner(state, live=False).next(0.0).shot == 3


@pytest.mark.parametrize(("workers", "start", "shot"), [(1, 20.0, 1), (1, 19.9, 3), (2, 18.0, 1), (2, 17.9, 3)])
def test_each_coming_section_has_its_first_clip_eight_seconds_early(workers, start, shot):
    """At 4 s a clip of 4 s would be ready at 8 s; the next section's then takes as long, on one of the workers."""
    state = state_of(*shots_of(8, 4, start - 12, 4, sections="AAAB"), factor=1.0)
    add_clip(state, 0)
    state.failed.add(2)
    assert Planner(state, live=False, workers=workers).next(4.0).shot == shot


def test_a_section_before_another_need_not_be_early_for_its_sake():
    state = state_of(*shots_of(20, 4, 4, sections="ABC"), factor=1.0)
    add_clip(state, 0)
    assert Planner(state, live=False).next(10.0).shot == 2


@pytest.mark.parametrize(
    ("lead", "workers", "level"),
    [(0.0, 1, 2), (4.1, 1, 1), (3.9, 1, 2), (12.0, 1, 0), (11.9, 1, 1), (0.0, 2, 0)],
)
def test_the_level_keeps_the_lead(lead, workers, level):
    """Allowed are .7 of the music's pace and .3 more at a lead of 12 s, times the workers."""
    levels = (Level("best", 1.0), Level("good", 0.8), Level("fast", 0.3))
    state = state_of(*shots_of(20, 4), levels=levels, factor=1.0)
    planner = Planner(state, live=False, workers=workers)
    state.failed.add(0)
    assert planner.next(20.0 - lead) == RenderTask(1, level, 4.0)


def test_better_levels_are_taken_as_the_lead_grows():
    state = state_of(*shots_of(*[4] * 40), levels=LEVELS, factor=1.2)
    planner = Planner(state, live=False)
    levels = []
    for index in range(30):
        add_clip(state, index)
        levels.append(planner.next(0.0).level)
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0


def test_a_cheaper_level_is_taken_where_the_better_one_would_be_late():
    state = state_of(*shots_of(10, 4), levels=(Level("best", 1.0), Level("draft", 0.5)))
    add_clip(state, 0)
    for _ in range(5):
        state.speed.measure(1.0, RenderTime(0.5, 2.0))
    planner = Planner(state, live=False)
    assert planner.next(1.0) == RenderTask(1, 0, 4.0)
    assert planner.next(1.1) == RenderTask(1, 1, 4.0)


@pytest.mark.parametrize(
    ("sections", "now", "expected"),
    [
        ("ABC", 0.0, RenderTask(1, 0, 5.0)),  # 25 s of work are in time, and another 25 s for C would not be
        ("ABBC", 20.0, RenderTask(1, 0, SHORTEST_S)),  # 5.6 s of work, in time
        ("ABBC", 36.0, RenderTask(1, 0, SHORTEST_S)),  # late, but more than a second before the section ends
        ("ABBC", 43.3, RenderTask(1, 0, SHORTEST_S)),
        ("ABBC", 43.4, None),
    ],
)
def test_where_nothing_can_be_in_time_the_soonest_section_gets_a_short_clip(sections, now, expected):
    state = state_of(*shots_of(40, 5, 5, 5, sections=sections), factor=5.0)
    add_clip(state, 0)
    if sections == "ABBC":
        state.failed.add(2)
        add_clip(state, 3)
    assert Planner(state, live=False).next(now) == expected


def test_tasks_of_a_crashed_worker_are_planned_again():
    state = state_of(*shots_of(4, 4, 4))
    add_clip(state, 0)
    planner = Planner(state, live=False)
    task = planner.next(0.0)
    state.start(task, 0.0)
    assert planner.next(0.0).shot != task.shot
    state.cancel(task)
    assert planner.next(0.0) == task


def test_live_the_newest_shot_is_rendered_and_older_ones_never():
    state = state_of(*shots_of(4, 4, 4, 4, sections="ABCD"))
    planner = Planner(state, live=True)
    task = planner.next(13.0)
    assert task.shot == 3
    for settle in (lambda: state.start(task, 13.0), lambda: state.finish(task, None), lambda: state.fail(task)):
        settle()
        assert planner.next(13.0) is None
        state.clips.clear()
        state.expected.clear()


@pytest.mark.parametrize(
    ("factor", "seconds"),
    [(0.66, 6.0), (0.68, 4.0), (1.0, 4.0), (1.01, 2.125), (1.88, 2.125), (1.89, SHORTEST_S)],
)
def test_live_a_clip_is_as_long_as_can_be_rendered_within_one_shot(factor, seconds):
    state = state_of(*shots_of(4, 4), levels=(Level("best", 1.0),), factor=factor)
    assert Planner(state, live=True).next(5.0) == RenderTask(1, 0, seconds)
    assert LIVE_LENGTHS_S == (6.0, 4.0, 2.125, 1.125)


def test_live_a_clip_that_would_end_before_the_next_is_ready_is_made_at_a_cheaper_level():
    """However long shots are, a clip may be stretched to twice its length and no more."""
    for factor, level in ((2.0, 0), (2.1, 1), (4.1, 1)):
        state = state_of(*shots_of(60, 60), levels=(Level("best", 1.0), Level("draft", 0.5)), factor=factor)
        assert Planner(state, live=True).next(61.0).level == level


def test_live_before_any_measurement_the_first_clip_is_the_shortest():
    state = ScheduleState(LEVELS)
    for shot in shots_of(4, 4):
        state.add_shot(shot)
    assert Planner(state, live=True).next(5.0) == RenderTask(1, len(LEVELS) - 1, SHORTEST_S)


def test_live_a_rendering_that_has_hardly_begun_is_cancelled_for_a_newer_prompt_and_no_other_is():
    state = state_of(*shots_of(4.0, 4.0), factor=1.0)
    planner = Planner(state, live=True)
    old = RenderTask(0, 0, 4.0)
    assert planner.superseded([(old, 7.1)], 8.0) == old
    assert planner.superseded([(old, 7.0)], 8.0) is None, "a quarter of it is done"
    assert planner.superseded([], 8.0) is None
    older = RenderTask(0, 0, 2.0)
    assert planner.superseded([(older, 7.6), (old, 7.7)], 8.0) == old, "the latest of them"
    assert planner.superseded([(old, 7.1), (older, 7.2)], 8.0) is None
    assert Planner(state, live=False).superseded([(old, 7.5)], 8.0) is None
    state.start(RenderTask(1, 0, 4.0), 8.0)
    assert planner.superseded([(old, 7.5)], 8.0) is None
