"""The scheduler with a scripted pool: clips placed once each, failures survived."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import pytest

from engine.errors import RenderError
from engine.generators.base import Level
from engine.render.protocol import Clip, Job
from engine.schedule.scheduler import Scheduler
from engine.schedule.selector import KINDS
from engine.schedule.state import PlannedShot, RenderTime, ScheduleState

LEVELS = (Level("best", 1.0), Level("draft", 0.5))
SHOTS = [PlannedShot(0.5 * index, 0.5 * (index + 1), "A", key) for index, key in enumerate("abcadb")]
DEADLINE_S = 30.0


class Pool:
    """Renders at once, or when `finish` is called with the shot's key; keys may fail, or be in the cache."""

    def __init__(self, stored: str = "", failing: str = "", instant: bool = True) -> None:
        self.jobs: list[Job] = []
        self.deadlines: list[float | None] = []
        self.released: list[str] = []
        self.cancelled: list[str] = []
        self.final_stage = {}
        self._stored, self._failing, self._instant = stored, failing, instant
        self._finished: dict[str, asyncio.Event] = {}

    async def cached(self, job: Job) -> Clip | None:
        return self.clip(job) if job.prompt in self._stored and job.preset == "draft" else None

    async def render(self, job: Job, deadline: float | None = None, on_final_stage=lambda finishing: None) -> Clip:
        self.jobs.append(job)
        self.deadlines.append(deadline)
        self.final_stage[job.prompt] = on_final_stage
        try:
            if not self._instant:
                await self._finished.setdefault(job.prompt, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(job.prompt)
            raise
        if job.prompt in self._failing:
            raise RenderError(f"no such colour: {job.prompt}")
        return self.clip(job)

    def release(self, clip: Clip) -> None:
        self.released.append(clip.path.stem)

    def finish(self, key: str) -> None:
        self._finished.setdefault(key, asyncio.Event()).set()

    def clip(self, job: Job) -> Clip:
        return Clip(job.id, Path(f"{job.prompt}.mp4"))


class Show:
    """A scheduler, the position of its song, and what it has placed."""

    def __init__(self, pool: Pool, live: bool = False, workers: int = 1, measured: bool = True, **settings) -> None:
        self.position = 0.0
        self.placed: list[tuple[float, float, str]] = []
        self.ready = 0
        self._keys: list[str] = []
        self.state = ScheduleState(LEVELS)
        if measured:
            self.state.speed.measure(1.0, RenderTime(0.1))
        self.scheduler = Scheduler(
            pool,
            self.state,
            live=live,
            workers=workers,
            position=lambda: self.position,
            job_for=self._job,
            place=lambda start, end, path: self.placed.append((start, end, path.stem)),
            on_clip=self._on_clip,
            **settings,
        )

    async def _job(self, shot: int, level: str, seconds: float) -> Job:
        return Job("fake", "", self._keys[shot], (), ("#ff0000",), 0, 32, 32, 8.0, seconds, level)

    def _on_clip(self) -> None:
        self.ready += 1

    async def add(self, *shots: PlannedShot) -> None:
        for shot in shots:
            self._keys.append(shot.key)
            await self.scheduler.add_shot(shot)

    @contextlib.asynccontextmanager
    async def running(self):
        async with asyncio.timeout(DEADLINE_S):
            task = asyncio.create_task(self.scheduler.run())
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def until(self, condition) -> None:
        """Let the scheduler work until the condition holds."""
        while not condition():  # noqa: ASYNC110 - on the state of several objects
            await asyncio.sleep(0)

    def play(self, end: float, step: float = 0.1) -> None:
        """Show pictures from the present position to `end`."""
        for number in range(round((end - self.position) / step)):
            self.scheduler.show(self.position + number * step)
        self.position = end


async def test_clips_in_the_cache_are_placed_without_rendering():
    pool = Pool(stored="abcd")
    show = Show(pool)
    await show.add(*SHOTS)
    assert show.ready == 4 and show.scheduler.clip_of(3) == show.scheduler.clip_of(0) == Path("a.mp4")
    async with show.running():
        await show.scheduler.wait_for_first_clip()
        show.play(3.0)
    assert pool.jobs == []
    assert [(round(start, 6), key) for start, _, key in show.placed] == [
        (0.5 * n, key) for n, key in enumerate("abcadb")
    ]
    assert show.scheduler.stats.seconds(3.0) == pytest.approx(dict.fromkeys(KINDS, 0.0) | {"fresh": 3.0})


async def test_each_clip_is_rendered_once_in_order_by_the_start_of_its_shot():
    pool = Pool()
    show = Show(pool)
    await show.add(*SHOTS)
    async with show.running():
        await show.scheduler.wait_for_first_clip()
        await show.until(lambda: show.ready == 4)
    assert [job.prompt for job in pool.jobs] == list("abcd")
    assert pool.deadlines == [0.0, 0.5, 1.0, 2.0]
    assert all(job.seconds == 0.5 for job in pool.jobs)


async def test_the_song_waits_for_its_first_clip():
    pool = Pool(instant=False)
    show = Show(pool, workers=2)
    await show.add(*SHOTS)
    async with show.running():
        waiting = asyncio.create_task(show.scheduler.wait_for_first_clip())
        await show.until(lambda: len(pool.jobs) == 2)
        pool.finish("b")
        await show.until(lambda: show.ready == 1)
        assert not waiting.done(), "the second shot's clip is not the first"
        pool.finish("a")
        await waiting


async def test_a_failed_first_clip_does_not_hold_the_song_up():
    pool = Pool(failing="a")
    show = Show(pool)
    await show.add(*SHOTS)
    async with show.running():
        await show.scheduler.wait_for_first_clip()
    assert show.scheduler.failures == ["no such colour: a"]


async def test_the_show_goes_on_after_a_failure():
    pool = Pool(failing="c")
    show = Show(pool)
    await show.add(*SHOTS)
    async with show.running() as task:
        await show.until(lambda: show.ready == 3 and show.scheduler.failures)
        show.play(3.0)
        assert not task.done()
    assert show.scheduler.failures == ["no such colour: c"]
    assert Counter(job.prompt for job in pool.jobs)["c"] == 1, "it is not tried again"
    assert show.placed[-1][0] == 2.5


async def test_when_the_first_three_clips_fail_the_show_ends():
    pool = Pool(failing="abcd")
    show = Show(pool)
    await show.add(*SHOTS)
    async with show.running() as task:
        with pytest.raises(ExceptionGroup) as failure:
            await task
    assert failure.group_contains(RenderError, match="no such colour: c")
    assert [job.prompt for job in pool.jobs] == list("abc")


async def test_a_worker_in_its_final_stage_is_given_the_next_clip():
    pool = Pool(instant=False)
    show = Show(pool)
    await show.add(*SHOTS)
    async with show.running():
        await show.until(lambda: len(pool.jobs) == 1)
        pool.final_stage["a"](True)
        await show.until(lambda: len(pool.jobs) == 2)
        pool.final_stage["a"](False)
        pool.final_stage["b"](True)
        pool.finish("b")
        await show.until(lambda: show.ready == 1)
        assert len(pool.jobs) == 2, "the first was sent back to its first stage"
        pool.finish("a")
        await show.until(lambda: len(pool.jobs) == 3)


async def test_the_time_of_each_stage_is_measured():
    pool = Pool(instant=False)
    show = Show(pool, measured=False)
    await show.add(*SHOTS[:1])
    async with show.running():
        await show.until(lambda: pool.jobs)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await show.until(lambda: loop.time() - began > 0.03)
        pool.final_stage["a"](True)
        began = loop.time()
        await show.until(lambda: loop.time() - began > 0.01)
        pool.finish("a")
        await show.until(lambda: show.ready == 1)
    work = pool.jobs[0].seconds * LEVELS[1].work
    assert show.state.speed.is_measured
    assert show.state.speed.busy_factor * work >= 0.03
    assert show.state.speed.busy_factor > show.state.speed.tail_factor >= 0.01 / work


async def test_a_clip_of_one_stage_has_no_tail():
    show = Show(Pool(), measured=False)
    await show.add(*SHOTS[:1])
    async with show.running():
        await show.until(lambda: show.ready == 1)
    assert show.state.speed.busy_factor > 0.0 and show.state.speed.tail_factor == 0.0


async def test_live_the_newest_shot_is_rendered_and_a_repeated_one_is_there():
    pool = Pool()
    show = Show(pool, live=True)
    async with show.running():
        for number, shot in enumerate(SHOTS):
            show.position = shot.start
            await show.add(shot)
            await show.until(lambda number=number: show.scheduler.clip_of(number))
            show.play(shot.end)
    assert [job.prompt for job in pool.jobs] == list("abcd")
    assert [key for *_, key in show.placed] == list("abcadb")


async def test_live_clips_long_past_are_released_once_no_shot_shows_them():
    pool = Pool()
    show = Show(pool, live=True, live_clips=2)
    async with show.running():
        for number, key in enumerate("abac"):
            show.position = SHOTS[number].start
            await show.add(PlannedShot(SHOTS[number].start, SHOTS[number].end, "A", key))
            await show.until(lambda number=number: show.scheduler.clip_of(number))
    assert [number for number in range(4) if show.scheduler.clip_of(number)] == [2, 3]
    assert show.state.clips.keys() == {2, 3} and pool.released == ["b"]


async def test_live_a_stale_rendering_is_cancelled_for_the_newest_shot():
    pool = Pool(instant=False)
    show = Show(pool, live=True)
    show.state.speed.measure(1.0, RenderTime(1000.0))
    show.state.speed.measure(1.0, RenderTime(1000.0))
    async with show.running():
        await show.add(SHOTS[0])
        await show.until(lambda: pool.jobs)
        show.position = 0.6
        await show.add(SHOTS[1])
        await show.until(lambda: len(pool.jobs) == 2)
        pool.finish("b")
        await show.until(lambda: show.ready == 1)
    assert pool.cancelled == ["a"] and show.scheduler.clip_of(1) == Path("b.mp4")
    assert show.scheduler.failures == []


async def test_a_frozen_frame_needs_no_placing():
    pool = Pool(stored="ab")
    show = Show(pool)
    first, second = PlannedShot(0.0, 1.3, "A", "a"), PlannedShot(1.3, 2.0, "A", "b")
    await show.add(first, second)
    show.state.clips[0] = 0.5
    show.play(2.0)
    assert [key for *_, key in show.placed] == ["a", "b"]
    assert show.scheduler.stats.seconds(2.0)["frozen"] == pytest.approx(0.3)
