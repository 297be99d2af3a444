"""Where the rooms meet: cues become clips, clips become pictures, in a file or on the clock of the sound."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from engine.messages import Clip, Job
from engine.play.clock import Clock
from engine.play.compositor import Compositor
from engine.play.player import Drawing, Played, Tally, play
from engine.play.sinks import Sink
from engine.render.board import Board, Shot
from engine.render.continuing import continued, continues_before
from engine.render.cut import Kind
from engine.render.director import Director
from engine.render.renderer import Renderer
from engine.threads import to_thread, without_pauses

_T = TypeVar("_T")
_CUES_KEPT = 512  # of a live show: a cue is asked for only while its clip is made


class Cue(msgspec.Struct, frozen=True):
    """A clip to be shown from `start` to `end` s of the song."""

    start: float
    end: float
    job: Job
    section: str = ""  # of the song: clips of one section may stand in for each other; "" for one of its own
    continues: bool = False  # whether the model can go on from the clip before


class Progress:
    """What long work tells of itself; all methods may be replaced by a front end. Times are in s of the song."""

    def lasts(self, song: float, shown: float) -> None:
        """The length of the song and of what will be shown of it."""

    def heard(self, until: float) -> None:
        """Listening has reached `until`."""

    def planned(self, cues: int) -> None:
        """That many clips are needed, as far as is known."""

    def rendering(self, finished: float) -> None:
        """That many clips are finished, counting the one in work by its share."""

    def shown(self, until: float) -> None:
        """Pictures are written or shown up to `until`."""


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

    def __init__(self, renderer: Renderer, progress: Progress) -> None:
        self._renderer = renderer
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
        """The renderer's word of the job in work."""
        self._progress.rendering(self._finished + min(share, 1.0))

    async def _render(self, cue: Cue, before: asyncio.Task[Clip] | None) -> Clip:
        job = await to_thread(continued, cue.job, (await before).path) if before else cue.job
        clip = await self._renderer.render(job, deadline=cue.start)
        self._finished += 1
        self._progress.rendering(self._finished)
        return clip


async def write(
    cues: AsyncIterator[Cue],
    rendering: Rendering,
    compositor: Compositor,
    sink: Sink,
    start: float,
    end: float,
    progress: Progress,
) -> None:
    """Write every picture from `start` to `end` s into `sink`, each as soon as its clip is there, as planes.

    Listening, rendering and writing go on side by side; the sink is closed by the caller. Whatever fails or is
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
            picture = await to_thread(compositor.planes, start + number / compositor.fps)
            if writing:
                await writing
            writing = group.create_task(to_thread(sink.write, picture), name="write")
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


class Canvas(Drawing, Protocol):
    """A picture that clips can be placed in; `Compositor` and `Stage` are."""

    def place(self, start_s: float, end_s: float, clip_path: Path) -> None: ...

    def prepare(self, t: float) -> None:
        """Do what can be done for the picture at `t` before it is drawn."""
        ...


class Performance(msgspec.Struct, frozen=True):
    """What became of a show: its pictures, the seconds that stood on the screen in each way, the clips that failed."""

    played: Played
    seconds: dict[Kind, float]
    failures: tuple[str, ...]  # one line each


async def perform(
    cues: AsyncIterator[Cue],
    renderer: Renderer,
    canvas: Canvas,
    clock: Clock,
    sink: Sink,
    stop: Callable[[], bool],
    board: Board,
    progress: Progress,
    *,
    live: bool = False,
    workers: int = 1,
    tally: Tally | None = None,
    on_job: Callable[[Cue, Job], None] = lambda cue, job: None,
    hurry: asyncio.Event | None = None,
) -> Performance:
    """Show pictures on `clock`; `board` says at which levels `workers` equal workers render, and how fast, if known.

    A song that is played has its shots planned ahead; the clock is started once its first clip is there. Live, the
    clock starts at once and the newest cue wins. What is late is stretched, held or stood in for, as
    `engine.render.cut` says. `tally` counts the pictures while it goes on, and `on_job` is told for which cue each
    job is that may be rendered. `hurry` has the next picture shown at once, see `play`.
    """
    known: dict[int, Cue] = {}  # by shot; live, the latest alone, since a show may last for days

    def job_for(shot: int, level: str, seconds: float) -> Job:
        job = msgspec.structs.replace(known[shot].job, preset=level, seconds=round(seconds, 3))
        before = director.clip_of(shot - 1) if known[shot].continues and continues_before(shot) else None
        if before:
            job = continued(job, before)
        on_job(known[shot], job)
        return job

    director = Director(
        renderer,
        board,
        live=live,
        workers=workers,
        position=clock.time,
        job_for=job_for,
        place=canvas.place,
        on_clip=lambda: progress.rendering(len(board.clips)),
    )

    async def plan() -> None:
        async for cue in cues:
            known[len(board.shots)] = cue
            known.pop(len(board.shots) - _CUES_KEPT if live else -1, None)
            key = msgspec.structs.replace(cue.job, preset="", seconds=0.0).id
            director.know(Shot(cue.start, cue.end, cue.section or key, key))
            progress.planned(len(board.shots))

    async with asyncio.TaskGroup() as group:
        side = [group.create_task(plan(), name="plan shots"), group.create_task(director.run(), name="direct")]
        if not live:
            await director.opening()
        with without_pauses():
            async with clock:
                played = await play(canvas, clock, sink, stop, director.show, canvas.prepare, tally, hurry)
                seconds = director.account.until(clock.time())
        for task in side:
            task.cancel()
    return Performance(played, seconds, tuple(director.failures))
