"""Where the rooms meet: cues become clips, clips become pictures, in a file or on the clock of the sound.

Clips that go on from one another: an image-to-video model begins a clip with the last picture of the one before.

Such chains are kept to three clips, since each loses a little of the picture; then a clip begins anew, and the
crossfade hides the seam.
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
from engine.playback.clock import Clock
from engine.playback.compositor import Compositor
from engine.playback.player import Played, Tally, play
from engine.render.job import Clip, Job
from engine.render.pool import WorkerPool
from engine.schedule.scheduler import Scheduler
from engine.schedule.selector import Kind
from engine.schedule.state import PlannedShot, RenderTime, ScheduleState
from engine.threads import to_thread, without_gc_pauses
from engine.types import Output, Progress

LONGEST_CHAIN = 3
_QUALITY = 90  # of the JPEG: a picture of 1360x768 stays well within a message


def continues_before(number: int) -> bool:
    """Whether clip `number` of a show, counted from 0, goes on from the one before."""
    return number % LONGEST_CHAIN != 0


def continued(job: Job, before: Path) -> Job:
    """The job, begun with the last picture of the clip in the file `before`.

    Raises:
        RenderError: that clip cannot be read.
    """
    return msgspec.structs.replace(job, first=last_picture(before))


@functools.lru_cache(maxsize=8)
def last_picture(path: Path) -> bytes:
    """The last picture of a clip as JPEG.

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
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


_T = TypeVar("_T")
_CUES_KEPT = 512  # of a live show: a cue is asked for only while its clip is made


def board(spec: GeneratorSpec, preset: str = "") -> ScheduleState:
    """The state of a schedule without shots, with the generator's levels and the first guess of its speed.

    `preset` is the one that the user chose, "" for all levels.
    """
    state = ScheduleState(spec.levels_for(preset))
    if spec.seconds_per_second is not None:
        state.speed.measure(1.0, RenderTime(spec.seconds_per_second))
    return state


class Cue(msgspec.Struct, frozen=True):
    """A clip to be shown from `start` to `end` s of the song."""

    start: float
    end: float
    job: Job
    section: str = ""  # of the song: clips of one section may stand in for each other; "" for one of its own
    continues: bool = False  # whether the model can go on from the clip before


async def in_thread(iterator: Iterator[_T]) -> AsyncIterator[_T]:
    """The items of a blocking iterator, each made in a thread when it is asked for."""
    ended = object()
    while True:
        item = await to_thread(next, iterator, ended)
        if item is ended:
            return
        yield item  # type: ignore[misc]  # `ended` is the only other value


class Rendering:
    """Has the clips of cues rendered in order and knows how far that is."""

    def __init__(self, pool: WorkerPool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress
        self._finished = 0
        self._cues = 0
        self._latest: asyncio.Task[Clip] | None = None

    def begin(self, group: asyncio.TaskGroup, cue: Cue) -> asyncio.Task[Clip]:
        """Submit the cue's job; the task ends with its clip."""
        before = self._latest if cue.continues and continues_before(self._cues) else None
        self._cues += 1
        self._progress.planned(self._cues)
        self._latest = group.create_task(self._render(cue, before), name=f"render {cue.start:.1f} s")
        return self._latest

    def share(self, share: float) -> None:
        """The pool's word of the job in work."""
        self._progress.rendering(self._finished + min(share, 1.0))

    async def _render(self, cue: Cue, before: asyncio.Task[Clip] | None) -> Clip:
        job = await to_thread(continued, cue.job, (await before).path) if before else cue.job
        clip = await self._pool.render(job, deadline=cue.start)
        self._finished += 1
        self._progress.rendering(self._finished)
        return clip


async def write(
    cues: AsyncIterator[Cue],
    rendering: Rendering,
    compositor: Compositor,
    output: Output,
    start: float,
    end: float,
    progress: Progress,
) -> None:
    """Write every picture from `start` to `end` s to `output`, each as soon as its clip is there, as planes.

    Listening, rendering and writing go on side by side; the output is closed by the caller. Whatever fails or is
    cancelled ends all three.
    """
    ready: asyncio.Queue[tuple[Cue, asyncio.Task[Clip]] | None] = asyncio.Queue()

    async def plan(group: asyncio.TaskGroup) -> None:
        async for cue in cues:
            ready.put_nowait((cue, rendering.begin(group, cue)))
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
            cue, task = entry
            compositor.place(cue.start, cue.end, (await task).path)
            number = await draw_until(group, number, cue.end)
            progress.shown(min(cue.end, end) - start)
        await draw_until(group, number, end)


class Performance(msgspec.Struct, frozen=True):
    """What became of a show: its pictures, the seconds that stood on the screen in each way, the clips that failed."""

    played: Played
    seconds: dict[Kind, float]
    failures: tuple[str, ...]  # one line each


async def perform(
    cues: AsyncIterator[Cue],
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
    tally: Tally | None = None,
    on_job: Callable[[Cue, Job], None] = lambda cue, job: None,
    hurry: asyncio.Event | None = None,
) -> Performance:
    """Show pictures on `clock`; `state` says at which levels `workers` equal workers render, and how fast, if known.

    A song that is played has its shots planned ahead; the clock is started once its first clip is there. Live, the
    clock starts at once and the newest cue wins. What is late is stretched, held or stood in for, as
    `engine.schedule.selector` says. `tally` counts the pictures while it goes on, and `on_job` is told for which cue
    each job is that may be rendered. `hurry` has the next picture shown at once, see `play`.
    """
    known: dict[int, Cue] = {}  # by shot; live, the latest alone, since a show may last for days

    def job_for(shot: int, level: str, seconds: float) -> Job:
        job = msgspec.structs.replace(known[shot].job, preset=level, seconds=round(seconds, 3))
        before = scheduler.clip_of(shot - 1) if known[shot].continues and continues_before(shot) else None
        if before:
            job = continued(job, before)
        on_job(known[shot], job)
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
        async for cue in cues:
            known[len(state.shots)] = cue
            known.pop(len(state.shots) - _CUES_KEPT if live else -1, None)
            key = msgspec.structs.replace(cue.job, preset="", seconds=0.0).id
            scheduler.add_shot(PlannedShot(cue.start, cue.end, cue.section or key, key))
            progress.planned(len(state.shots))

    async with asyncio.TaskGroup() as group:
        side = [group.create_task(plan(), name="plan shots"), group.create_task(scheduler.run(), name="direct")]
        if not live:
            await scheduler.wait_for_first_clip()
        with without_gc_pauses():
            async with clock:
                played = await play(compositor, clock, output, stop, scheduler.show, compositor.prepare, tally, hurry)
                seconds = scheduler.stats.seconds(clock.time())
        for task in side:
            task.cancel()
    return Performance(played, seconds, tuple(scheduler.failures))
