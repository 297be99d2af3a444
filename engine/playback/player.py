"""The picture on the audio's clock: draw the next frame in time, skip what is past, count both."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import msgspec

from engine.playback.clock import Clock
from engine.threads import to_thread
from engine.types import Frame, Output


class Drawing(Protocol):
    """The picture as a function of song time; `Compositor` is one."""

    fps: float

    def frame(self, t: float) -> Frame: ...


@dataclass
class Tally:
    """The pictures of a show so far."""

    drawn: int = 0
    late: int = 0
    skipped: int = 0


class Played(msgspec.Struct, frozen=True):
    """What became of the pictures of a song."""

    drawn: int
    late: int  # shown more than one frame after their time
    skipped: int  # never drawn, because their time was past


async def play(
    drawing: Drawing,
    clock: Clock,
    output: Output,
    stop: Callable[[], bool] = lambda: False,
    before: Callable[[float], None] = lambda t: None,
    prepare: Callable[[float], None] | None = None,
    tally: Tally | None = None,
    hurry: asyncio.Event | None = None,
) -> Played:
    """Show `drawing` on `output` until the clock has finished or `stop` says so; the clock runs already.

    Each picture is drawn in a thread just before its time, so that a live reaction is as fresh as can be, and
    shown on it. `before` is told the time of each picture as soon as it is the next, and `prepare` is then called in a
    thread, for what can be done before its time. `tally` counts what becomes of the pictures while it goes on, and on
    from what it has. With `hurry` each picture is shown as soon as it is drawn, and when it is set the next one is
    drawn at once, up to one picture early: an attack need not wait for its frame.
    """
    fps = drawing.fps
    tally = tally or Tally()
    previous = math.floor(clock.time() * fps + 1e-6) - 1
    effort = 0.0  # s that a picture takes to draw, smoothed
    picture: Frame | None = None
    told = -1
    async with _Preparing(prepare) as preparing:
        while not clock.finished() and not stop():
            now = clock.time()
            number = max(previous + 1, math.floor(now * fps + 1e-6))
            if number != told:
                told = number
                before(number / fps)
                await preparing.begin(number / fps)
            await _sleep(
                clock, min(number / fps - effort - now, 2.0 / fps), hurry if number / fps - now < 1.0 / fps else None
            )
            if clock.finished():
                break
            if picture is not None and number / fps - clock.time() > 1.5 / fps + effort:
                output.write(picture, previous / fps)  # the clock is paused; the window reads keys
                continue
            if hurry:
                hurry.clear()
            begun = clock.time()
            await preparing.done()
            picture = await to_thread(drawing.frame, number / fps)
            effort += 0.1 * (min(clock.time() - begun, 1.0 / fps) - effort)
            if hurry is None:
                await clock.sleep(number / fps - clock.time())
            tally.late += clock.time() > (number + 1) / fps + 1e-6
            output.write(picture, number / fps)
            tally.skipped += number - previous - 1
            previous = number
            tally.drawn += 1
    return Played(tally.drawn, tally.late, tally.skipped)


class _Preparing:
    """What is done in a thread for one picture while its time has not come; never for two at once."""

    def __init__(self, prepare: Callable[[float], None] | None) -> None:
        self._prepare = prepare
        self._underway: asyncio.Task[None] | None = None

    async def begin(self, t: float) -> None:
        """Begin for the picture of `t` s, once what was begun for another is done."""
        if self._prepare:
            await self.done()
            self._underway = asyncio.create_task(to_thread(self._prepare, t), name="prepare picture")

    async def done(self) -> None:
        """Wait for what was begun; raises what it raised."""
        underway, self._underway = self._underway, None
        if underway:
            await underway

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._underway:
            await asyncio.wait([self._underway])


async def _sleep(clock: Clock, seconds: float, hurry: asyncio.Event | None) -> None:
    """Let the time pass, or less if somebody is in a hurry."""
    if hurry is None or seconds <= 0.0:
        await clock.sleep(seconds)
        return
    passing = asyncio.ensure_future(clock.sleep(seconds))
    called = asyncio.ensure_future(hurry.wait())
    try:
        await asyncio.wait([passing, called], return_when=asyncio.FIRST_COMPLETED)
    finally:
        passing.cancel()
        called.cancel()
