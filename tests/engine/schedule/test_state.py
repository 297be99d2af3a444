"""The scheduler's state: shots that share clips, measured speed, bounded history."""

import pytest

from engine.generators.base import Level
from engine.schedule.selector import ClipSelector
from engine.schedule.state import PlannedShot, RenderSpeed, RenderTask, RenderTime, ScheduleState

LEVELS = (Level("best", 1.0), Level("draft", 0.5))


def shot(number: int) -> PlannedShot:
    return PlannedShot(2.0 * number, 2.0 * number + 2, f"section {number % 5}", f"key {number}")


def state_of(keys: str, seconds: float = 2.0) -> ScheduleState:
    """A shot for each letter, of one section; equal letters share a clip."""
    state = ScheduleState(LEVELS)
    for number, key in enumerate(keys):
        state.add_shot(PlannedShot(seconds * number, seconds * (number + 1), "verse", key))
    return state


def is_kept(state: ScheduleState, number: int) -> bool:
    try:
        state.shots[number]
    except KeyError:
        return False
    return True


def test_the_estimate_is_used_until_the_first_measurement() -> None:
    speed = RenderSpeed(10.0)
    assert (speed.is_measured, speed.busy_factor, speed.tail_factor) == (False, 10.0, 0.0)
    speed.measure(4.0, RenderTime(2.0, 1.0))
    assert (speed.is_measured, speed.busy_factor, speed.tail_factor) == (True, 0.5, 0.25)


def test_the_speed_is_the_median_of_the_latest_five_renderings() -> None:
    speed = RenderSpeed(10.0)
    for busy, expected in ((1.0, 1.0), (9.0, 5.0), (2.0, 2.0), (8.0, 5.0), (3.0, 3.0), (7.0, 7.0), (60.0, 7.0)):
        speed.measure(1.0, RenderTime(busy, 2.0 * busy))
        assert (speed.busy_factor, speed.tail_factor) == (expected, 2.0 * expected)


def test_of_two_overlapped_stages_the_longer_sets_the_pace() -> None:
    assert RenderTime.overlapped(3.0, 1.0) == RenderTime(3.0, 1.0) == RenderTime.overlapped(1.0, 3.0)


def test_a_clip_is_expected_when_it_is_ready_and_occupies_its_worker_only_before() -> None:
    state = state_of("ab")
    state.speed.measure(1.0, RenderTime(0.5, 0.25))
    assert (state.worker_seconds(4.0, 0), state.seconds_until_ready(4.0, 0)) == (2.0, 3.0)
    assert (state.worker_seconds(4.0, 1), state.seconds_until_ready(4.0, 1)) == (1.0, 1.5)
    assert state.worker_seconds(8.0, 1) == 2.0
    state.start(RenderTask(0, 0, 4.0), 10.0)
    assert state.expected == {0: 13.0}


def test_a_rendering_is_measured_by_the_work_of_its_level() -> None:
    state = state_of("a")
    state.finish(RenderTask(0, 1, 4.0), RenderTime(6.0, 1.0))
    assert (state.speed.busy_factor, state.speed.tail_factor) == (3.0, 0.5)
    state.finish(RenderTask(0, 0, 4.0), None)
    assert state.speed.busy_factor == 3.0, "a clip from the cache took no time"


def test_shots_of_one_key_share_their_clip() -> None:
    state = state_of("aba")
    assert (state.same_key(0), state.same_key(1)) == ([0, 2], [1])
    state.start(RenderTask(2, 0, 1.5), 0.0)
    assert state.expected.keys() == {0, 2} and state.is_settled(0) and not state.is_settled(1)
    state.finish(RenderTask(2, 0, 1.5), None)
    assert (state.clips, state.expected) == ({0: 1.5, 2: 1.5}, {})
    state.add_shot(PlannedShot(6.0, 8.0, "coda", "a"))
    assert state.clips[3] == 1.5 and state.same_key(3) == [0, 2, 3]
    assert state.has_clip("a") and not state.has_clip("b") and not state.has_clip("no such key")


def test_cancelled_clips_are_rendered_again_and_failed_ones_are_not() -> None:
    state = state_of("aba")
    for end, settled in ((state.cancel, False), (state.fail, True)):
        state.start(RenderTask(0, 0, 2.0), 0.0)
        end(RenderTask(0, 0, 2.0))
        assert not state.expected and not state.clips
        assert (state.is_settled(0), state.is_settled(2), state.is_settled(1)) == (settled, settled, False)
    assert state.failed == {0, 2}


def test_the_version_changes_with_every_clip() -> None:
    state = state_of("ab")
    versions = [state.version]
    for number in range(2):
        state.start(RenderTask(number, 0, 2.0), 0.0)
        versions.append(state.version)
        state.finish(RenderTask(number, 0, 2.0), None)
        versions.append(state.version)
    assert versions == [0, 0, 1, 1, 2]


def test_a_section_has_a_clip_as_soon_as_one_is_being_rendered() -> None:
    state = ScheduleState(LEVELS)
    for number, section in enumerate("ABA"):
        state.add_shot(PlannedShot(2.0 * number, 2.0 * number + 2, section, str(number)))
    assert (state.same_section(0), state.same_section(1)) == ([0, 2], [1])
    assert not state.has_section_clip(0)
    state.start(RenderTask(2, 0, 2.0), 0.0)
    assert state.has_section_clip(0) and not state.has_section_clip(1)
    state.finish(RenderTask(2, 0, 2.0), None)
    assert state.has_section_clip(0) and not state.has_section_clip(1)


def test_the_usual_length_is_the_mean_of_the_latest_eight_shots() -> None:
    state = ScheduleState(LEVELS)
    ends = [100.0, 101.0, 103.0, 106.0, 110.0, 115.0, 121.0, 128.0, 136.0]
    for start, end in zip([0.0, *ends], ends, strict=False):
        state.add_shot(PlannedShot(start, end, "A", str(end)))
    assert state.mean_shot_seconds() == pytest.approx(4.5)
    assert state.shots[0].seconds == 100.0


def test_any_time_has_its_shot() -> None:
    state = ScheduleState(LEVELS)
    for number in range(10):
        state.add_shot(shot(number))
    times = (-1.0, 0.0, 1.9, 2.0 - 1e-10, 2.0, 2.5, 100.0)
    assert [state.shots.at(time) for time in times] == [0, 0, 0, 1, 1, 1, 9]


def test_a_forgotten_shot_shares_nothing() -> None:
    state = state_of("aab")
    for number in range(3):
        state.clips[number] = 2.0
    state.failed.add(0)
    state.forget_clip(0)
    assert (state.same_key(1), state.same_section(2), state.failed, state.clips.keys()) == ([1], [1, 2], set(), {1, 2})
    state.forget_clip(2)
    state.add_shot(PlannedShot(6.0, 8.0, "verse", "b"))
    assert state.same_key(3) == [3] and 3 not in state.clips


def test_shots_that_have_no_clip_are_forgotten_and_numbers_stay() -> None:
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
    assert [number for number in range(1000) if is_kept(state, number)] == [100, 200, *range(950, 1000)]
    assert state.shots[100] == shot(100) and state.shots[-1] == shot(999) and state.shots[-2] == shot(998)
    assert (state.shots.at(1990.0), state.shots.at(1e9), state.failed) == (995, 999, set())
    assert state.same_section(955) == [100, 200, *range(950, 1000, 5)]
    assert state.mean_shot_seconds() == pytest.approx(2.0)
    state.finish(RenderTask(200, 0, 2.0), None)
    assert state.clips == {100: 2.0, 200: 2.0}
    state.forget_clip(100)
    state.forget_shots(50)
    assert not is_kept(state, 100) and is_kept(state, 200)


def test_display_times_are_kept_as_long_as_their_clip() -> None:
    state = ScheduleState((Level("", 1.0),))
    selector = ClipSelector(state, live=True)
    for number in range(300):
        state.add_shot(shot(number))
        state.finish(RenderTask(number, 0, 2.0), None)
        placement = selector.at(2.0 * number + 0.1)
        assert placement and placement.shot == number
        if number >= 100:
            state.forget_clip(number - 100)
        state.forget_shots(50)
    assert state.last_shown == {number: pytest.approx(2.0 * number + 0.1) for number in range(200, 300)}
    assert state.last_shown.keys() == state.clips.keys()
