"""The player on a virtual clock: minutes of a song in milliseconds."""

import asyncio

import numpy as np
import pytest

from engine.errors import RenderError
from engine.outputs.base import BaseOutput
from engine.playback.player import FrameStats, play
from engine.types import Frame
from tests.support.clock import VirtualClock

BLANK: Frame = np.zeros((2, 2, 3), np.uint8)


class Pictures:
    """Draws in no time, or in as much song time as is given for each picture."""

    def __init__(self, clock: VirtualClock, fps: float = 24.0, effort: dict[int, float] | None = None) -> None:
        self.fps = fps
        self.drawn: list[int] = []
        self._clock, self._effort = clock, effort or {}

    def frame(self, t: float) -> Frame:
        number = round(t * self.fps)
        self.drawn.append(number)
        self._clock.advance(self._effort.get(number, self._effort.get(-1, 0.0)))
        return BLANK


class Screen(BaseOutput):
    """Notes when each picture was shown."""

    def __init__(self, clock: VirtualClock) -> None:
        self.shown: list[float] = []
        self._clock = clock

    def write(self, frame: Frame, time: float) -> None:
        self.shown.append(self._clock.time())


async def test_every_picture_of_three_minutes_is_shown_on_its_time() -> None:
    clock = VirtualClock(180.0)
    source, screen = Pictures(clock), Screen(clock)
    played = await play(source, clock, screen)
    assert (played.drawn, played.late, played.skipped) == (180 * 24, 0, 0)
    assert source.drawn == list(range(180 * 24))
    assert screen.shown == pytest.approx([k / 24 for k in range(180 * 24)], abs=1e-6)


async def test_pictures_that_take_time_are_begun_early() -> None:
    clock = VirtualClock(10.0)
    source, screen = Pictures(clock, effort={-1: 0.02}), Screen(clock)
    played = await play(source, clock, screen)
    assert played.skipped == 0 and played.late == 0
    late = np.array(screen.shown) - np.arange(len(screen.shown)) / 24
    assert late[60:].max() < 0.002


async def test_a_stall_skips_and_counts_past_frames() -> None:
    clock = VirtualClock(4.0)
    source, screen = Pictures(clock, effort={30: 0.5}), Screen(clock)
    played = await play(source, clock, screen)
    assert played.late == 1
    assert played.skipped == 11
    assert played.drawn + played.skipped == pytest.approx(96, abs=1)
    assert source.drawn[30:33] == [30, 42, 43]


async def test_too_slow_a_machine_stays_with_the_sound() -> None:
    clock = VirtualClock(10.0)
    source, screen = Pictures(clock, effort={-1: 0.1}), Screen(clock)
    played = await play(source, clock, screen)
    assert played.drawn == pytest.approx(100, abs=3)
    lag = np.array(screen.shown) - np.array(source.drawn[: len(screen.shown)]) / 24
    assert lag.max() < 0.15, "does not drift"


async def test_it_ends_when_stopped() -> None:
    clock = VirtualClock(100.0)
    screen = Screen(clock)
    played = await play(Pictures(clock), clock, screen, stop=lambda: len(screen.shown) >= 50)
    assert played.drawn == 50


async def test_each_picture_is_prepared_once_before_it_is_drawn_and_never_while_one_is() -> None:
    clock = VirtualClock(2.0)
    source = Pictures(clock, effort={10: 0.3})
    order: list[tuple[str, int]] = []
    frame = source.frame

    def drawn(t: float) -> Frame:
        order.append(("begun", round(t * 24)))
        picture = frame(t)
        order.append(("drawn", round(t * 24)))
        return picture

    loop = asyncio.get_running_loop()

    async def turns(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def prepare(t: float) -> None:
        if round(t * 24) == 5:  # the player has every chance to draw meanwhile
            asyncio.run_coroutine_threadsafe(turns(200), loop).result()
        order.append(("prepared", round(t * 24)))

    source.frame = drawn  # type: ignore[method-assign]
    await play(
        source,
        clock,
        Screen(clock),
        on_next=lambda t: order.append(("announced", round(t * 24))),
        prepare=prepare,
    )
    numbers = [number for what, number in order if what == "drawn"]
    assert len(numbers) > 35 and 11 not in numbers
    expected = [(what, number) for number in numbers for what in ("announced", "prepared", "begun", "drawn")]
    assert order[: len(expected)] == expected


async def test_a_failed_preparation_ends_the_show() -> None:
    clock = VirtualClock(2.0)

    def broken(t: float) -> None:
        if t > 0.5:
            raise RenderError("a clip is damaged")

    with pytest.raises(RenderError, match="damaged"):
        await play(Pictures(clock), clock, Screen(clock), prepare=broken)


class Show:
    """Draws in no time and notes (picture, when it was shown); `draw_now` is set at the given steps."""

    fps = 10.0

    def __init__(self, clock: VirtualClock) -> None:
        self.shown: list[tuple[int, float]] = []
        self._clock, self._number = clock, 0

    def frame(self, t: float) -> Frame:
        self._number = round(t * 10.0)
        return np.zeros((2, 2, 3), np.uint8)

    def write(self, frame: Frame, time: float) -> None:
        self.shown.append((self._number, self._clock.time()))

    def close(self) -> None: ...


class Stepping(VirtualClock):
    """Time that passes in small steps, at some of which `draw_now` is set."""

    def __init__(self, length: float, draw_now: asyncio.Event, at: set[int]) -> None:
        super().__init__(length)
        self._draw_now, self._at, self._steps = draw_now, at, 0

    async def sleep(self, seconds: float) -> None:
        until = self.time() + max(0.0, seconds)
        while self.time() < until - 1e-9:
            self.advance(min(0.01, until - self.time()))
            self._steps += 1
            if self._steps in self._at:
                self._draw_now.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)


async def test_an_onset_does_not_wait_for_its_frame() -> None:
    draw_now = asyncio.Event()
    clock = Stepping(2.0, draw_now, {43})
    show, stats = Show(clock), FrameStats()
    played = await play(show, clock, show, stats=stats, draw_now=draw_now)  # type: ignore[arg-type]
    assert [number for number, _ in show.shown] == list(range(20))
    early = {number: number / 10.0 - shown for number, shown in show.shown}
    assert early[5] == pytest.approx(0.07, abs=0.02), "the frame after 0.43 s is shown at once"
    assert all(abs(by) < 0.02 for number, by in early.items() if number != 5)
    assert (played.drawn, played.skipped) == (stats.drawn, stats.skipped) == (20, 0)


async def test_many_onsets_do_not_run_ahead_of_the_sound() -> None:
    draw_now = asyncio.Event()
    clock = Stepping(2.0, draw_now, set(range(1, 1000)))
    show = Show(clock)
    await play(show, clock, show, draw_now=draw_now)  # type: ignore[arg-type]
    assert max(number / 10.0 - shown for number, shown in show.shown) <= 1.0 / 10.0 + 0.02


async def test_a_show_that_begins_late_has_skipped_nothing() -> None:
    clock = VirtualClock(20.0)
    clock.advance(10.0)
    show = Show(clock)
    played = await play(show, clock, show)  # type: ignore[arg-type]
    assert (played.drawn, played.skipped) == (100, 0)
