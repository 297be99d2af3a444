"""A picture that is in a draw_now: shown at once, at most one picture early, and none is lost by it."""

import asyncio

import numpy as np
import pytest

from engine.playback.clock import VirtualClock
from engine.playback.player import FrameStats, play
from engine.types import Frame

FPS = 10.0


class Show:
    """Draws in no time and notes (picture, when it was shown); an attack comes at the given times."""

    fps = FPS

    def __init__(self, clock: VirtualClock) -> None:
        self.shown: list[tuple[int, float]] = []
        self._clock, self._number = clock, 0

    def frame(self, t: float) -> Frame:
        self._number = round(t * FPS)
        return np.zeros((2, 2, 3), np.uint8)

    def write(self, frame: Frame, time: float) -> None:
        self.shown.append((self._number, self._clock.time()))

    def close(self) -> None: ...


class Stepping(VirtualClock):
    """Time that passes in small steps, at some of which somebody is in a draw_now."""

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


async def test_an_attack_does_not_wait_for_its_frame() -> None:
    draw_now = asyncio.Event()
    clock = Stepping(2.0, draw_now, {43})
    show, stats = Show(clock), FrameStats()
    played = await play(show, clock, show, stats=stats, draw_now=draw_now)  # type: ignore[arg-type]
    assert [number for number, _ in show.shown] == list(range(20))
    early = {number: number / FPS - shown for number, shown in show.shown}
    assert early[5] == pytest.approx(0.07, abs=0.02), "the picture after 0.43 s came at once"
    assert all(abs(by) < 0.02 for number, by in early.items() if number != 5)
    assert (played.drawn, played.skipped) == (stats.drawn, stats.skipped) == (20, 0)


async def test_many_attacks_do_not_run_ahead_of_the_sound() -> None:
    draw_now = asyncio.Event()
    clock = Stepping(2.0, draw_now, set(range(1, 1000)))
    show = Show(clock)
    await play(show, clock, show, draw_now=draw_now)  # type: ignore[arg-type]
    assert max(number / FPS - shown for number, shown in show.shown) <= 1.0 / FPS + 0.02


async def test_a_show_that_begins_late_has_skipped_nothing() -> None:
    clock = VirtualClock(20.0)
    clock.advance(10.0)
    show = Show(clock)
    played = await play(show, clock, show)  # type: ignore[arg-type]
    assert (played.drawn, played.skipped) == (100, 0)
