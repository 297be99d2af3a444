"""A show without end keeps the shots that may still be shown, and only those."""

import pytest

from engine.generators.base import Level
from engine.schedule.selector import ClipSelector
from engine.schedule.state import PlannedShot, RenderTask, ScheduleState


def shot(number: int) -> PlannedShot:
    return PlannedShot(2.0 * number, 2.0 * number + 2, f"section {number % 5}", f"key {number}")


def test_shots_that_have_no_clip_are_let_go_and_numbers_stay() -> None:
    state = ScheduleState((Level("", 1.0),))
    for number in range(1000):
        state.add_shot(shot(number))
        if number == 100:
            state.finish(RenderTask(100, 0, 2.0), None)
        if number == 200:
            state.start(RenderTask(200, 0, 2.0), 400.0)
        if number == 300:
            state.fail(RenderTask(300, 0, 2.0))
        state.forget_shots(50)
    assert len(state.shots) == 1000
    assert [number for number in range(1000) if _kept(state, number)] == [100, 200, *range(950, 1000)]
    assert state.shots[100] == shot(100) and state.shots[-1] == shot(999)
    assert (state.index_at(1990.0), state.index_at(1e9), state.failed) == (995, 999, set())
    assert state.same_section(955) == [100, 200, *range(950, 1000, 5)]
    assert state.mean_shot_seconds() == pytest.approx(2.0)
    state.finish(RenderTask(200, 0, 2.0), None)
    assert state.clips == {100: 2.0, 200: 2.0}
    state.forget_clip(100)
    state.forget_shots(50)
    assert not _kept(state, 100) and _kept(state, 200)


def _kept(state: ScheduleState, number: int) -> bool:
    try:
        state.shots[number]
    except KeyError:
        return False
    return True


def test_before_anything_is_let_go_any_time_has_its_shot() -> None:
    state = ScheduleState((Level("", 1.0),))
    for number in range(10):
        state.add_shot(shot(number))
    assert [state.index_at(time) for time in (-1.0, 0.0, 2.5, 100.0)] == [0, 0, 1, 9]


def test_what_was_shown_is_remembered_as_long_as_its_clip() -> None:
    state = ScheduleState((Level("", 1.0),))
    selector = ClipSelector(state, live=True)
    for number in range(3000):
        state.add_shot(shot(number))
        state.finish(RenderTask(number, 0, 2.0), None)
        span = selector.at(2.0 * number + 0.1)
        assert span and span.shot == number
        if number >= 100:
            state.forget_clip(number - 100)
        state.forget_shots(50)
    assert state.last_shown.keys() == state.clips.keys()
    assert len(state.clips) == 100
