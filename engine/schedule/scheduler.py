"""The loop of a show: keeps the workers busy with what the planner chooses and places clips for the compositor."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import RenderError
from engine.render.pool import WorkerPool
from engine.render.protocol import Clip, Job
from engine.schedule.planner import Planner
from engine.schedule.selector import ClipSelector, Placement, PlaybackStats
from engine.schedule.state import PlannedShot, RenderTask, RenderTime, ScheduleState
from engine.types import LONGEST_CLIP_S

_LIVE_CLIPS = 256  # kept to be shown again
_LIVE_SHOTS = 512  # kept without a clip
_TICK_S = 0.05
_MAX_FAILURES = 3  # before any clip


@dataclass(eq=False)
class _Rendering:
    """A task that is being rendered."""

    started: float  # s of the song
    started_at: float  # by the monotonic clock, as is `tail_at`
    tail_at: float | None = None  # when its final stage started, during which its worker renders another
    asyncio_task: asyncio.Task[None] = field(init=False)

    def elapsed(self, now: float) -> RenderTime:
        """What it took if the clip is ready now."""
        if self.tail_at is None:
            return RenderTime(now - self.started_at)
        return RenderTime.overlapped(self.tail_at - self.started_at, now - self.tail_at)


class Scheduler:
    """Fills `state` along `position`, the second of the song that is playing now.

    `job_for` makes the job of a task: for which shot (by index), at which level (by name), of which length in s.
    `place` is called to show a clip from one second of the song to another, from its first frame to its last; between
    calls the clip goes on or its last frame stands. `on_clip` is called for each clip that is ready.
    """

    def __init__(
        self,
        pool: WorkerPool,
        state: ScheduleState,
        *,
        live: bool,
        workers: int,
        position: Callable[[], float],
        job_for: Callable[[int, str, float], Awaitable[Job]],
        place: Callable[[float, float, Path], None],
        on_clip: Callable[[], None] = lambda: None,
        live_clips: int = _LIVE_CLIPS,
    ) -> None:
        """Live, the latest `live_clips` clips are kept to be shown again."""
        self.failures: list[str] = []  # one line for each clip that could not be rendered
        self.stats = PlaybackStats()
        self._pool = pool
        self._state = state
        self._live = live
        self._live_clips = live_clips
        self._planner = Planner(state, live, workers)
        self._selector = ClipSelector(state, live)
        self._workers = workers
        self._position = position
        self._job_for = job_for
        self._place = place
        self._on_clip = on_clip
        self._clips: dict[int, Clip] = {}
        self._renderings: dict[RenderTask, _Rendering] = {}
        self._placed: Placement | None = None
        self._has_first_clip = asyncio.Event()
        self._wake = asyncio.Event()

    async def add_shot(self, shot: PlannedShot) -> None:
        """Append the next shot. If its clip is in the cache, the best version there is used without rendering."""
        state = self._state
        index = len(state.shots)
        cached = None if state.has_clip(shot.key) else await self._find_cached(index, shot)
        state.add_shot(shot)
        if self._live:
            state.forget_shots(_LIVE_SHOTS)
        self._wake.set()
        for other in state.same_key(index):
            if other in self._clips:
                self._clips[index] = self._clips[other]
                return
        if cached:
            task, clip = cached
            self._finish(task, None, clip)

    async def _find_cached(self, index: int, shot: PlannedShot) -> tuple[RenderTask, Clip] | None:
        for level in range(len(self._state.levels)):
            task = RenderTask(index, level, min(shot.seconds, LONGEST_CLIP_S))
            if clip := await self._pool.cached(await self._job(task)):
                return task, clip
        return None

    def clip_of(self, shot: int) -> Path | None:
        """The clip of a shot, if it is ready."""
        clip = self._clips.get(shot)
        return clip.path if clip else None

    async def wait_for_first_clip(self) -> None:
        """Wait until the shot that plays first has its clip; only then should the song start."""
        await self._has_first_clip.wait()

    async def run(self) -> None:
        """Keep the workers busy until cancelled.

        Raises:
            ModelError, OutputError, UsageError: no clip can be rendered at all.
            RenderError: the first clips have failed, one after the other.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self._assign(group)
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()

    def show(self, t: float) -> None:
        """Place what belongs on the screen at `t` s of the song; to be called for each picture, just before it."""
        placement = self._selector.at(t)
        if placement is None or placement == self._placed:
            return
        self._placed = placement
        self.stats.start(placement, t)
        if placement.kind != "frozen":
            self._place(placement.start, placement.end, self._clips[placement.shot].path)

    def _assign(self, group: asyncio.TaskGroup) -> None:
        """Give every free worker a task; a rendering in its final stage does not occupy one."""
        now = self._position()
        busy = [task for task, rendering in self._renderings.items() if rendering.tail_at is None]
        while len(busy) < self._workers and (task := self._planner.next(now)):
            self._state.start(task, now)
            rendering = self._renderings[task] = _Rendering(now, time.monotonic())
            rendering.asyncio_task = group.create_task(self._render(task, rendering), name=f"render shot {task.shot}")
            busy.append(task)
        in_progress = [(task, self._renderings[task].started) for task in busy]
        if len(busy) == self._workers and (stale := self._planner.superseded(in_progress, now)):
            self._renderings[stale].asyncio_task.cancel()

    async def _render(self, task: RenderTask, rendering: _Rendering) -> None:
        def on_final_stage(finishing: bool) -> None:
            rendering.tail_at = time.monotonic() if finishing else None
            self._wake.set()

        try:
            job = await self._job(task)
            cached = await self._pool.cached(job)
            deadline = self._state.shots[task.shot].start
            clip = cached or await self._pool.render(job, deadline=deadline, on_final_stage=on_final_stage)
        except asyncio.CancelledError:
            self._state.cancel(task)
            raise
        except RenderError as error:
            self.failures.append(str(error))
            self._state.fail(task)
            if not self._state.clips and len(self.failures) >= _MAX_FAILURES:
                raise
            self._check_first_clip()
        else:
            self._finish(task, None if cached else rendering.elapsed(time.monotonic()), clip)
        finally:
            del self._renderings[task]
            self._wake.set()

    def _finish(self, task: RenderTask, elapsed: RenderTime | None, clip: Clip) -> None:
        self._state.finish(task, elapsed)
        for shot in self._state.same_key(task.shot):
            self._clips[shot] = clip
        if self._live:
            self._forget_oldest()
        self._on_clip()
        self._check_first_clip()

    def _forget_oldest(self) -> None:
        """Release clips long past: a show without end stays within the size of the cache."""
        for shot in sorted(self._clips)[: -self._live_clips]:
            clip = self._clips.pop(shot)
            self._state.forget_clip(shot)
            if clip not in self._clips.values():
                self._pool.release(clip)

    def _check_first_clip(self) -> None:
        first = self._state.shots.at(self._position())
        if first in self._state.clips or (first in self._state.failed and self._state.clips):
            self._has_first_clip.set()

    async def _job(self, task: RenderTask) -> Job:
        return await self._job_for(task.shot, self._state.levels[task.level].name, task.seconds)
