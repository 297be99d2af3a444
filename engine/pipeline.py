"""Joins the rooms: planned clips are rendered and composed into pictures, for a file or on the clock of a show.

An image-to-video model starts a clip from the last frame of the one before. Such chains are kept to three clips, since
each loses some detail; then a clip starts anew, and the crossfade hides the seam.
"""

import asyncio
import functools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import cv2
import msgspec
import numpy as np

from engine.errors import RenderError
from engine.generators.base import GeneratorSpec
from engine.playback.compositor import Compositor
from engine.playback.player import Clock, FrameStats, play
from engine.render.pool import WorkerPool
from engine.render.protocol import Clip, Job
from engine.schedule.scheduler import Scheduler
from engine.schedule.selector import Kind
from engine.schedule.state import PlannedShot, RenderTime, ScheduleState
from engine.threads import to_thread, without_gc_pauses
from engine.types import Output, Progress

_T = TypeVar("_T")
_MAX_CHAIN = 3  # clips
_JPEG_QUALITY = 90  # a picture of 1360x768 stays well within a message
_LIVE_CLIPS = 512  # planned clips kept of a live show: one is read only while its clip is rendered


class PlannedClip(msgspec.Struct, frozen=True):
    """A clip to be shown from `start` to `end` s of the song, and the job that renders it."""

    start: float
    end: float
    job: Job
    section: str = ""  # of the song: clips of one section may stand in for each other; "" for one of its own
    chained: bool = False  # whether the model can start from the last frame of the clip before


def is_chained(number: int) -> bool:
    """Whether clip `number` of a show, counted from 0, starts from the last frame of the one before."""
    return number % _MAX_CHAIN != 0


def chain_job(job: Job, previous: Path) -> Job:
    """The job, starting from the last frame of the clip in the file `previous`.

    Raises:
        RenderError: that clip cannot be read.
    """
    return msgspec.structs.replace(job, init_image=last_frame(previous))


@functools.lru_cache(maxsize=8)
def last_frame(path: Path) -> bytes:
    """The last frame of a clip as JPEG.

    Raises:
        RenderError: the clip cannot be read.
    """
    import av  # noqa: PLC0415 - after OpenCV, see engine.audio

    last: Any = None
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.duration:
                container.seek(stream.duration, stream=stream)  # to the last key frame
            for frame in container.decode(stream):
                last = frame
    except (av.FFmpegError, OSError, IndexError) as error:
        raise RenderError(f"{path.name}: cannot be read as a clip: {error}") from None
    if last is None:
        raise RenderError(f"{path.name}: a clip without frames")
    picture = np.asarray(last.to_ndarray(format="bgr24"), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1])


def initial_state(spec: GeneratorSpec, preset: str = "") -> ScheduleState:
    """The state of a schedule without shots, with the generator's levels and the first guess of its speed.

    `preset` is the one that the user chose, "" for all levels.
    """
    state = ScheduleState(spec.levels_for(preset))
    if spec.seconds_per_second is not None:
        state.speed.measure(1.0, RenderTime(spec.seconds_per_second))
    return state


async def iterate_in_thread(iterator: Iterator[_T]) -> AsyncIterator[_T]:
    """The items of a blocking iterator, each computed in a thread when it is awaited."""
    ended = object()
    while True:
        item = await to_thread(next, iterator, ended)
        if item is ended:
            return
        yield item  # type: ignore[misc]  # `ended` is the only other value


class ExportRenderer:
    """Renders planned clips in order and reports how many are finished."""

    def __init__(self, pool: WorkerPool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress
        self._finished = 0
        self._submitted = 0
        self._latest: asyncio.Task[Clip] | None = None

    def submit(self, group: asyncio.TaskGroup, planned: PlannedClip) -> asyncio.Task[Clip]:
        """Submit the clip's job; the task returns the clip."""
        previous = self._latest if planned.chained and is_chained(self._submitted) else None
        self._submitted += 1
        self._progress.planned(self._submitted)
        self._latest = group.create_task(self._render(planned, previous), name=f"render {planned.start:.1f} s")
        return self._latest

    def report_share(self, share: float) -> None:
        """The pool reports that `share` of the current job is done."""
        self._progress.rendering(self._finished + min(share, 1.0))

    async def _render(self, planned: PlannedClip, previous: asyncio.Task[Clip] | None) -> Clip:
        job = await to_thread(chain_job, planned.job, (await previous).path) if previous else planned.job
        clip = await self._pool.render(job, deadline=planned.start)
        self._finished += 1
        self._progress.rendering(self._finished)
        return clip


async def write_video(
    planned: AsyncIterator[PlannedClip],
    renderer: ExportRenderer,
    compositor: Compositor,
    output: Output,
    start: float,
    end: float,
    progress: Progress,
) -> None:
    """Write every picture from `start` to `end` s to `output`, each as soon as its clip is ready, as planes.

    Listening, rendering and writing run side by side; the output is closed by the caller. A failure or cancellation of
    one ends all three.
    """
    ready: asyncio.Queue[tuple[PlannedClip, asyncio.Task[Clip]] | None] = asyncio.Queue()

    async def plan(group: asyncio.TaskGroup) -> None:
        async for clip in planned:
            ready.put_nowait((clip, renderer.submit(group, clip)))
        ready.put_nowait(None)

    async def draw_until(group: asyncio.TaskGroup, first: int, until: float) -> int:
        """Draw from picture `first` to the one before `until` s, each while the one before is being written."""
        last = math.ceil((min(until, end) - start) * compositor.fps - 1e-6)
        writing: asyncio.Task[None] | None = None
        for number in range(first, last):
            time = start + number / compositor.fps
            picture = await to_thread(compositor.planes, time)
            if writing:
                await writing
            writing = group.create_task(to_thread(output.write, picture, time), name="write")
        if writing:
            await writing
        return max(first, last)

    async with asyncio.TaskGroup() as group:
        group.create_task(plan(group), name="plan shots")
        number = 0
        while (entry := await ready.get()) is not None:
            clip, rendered = entry
            compositor.place(clip.start, clip.end, (await rendered).path)
            number = await draw_until(group, number, clip.end)
            progress.shown(min(clip.end, end) - start)
        await draw_until(group, number, end)


class ShowResult(msgspec.Struct, frozen=True):
    """The outcome of a show: its pictures, the seconds filled by each kind of placement, the clips that failed."""

    frames: FrameStats
    seconds: dict[Kind, float]
    failures: tuple[str, ...]  # one line each


async def run_show(
    planned: AsyncIterator[PlannedClip],
    pool: WorkerPool,
    compositor: Compositor,
    clock: Clock,
    output: Output,
    stop: Callable[[], bool],
    state: ScheduleState,
    progress: Progress,
    *,
    live: bool = False,
    workers: int = 1,
    stats: FrameStats | None = None,
    on_job: Callable[[PlannedClip, Job], None] = lambda planned, job: None,
    draw_now: asyncio.Event | None = None,
) -> ShowResult:
    """Show pictures on `clock`; `state` has the levels at which `workers` equal workers render, and the speed if known.

    A song that is played has its shots planned ahead; the clock starts once its first clip is ready. Live, the clock
    starts at once and the newest clip wins. How a late clip is replaced is up to `engine.schedule.selector`.
    `stats` counts the pictures as the show runs, `on_job` is called with each job that may be rendered and what
    it is planned for, and `draw_now` has the next picture drawn at once, see `play`.
    """
    known: dict[int, PlannedClip] = {}  # by shot; live, the latest alone, since a show may last for days

    async def job_for(shot: int, level: str, seconds: float) -> Job:
        clip = known[shot]
        job = msgspec.structs.replace(clip.job, preset=level, seconds=round(seconds, 3))
        if clip.chained and is_chained(shot) and (previous := scheduler.clip_of(shot - 1)):
            job = await to_thread(chain_job, job, previous)
        on_job(clip, job)
        return job

    scheduler = Scheduler(
        pool,
        state,
        live=live,
        workers=workers,
        position=clock.time,
        job_for=job_for,
        place=compositor.place,
        on_clip=lambda: progress.rendering(len(state.clips)),
    )

    async def plan() -> None:
        async for clip in planned:
            known[len(state.shots)] = clip
            known.pop(len(state.shots) - _LIVE_CLIPS if live else -1, None)
            key = msgspec.structs.replace(clip.job, preset="", seconds=0.0).id
            await scheduler.add_shot(PlannedShot(clip.start, clip.end, clip.section or key, key))
            progress.planned(len(state.shots))

    async with asyncio.TaskGroup() as group:
        side = [group.create_task(plan(), name="plan shots"), group.create_task(scheduler.run(), name="schedule")]
        if not live:
            await scheduler.wait_for_first_clip()
        with without_gc_pauses():
            async with clock:
                frames = await play(
                    compositor, clock, output, stop, scheduler.show, compositor.prepare, stats, draw_now
                )
                seconds = scheduler.stats.seconds(clock.time())
        for task in side:
            task.cancel()
    return ShowResult(frames, seconds, tuple(scheduler.failures))
