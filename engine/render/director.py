"""Runs a show: gives free workers what the plan wants rendered and the screen what should stand on it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import RenderError
from engine.messages import Job
from engine.render.board import Board, Shot, Task
from engine.render.cut import Cutter, Span
from engine.render.plan import LONGEST_S, Plan
from engine.render.renderer import Renderer

AHEAD_S = 0.25  # by which a clip is placed before it is shown
_TICK_S = 0.05


class Director:
    """Plans `board` on `position`, the second of the song that is heard now.

    `job_for` makes the job of a task: for which shot (by index), at which level (by name), of which length in s.
    `place` is told to show a clip from one second of the song to another, from its first picture to its last, early
    enough; where it is told nothing, what it shows goes on or its last picture stands.
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
    ) -> None:
        self.failures: list[str] = []  # one line for each clip that could not be made
        self._renderer = renderer
        self._board = board
        self._live = live
        self._plan = Plan(board, live, workers)
        self._cutter = Cutter(board, live)
        self._workers = workers
        self._position = position
        self._job_for = job_for
        self._place = place
        self._paths: dict[int, Path] = {}
        self._busy = 0
        self._placed: Span | None = None
        self._opened = asyncio.Event()

    def know(self, shot: Shot) -> None:
        """The next shot is known; if its clip is in the store, in the best version there, it need not be rendered."""
        board = self._board
        board.know(shot)
        index = len(board.shots) - 1
        for twin in board.twins(index):
            if twin in self._paths:
                self._paths[index] = self._paths[twin]
                return
        for level in range(len(board.levels)):
            task = Task(index, level, min(shot.seconds, LONGEST_S))
            if clip := self._renderer.stored(self._job(task)):
                self._arrived(task, None, clip.path)
                return

    async def opening(self) -> None:
        """Wait until what is heard first has its clip; only then should it be heard."""
        await self._opened.wait()

    async def run(self) -> None:
        """Direct until cancelled.

        Raises:
            ModelError, OutputError, UsageError: no clip can be rendered at all.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self._employ(group)
                self._show()
                await asyncio.sleep(_TICK_S)

    def _employ(self, group: asyncio.TaskGroup) -> None:
        """Give every free worker something to do."""
        while self._busy < self._workers and (task := self._plan.next(self._position())):
            self._board.begin(task, self._position())
            self._busy += 1
            group.create_task(self._render(task), name=f"render shot {task.shot}")

    async def _render(self, task: Task) -> None:
        job = self._job(task)
        begun = time.monotonic()
        stored = self._renderer.stored(job)
        try:
            clip = stored or await self._renderer.render(job, deadline=self._board.shots[task.shot].start)
        except RenderError as error:
            self.failures.append(str(error))
            self._board.fail(task)
            self._open()
        else:
            self._arrived(task, None if stored else time.monotonic() - begun, clip.path)
        finally:
            self._busy -= 1

    def _arrived(self, task: Task, elapsed: float | None, path: Path) -> None:
        self._board.finish(task, elapsed)
        for twin in self._board.twins(task.shot):
            self._paths[twin] = path
        self._open()

    def _open(self) -> None:
        first = self._board.index_at(self._position())
        if first in self._board.clips or first in self._board.failed:
            self._opened.set()

    def _show(self) -> None:
        if not (self._live or self._opened.is_set()):
            return
        span = self._cutter.at(self._position() + AHEAD_S)
        if span is None or span == self._placed:
            return
        self._placed = span
        if span.kind != "held":
            self._place(span.start, span.end, self._paths[span.shot])

    def _job(self, task: Task) -> Job:
        return self._job_for(task.shot, self._board.levels[task.level].name, task.seconds)
