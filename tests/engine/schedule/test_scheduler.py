"""A show directed on real render processes: clips placed where their shots begin, once each, failures survived."""

import asyncio
import contextlib
import time

import pytest

from engine.errors import ModelError
from engine.generators.base import Level
from engine.render.cache import ClipCache
from engine.render.job import Job
from engine.render.pool import WorkerPool
from engine.schedule.scheduler import Scheduler
from engine.schedule.state import PlannedShot, RenderTime, ScheduleState

LEVELS = (Level("best", 1.0), Level("draft", 0.5))
SHOTS = [PlannedShot(0.5 * index, 0.5 * (index + 1), "A", key) for index, key in enumerate("abcadb")]
PATIENCE = 60.0


class Screen:
    """What is placed, and what is heard when."""

    def __init__(self):
        self.placed = []
        self.begun = None

    def position(self):
        return 0.0 if self.begun is None else time.monotonic() - self.begun

    def place(self, start, end, path):
        assert path.exists()
        assert start < end
        self.placed.append((start, end, path))


def job_for(prompts):
    def make(shot, level, seconds):
        return Job("fake", "", prompts[SHOTS[shot].key], (), ("#ff0000",), 0, 32, 32, 8.0, seconds, level)

    return make


async def watch(scheduler, screen):
    while True:
        if screen.begun is not None:
            scheduler.show(screen.position())
        await asyncio.sleep(0.02)


async def show(folder, prompts, screen, generator="fake", live=False, pause="0.001", **settings):
    rendered = []
    async with asyncio.timeout(PATIENCE):
        with ClipCache(folder, 10**9) as cache:
            async with WorkerPool(cache, generator, pause, on_done=lambda job, _: rendered.append(job.prompt)) as pool:
                scheduler = Scheduler(
                    pool,
                    ScheduleState(LEVELS),
                    live=live,
                    workers=1,
                    position=screen.position,
                    job_for=job_for(prompts),
                    place=screen.place,
                    **settings,
                )
                for shot in SHOTS[:1] if live else SHOTS:
                    await scheduler.add_shot(shot)
                scheduling = asyncio.create_task(scheduler.run())
                showing = asyncio.create_task(watch(scheduler, screen))
                opening = asyncio.create_task(scheduler.wait_for_first_clip())
                await asyncio.wait([scheduling, opening], return_when=asyncio.FIRST_COMPLETED)
                if scheduling.done():
                    opening.cancel()
                    showing.cancel()
                    await scheduling
                screen.begun = time.monotonic()
                for shot in SHOTS[1:]:
                    await asyncio.sleep(shot.start - screen.position())
                    if live:
                        await scheduler.add_shot(shot)
                await asyncio.sleep(SHOTS[-1].seconds)
                showing.cancel()
                scheduling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await scheduling
    return scheduler, rendered


PROMPTS = {key: f"the colour {key}" for key in "abcd"}


async def test_a_show_whose_clips_are_stored_renders_nothing_and_places_each_where_its_shot_begins(tmp_path):
    with ClipCache(tmp_path, 10**9) as cache:
        async with WorkerPool(cache, "fake", "0.001") as pool:
            make = job_for(PROMPTS)
            jobs = [make(index, LEVELS[0].name, shot.seconds) for index, shot in enumerate(SHOTS)]
            await asyncio.gather(*map(pool.render, jobs))
    screen = Screen()
    scheduler, rendered = await show(tmp_path, PROMPTS, screen)
    assert (scheduler.failures, rendered) == ([], [])
    placed = {round(start, 6): path for start, _, path in screen.placed}
    for shot in SHOTS[1:]:
        assert round(shot.start, 6) in placed
    assert placed[round(SHOTS[3].start, 6)] == screen.placed[0][2]


async def test_a_clip_that_cannot_be_made_is_told_and_the_show_goes_on(tmp_path):
    screen = Screen()
    scheduler, _ = await show(tmp_path, PROMPTS | {"c": "fail: no such colour"}, screen)
    assert scheduler.failures == ["no such colour"]
    assert screen.placed[-1][0] > SHOTS[2].end


async def test_a_generator_that_does_not_load_ends_the_show(tmp_path):
    with pytest.raises(ExceptionGroup) as failure:
        await show(tmp_path, PROMPTS, Screen(), pause="not a number")
    assert failure.group_contains(ModelError)


async def test_live_the_newest_shot_is_shown(tmp_path):
    screen = Screen()
    _, rendered = await show(tmp_path, PROMPTS, screen, live=True)
    assert rendered == [PROMPTS[key] for key in "abcd"]  # and what returned was there
    assert len({path for *_, path in screen.placed}) == len(rendered)


async def test_live_clips_long_past_are_let_go(tmp_path, monkeypatch):
    released = []
    monkeypatch.setattr(ClipCache, "release", lambda self, job_id: released.append(job_id))
    scheduler, rendered = await show(tmp_path, PROMPTS, Screen(), live=True, live_clips=2)
    assert len(released) >= len(rendered) - 2
    assert sum(scheduler.clip_of(shot) is not None for shot in range(len(SHOTS))) == 2


async def test_live_a_stale_clip_is_withdrawn_from_its_worker_and_the_newest_is_made(tmp_path):
    states, prompts = [], []
    begun, made = asyncio.Event(), asyncio.Event()

    def on_worker(event):
        states.append(event.state)
        if event.state == "rendering":
            begun.set()

    def on_done(job, _):
        prompts.append(job.prompt)
        made.set()

    async with asyncio.timeout(PATIENCE):
        with ClipCache(tmp_path, 10**9) as cache:
            async with WorkerPool(cache, "fake", "0.05", on_done=on_done, on_worker=on_worker) as pool:
                state = ScheduleState((Level("only", 1.0),))
                state.speed.measure(1.0, RenderTime(1000.0))
                scheduler = Scheduler(
                    pool,
                    state,
                    live=True,
                    workers=1,
                    position=lambda: state.shots[-1].end,
                    job_for=job_for(PROMPTS),
                    place=lambda start, end, path: None,
                )
                scheduling = asyncio.create_task(scheduler.run())
                await scheduler.add_shot(SHOTS[0])
                await begun.wait()
                await scheduler.add_shot(SHOTS[1])
                await made.wait()
                scheduling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await scheduling
    assert prompts == [PROMPTS["b"]]
    assert "lost" not in states


def test_a_forgotten_shot_is_nobodys_twin():
    state = ScheduleState((Level("", 1.0),))
    for index in range(3):
        state.add_shot(PlannedShot(2.0 * index, 2.0 * index + 2, "verse", "same" if index < 2 else "other"))
        state.clips[index] = 2.0
    state.forget_clip(0)
    assert state.same_key(1) == [1]
    assert state.same_section(2) == [1, 2]
    state.forget_clip(2)
    state.add_shot(PlannedShot(6.0, 8.0, "verse", "other"))
    assert state.same_key(3) == [3]
    assert 3 not in state.clips
