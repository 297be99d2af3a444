"""Playback on the audio's clock: draws the next picture in time, skips what is past, counts both."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from engine.playback.clock import Clock
from engine.threads import to_thread
from engine.types import Frame, Output


class FrameSource(Protocol):
    """The picture as a function of song time; `Compositor` is one."""

    fps: float

    def frame(self, t: float) -> Frame: ...


@dataclass
class FrameStats:
    """The pictures of a show so far."""

    drawn: int = 0
    late: int = 0  # shown more than one frame after their time
    skipped: int = 0  # never drawn, because their time was past


async def play(
    source: FrameSource,
    clock: Clock,
    output: Output,
    stop: Callable[[], bool] = lambda: False,
    on_next: Callable[[float], None] = lambda t: None,
    prepare: Callable[[float], None] | None = None,
    stats: FrameStats | None = None,
    draw_now: asyncio.Event | None = None,
) -> FrameStats:
    """Write the pictures of `source` to `output` until the running clock has finished or `stop` returns true.

    Each picture is drawn in a thread just before its time, so that a live reaction is as fresh as can be, and written
    at its time. `on_next` is called with the time of each picture as soon as it is the next, and then `prepare` in a
    thread, for what can be done before its time. `stats` is updated as the show runs. With `draw_now` each picture is
    written as soon as it is drawn, and when it is set the next one is drawn at once, up to one picture early: an onset
    need not wait for its frame. Returns a copy of the stats.
    """
    fps = source.fps
    stats = stats or FrameStats()
    previous = math.floor(clock.time() * fps + 1e-6) - 1
    drawing_s = 0.0  # that a picture takes to draw, smoothed
    picture: Frame | None = None
    announced = -1
    preparing: asyncio.Task[None] | None = None  # for one picture at a time
    try:
        while not clock.finished() and not stop():
            now = clock.time()
            number = max(previous + 1, math.floor(now * fps + 1e-6))
            if number != announced:
                announced = number
                on_next(number / fps)
                if prepare:
                    if preparing:
                        await preparing
                    preparing = asyncio.create_task(to_thread(prepare, number / fps), name="prepare picture")
            due = draw_now if number / fps - now < 1.0 / fps else None
            await _sleep(clock, min(number / fps - drawing_s - now, 2.0 / fps), due)
            if clock.finished():
                break
            if picture is not None and number / fps - clock.time() > 1.5 / fps + drawing_s:
                output.write(picture, previous / fps)  # the clock is paused; the window reads keys
                continue
            if draw_now:
                draw_now.clear()
            begun = clock.time()
            if preparing:
                await preparing
            picture = await to_thread(source.frame, number / fps)
            drawing_s += 0.1 * (min(clock.time() - begun, 1.0 / fps) - drawing_s)
            if draw_now is None:
                await clock.sleep(number / fps - clock.time())
            stats.late += clock.time() > (number + 1) / fps + 1e-6
            output.write(picture, number / fps)
            stats.skipped += number - previous - 1
            previous = number
            stats.drawn += 1
    finally:
        if preparing:
            await asyncio.wait([preparing])
    return replace(stats)


async def _sleep(clock: Clock, seconds: float, draw_now: asyncio.Event | None) -> None:
    """Let song time pass, until `draw_now` is set at the latest."""
    if draw_now is None or seconds <= 0.0:
        await clock.sleep(seconds)
        return
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waiting = asyncio.ensure_future(draw_now.wait())
    try:
        await asyncio.wait([sleeping, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waiting.cancel()
