"""The scheduler on a virtual clock: what is rendered, what is shown, and that every frame is accounted for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.generators.base import Level
from engine.schedule.planner import SHORTEST_S, STRETCH, Planner
from engine.schedule.selector import FREEZE_S, ClipSelector
from engine.schedule.state import PlannedShot, RenderSpeed, RenderTask, RenderTime, ScheduleState
from engine.types import LONGEST_CLIP_S
from tools.stress.simulate_show import KINDS, LEVELS, simulate

RTFS = (0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 15.0)
ONE_LEVEL = (Level("only", 1.0),)


def shots(*lengths, sections="A", start=0.0):
    made = []
    for index, length in enumerate(lengths):
        section = sections[min(index, len(sections) - 1)]
        made.append(PlannedShot(start, start + length, section, f"{section}{index}"))
        start += length
    return made


def board_of(*known, levels=ONE_LEVEL, factor=0.5):
    state = ScheduleState(levels)
    for shot in known:
        state.add_shot(shot)
    state.speed.measure(1.0, RenderTime(factor))
    return state


def have(state, index, seconds=4.0):
    task = RenderTask(index, 0, seconds)
    state.start(task, 0.0)
    state.finish(task, RenderTime(seconds * state.speed.busy_factor))


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("rtf", RTFS)
def test_no_frame_is_without_a_picture_and_all_are_accounted_for(rtf, live):
    for stalls, deaths, beside in ((0, 0, 0.0), (4, 4, 0.0), (4, 4, 0.3)):
        show = simulate(rtf, 3.0, live, stalls, deaths, beside=beside)
        assert show.frames.total() == 3 * 60 * 24
        assert set(show.frames) <= set(KINDS)
        assert show.frames["blank"] == 0


@pytest.mark.parametrize("minutes", [3.0, 60.0])
def test_a_worker_as_fast_as_the_music_keeps_nearly_all_of_it_fresh(minutes):
    assert simulate(1.0, minutes, live=False).totals()["fresh"] >= 0.95


@pytest.mark.parametrize("minutes", [3.0, 60.0])
@pytest.mark.parametrize("rtf", [0.25, 7.5])
def test_every_second_of_a_file_shows_a_clip_of_its_own_section(minutes, rtf):
    assert simulate(rtf, minutes, live=False).totals()["own_section"] == 1.0


@pytest.mark.parametrize("beside", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rtf", RTFS)
def test_live_the_prompt_on_screen_is_at_most_two_shots_old(rtf, beside):
    assert simulate(rtf, 10.0, live=True, beside=beside).totals()["prompt_age_median_shots"] <= 2


def test_what_is_finished_beside_the_next_costs_no_pace():
    """Were it planned by when clips are there, and not by when the worker is free, half the shots would be left out."""
    assert simulate(1.0, 10.0, live=False, beside=1.0).totals()["fresh"] >= 0.95
    assert simulate(7.5, 10.0, live=False, beside=0.5).totals()["own_section"] == 1.0


def test_a_worker_of_two_stages_is_free_before_its_clip_is_there():
    state = board_of(*shots(4, 4))
    for _ in range(5):
        state.speed.measure(1.0, RenderTime(0.5, 0.25))
    state.start(RenderTask(0, 0, 4.0), 10.0)
    assert state.expected[0] == 13.0
    assert state.worker_seconds(4.0, 0) == 2.0


def test_two_workers_show_more_that_is_fresh_than_one():
    assert simulate(7.5, 3.0, False, workers=2).totals()["fresh"] > simulate(7.5, 3.0, False).totals()["fresh"]


def test_a_single_stall_does_not_change_the_measured_speed():
    speed = RenderSpeed(10.0)
    for elapsed in (2.0, 2.0, 60.0, 2.0):
        speed.measure(2.0, RenderTime(elapsed))
    assert speed.busy_factor == 1.0


def test_the_first_clip_is_a_short_cheap_one_whatever_the_guess():
    state = ScheduleState(LEVELS)
    for shot in shots(4, 4):
        state.add_shot(shot)
    task = Planner(state, live=False).next(0.0)
    assert (task.shot, task.level, task.seconds) == (0, len(LEVELS) - 1, 3.0)


def test_a_repeated_chorus_is_rendered_once():
    first, second, third = shots(4, 4, 4, sections="ABA")
    third = PlannedShot(third.start, third.end, "A", first.key)
    state = board_of(first, second, third)
    have(state, 0)
    assert 2 in state.clips
    planner = Planner(state, live=False)
    assert planner.next(0.0).shot == 1
    have(state, 1)
    assert planner.next(0.0) is None


def test_shots_that_cannot_be_in_time_are_left_out():
    state = board_of(*shots(4, 4, 4, 4), factor=1.5)
    have(state, 0)
    assert Planner(state, live=False).next(0.0).shot == 2  # 6 s of work: not by 4 s, but by 8 s


def test_a_coming_section_goes_before_the_shots_of_the_present_one():
    state = board_of(*shots(4, 4, 4, 4, sections="AAAB"), factor=2.0)
    have(state, 0)
    assert Planner(state, live=False).next(0.0).shot == 3


def test_better_levels_are_taken_as_the_lead_grows():
    state = board_of(*shots(*[4] * 40), levels=LEVELS, factor=1.2)
    planner = Planner(state, live=False)
    levels = []
    for index in range(30):
        have(state, index)
        levels.append(planner.next(0.0).level)
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] == 0


def test_live_the_newest_shot_is_rendered_and_older_ones_never():
    state = board_of(*shots(4, 4, 4, 4, sections="ABCD"))
    planner = Planner(state, live=True)
    task = planner.next(13.0)
    assert task.shot == 3
    state.start(task, 13.0)
    assert planner.next(13.0) is None


def test_live_a_slow_worker_makes_short_clips_that_are_stretched():
    state = board_of(*shots(4, 4), levels=LEVELS, factor=7.5)
    task = Planner(state, live=True).next(5.0)
    assert state.worker_seconds(task.seconds, task.level) <= 4.0
    assert SHORTEST_S <= task.seconds < 4.0


def test_what_a_dead_worker_had_is_planned_again():
    state = board_of(*shots(4, 4, 4))
    have(state, 0)
    planner = Planner(state, live=False)
    task = planner.next(0.0)
    state.start(task, 0.0)
    assert planner.next(0.0).shot != task.shot
    state.cancel(task)
    assert planner.next(0.0) == task


def test_a_shot_shows_its_own_clip_and_the_next_its_own():
    state = board_of(*shots(4, 4))
    have(state, 0)
    have(state, 1)
    selector = ClipSelector(state, live=False)
    first, second = selector.at(0.0), selector.at(4.0)
    assert (first.shot, first.start, first.end, first.kind) == (0, 0.0, 4.0, "fresh")
    assert (second.shot, second.start, second.kind) == (1, 4.0, "fresh")


def test_a_clip_is_stretched_to_twice_its_length_then_held_or_shown_again():
    state = board_of(*shots(4, 4, 4))
    have(state, 0)
    selector = ClipSelector(state, live=False)
    assert (selector.at(0.0).kind, selector.at(0.0).end) == ("stretched", 8.0)
    again = selector.at(8.0)
    assert (again.shot, again.kind) == (0, "reused")
    have(state, 2)
    assert (selector.at(8.5).shot, selector.at(8.5).kind) == (2, "fresh")


def test_the_last_picture_is_held_for_a_moment_until_the_next_clip():
    state = board_of(*shots(8 + FREEZE_S / 2, 4))
    have(state, 0, seconds=4.0)
    have(state, 1)
    selector = ClipSelector(state, live=False)
    assert selector.at(0.0).end == 8.0
    held = selector.at(8.1)
    assert (held.shot, held.kind, held.end) == (0, "frozen", 8 + FREEZE_S / 2)


def test_a_repeat_is_shown_with_the_clip_of_the_section_and_another_section_is_late():
    state = board_of(*shots(4, 4, 4, sections="ABA"))
    have(state, 0)
    selector = ClipSelector(state, live=False)
    selector.at(0.0)
    assert selector.at(4.0).kind == "late"
    assert (selector.at(8.0).shot, selector.at(8.0).kind) == (0, "reused")


def test_before_any_clip_nothing_stands():
    state = board_of(*shots(4))
    assert ClipSelector(state, live=False).at(0.0) is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_comes_when_something_stands_at_every_moment(data):
    live = data.draw(st.booleans())
    lengths = data.draw(st.lists(st.floats(2.0, 6.0), min_size=2, max_size=12))
    sections = data.draw(st.text("ABC", min_size=1, max_size=12))
    song = shots(*lengths, sections=sections)
    state = board_of(*([song[0]] if live else song), levels=LEVELS, factor=data.draw(st.floats(0.1, 20)))
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
        span = selector.at(t)
        if state.clips:
            assert span.start <= t <= span.end
            assert span.shot in state.clips
            assert span.end - span.start <= STRETCH * state.clips[span.shot] + 1e-6
        t += data.draw(st.floats(0.05, 2.0))


def test_a_show_that_waits_for_its_first_clip_gets_it_however_slow_the_worker_is():
    planner = Planner(board_of(*shots(1.0, 1.0), factor=15.0), live=False)
    assert planner.next(0.0).shot == 0


def test_live_a_rendering_that_has_hardly_begun_is_given_up_for_a_newer_prompt_and_no_other_is():
    state = board_of(*shots(4.0, 4.0), factor=1.0)
    planner = Planner(state, live=True)
    old = RenderTask(0, 0, 4.0)
    assert planner.superseded([(old, 7.5)], 8.0) == old
    assert planner.superseded([(old, 6.5)], 8.0) is None
    assert Planner(state, live=False).superseded([(old, 7.5)], 8.0) is None
    state.start(RenderTask(1, 0, 4.0), 8.0)
    assert planner.superseded([(old, 7.5)], 8.0) is None
