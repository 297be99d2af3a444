"""Playback: song time by the audio device's clock, and the pictures drawn in time for it; late ones are counted."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.audio.devices import sound_library
from engine.errors import DeviceError
from engine.threads import to_thread
from engine.types import Frame, Output


class Clock(Protocol):
    """Song time; runs between `async with` and its end."""

    def finished(self) -> bool:
        """Whether the song has been played to its end."""
        ...

    def time(self) -> float:
        """Seconds of the song played so far."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of song time."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class AudioClock:
    """Plays a song by PortAudio; its time is what the device has played, so that pictures follow the sound.

    The time is the position of the last block copied to the device, less its latency to the loudspeaker, plus the time
    since. It never runs back and never past what was copied.
    """

    def __init__(self, sound: NDArray[np.float32], rate: int) -> None:
        """`sound` is the song, [n, channels], full scale 1.0, at `rate` Hz."""
        self._sound, self._rate = np.ascontiguousarray(sound, dtype=np.float32), rate
        self.underruns = 0  # times that the device asked too late for sound
        self.paused = False
        self._position = 0  # samples copied to the device
        self._last_block = (0, 0, 0.0, 0.0)  # position, length, when it was copied, latency in s
        self._latest = 0.0
        self._stream: Any = None

    def finished(self) -> bool:
        return self.time() >= len(self._sound) / self._rate

    def time(self) -> float:
        position, length, copied, delay = self._last_block
        if length:
            played = position / self._rate + time.perf_counter() - copied - delay
            self._latest = max(self._latest, min(played, (position + length) / self._rate))
        return self._latest

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def __aenter__(self) -> Self:
        """Open the default output and begin to play.

        Raises:
            MissingExtra: sounddevice is not installed.
            DeviceError: PortAudio or a sound output is missing.
        """
        sounddevice = sound_library("playing sound")
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=self._rate, channels=self._sound.shape[1], dtype="float32", callback=self._callback
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(f"no sound output ({error}): connect one") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.close()

    def _callback(self, out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback: copies the next block and notes when, nothing else."""
        if status:
            self.underruns += 1
        position = self._position
        part = self._sound[position : position if self.paused else position + frames]
        out[: len(part)] = part
        out[len(part) :] = 0.0
        delay = times.outputBufferDacTime - times.currentTime
        if not 0.0 < delay < 2.0:  # some hosts do not report it
            delay = self._stream.latency
        self._position = position + len(part)
        if len(part):  # silence after the end or in a pause is no song
            self._last_block = (position, len(part), time.perf_counter(), delay)


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
