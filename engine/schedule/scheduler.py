"""Runs a show: gives free workers what the plan wants rendered and the screen what should stand on it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import RenderError
from engine.render.job import Clip, Job
from engine.render.pool import Renderer
from engine.schedule.planner import LONGEST_S, Plan
from engine.schedule.selector import Account, Cutter, Span
from engine.schedule.state import Board, Shot, Task, Took

KEPT = 256  # clips that may be shown again, live
_PAST = 512  # shots of a live show that are remembered without a clip
_TICK_S = 0.05
_HOPELESS = 3  # failures before any clip


@dataclass(eq=False)
class _Underway:
    """A task that is being rendered."""

    since: float  # s of the song
    begun: float  # by the monotonic clock, as is `left`
    left: float | None = None  # when its last stage began, beside which its worker takes another
    rendering: asyncio.Task[None] = field(init=False)

    def took(self, now: float) -> Took:
        """What it took, if the clip is there now."""
        return Took.staged(self.left - self.begun, now - self.left) if self.left else Took(now - self.begun)


class Director:
    """Plans `board` on `position`, the second of the song that is heard now.

    `job_for` makes the job of a task: for which shot (by index), at which level (by name), of which length in s.
    `place` is told to show a clip from one second of the song to another, from its first picture to its last; where it
    is told nothing, what it shows goes on or its last picture stands. `on_clip` is called for each clip that comes.
    """

    def __init__(
        self,
        renderer: Renderer,
        board: Board,
        *,
        live: bool,
        workers: int,
        position: Callable[[], float],
        job_for: Callable[[int, str, float], Job],
        place: Callable[[float, float, Path], None],
        on_clip: Callable[[], None] = lambda: None,
    ) -> None:
        self.failures: list[str] = []  # one line for each clip that could not be made
        self.account = Account()
        self._renderer = renderer
        self._board = board
        self._live = live
        self._plan = Plan(board, live, workers)
        self._cutter = Cutter(board, live)
        self._workers = workers
        self._position = position
        self._job_for = job_for
        self._place = place
        self._on_clip = on_clip
        self._clips: dict[int, Clip] = {}
        self._underway: dict[Task, _Underway] = {}
        self._placed: Span | None = None
        self._opened = asyncio.Event()
        self._woken = asyncio.Event()  # there may be something to do

    def know(self, shot: Shot) -> None:
        """The next shot is known; if its clip is in the store, in the best version there, it need not be rendered."""
        board = self._board
        board.know(shot)
        index = len(board.shots) - 1
        if self._live:
            board.forget_past(_PAST)
        self._woken.set()
        for twin in board.twins(index):
            if twin in self._clips:
                self._clips[index] = self._clips[twin]
                return
        for level in range(len(board.levels)):
            task = Task(index, level, min(shot.seconds, LONGEST_S))
            if clip := self._renderer.stored(self._job(task)):
                self._arrived(task, None, clip)
                return

    def clip_of(self, shot: int) -> Path | None:
        """The clip made for a shot, if it is there."""
        clip = self._clips.get(shot)
        return clip.path if clip else None

    async def opening(self) -> None:
        """Wait until what is heard first has its clip; only then should it be heard."""
        await self._opened.wait()

    async def run(self) -> None:
        """Keep the workers busy until cancelled.

        Raises:
            ModelError, OutputError, UsageError: no clip can be rendered at all.
            RenderError: the first clips have failed, one after the other.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self._employ(group)
                self._woken.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._woken.wait()

    def _employ(self, group: asyncio.TaskGroup) -> None:
        """Give every free worker something to do; what is in its last stage keeps none."""
        now = self._position()
        keeping = [task for task, underway in self._underway.items() if underway.left is None]
        while len(keeping) < self._workers and (task := self._plan.next(now)):
            self._board.begin(task, now)
            underway = self._underway[task] = _Underway(now, time.monotonic())
            underway.rendering = group.create_task(self._render(task, underway), name=f"render shot {task.shot}")
            keeping.append(task)
        begun = [(task, self._underway[task].since) for task in keeping]
        if len(keeping) == self._workers and (stale := self._plan.superseded(begun, now)):
            self._underway[stale].rendering.cancel()

    async def _render(self, task: Task, underway: "_Underway") -> None:
        def on_last(finishing: bool) -> None:
            underway.left = time.monotonic() if finishing else None
            self._woken.set()

        try:
            job = self._job(task)
            stored = self._renderer.stored(job)
            start = self._board.shots[task.shot].start
            clip = stored or await self._renderer.render(job, deadline=start, on_last=on_last)
        except asyncio.CancelledError:
            self._board.lose(task)
            raise
        except RenderError as error:
            self.failures.append(str(error))
            self._board.fail(task)
            if not self._board.clips and len(self.failures) >= _HOPELESS:
                raise
            self._open()
        else:
            self._arrived(task, None if stored else underway.took(time.monotonic()), clip)
        finally:
            del self._underway[task]
            self._woken.set()

    def _arrived(self, task: Task, took: Took | None, clip: Clip) -> None:
        self._board.finish(task, took)
        for twin in self._board.twins(task.shot):
            self._clips[twin] = clip
        if self._live:
            self._forget_oldest()
        self._on_clip()
        self._open()

    def _forget_oldest(self) -> None:
        """Let go of clips long past: a show without end stays within the size of the store."""
        for index in sorted(self._clips)[:-KEPT]:
            clip = self._clips.pop(index)
            self._board.forget(index)
            if clip not in self._clips.values():
                self._renderer.release(clip)

    def _open(self) -> None:
        first = self._board.index_at(self._position())
        if first in self._board.clips or (first in self._board.failed and self._board.clips):
            self._opened.set()

    def show(self, t: float) -> None:
        """Have what belongs on the screen at `t` s of the song placed; call it for each picture, just before."""
        span = self._cutter.at(t)
        if span is None or span == self._placed:
            return
        self._placed = span
        self.account.begin(span, t)
        if span.kind != "held":
            self._place(span.start, span.end, self._clips[span.shot].path)

    def _job(self, task: Task) -> Job:
        return self._job_for(task.shot, self._board.levels[task.level].name, task.seconds)
