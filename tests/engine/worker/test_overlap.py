"""A worker with two overlapping jobs finishes both whatever fails."""

import asyncio
import os
import signal
import threading

import pytest

from engine.errors import RenderError
from engine.generators.base import Level
from engine.generators.fake import FakeGenerator
from engine.render.cache import has_valid_checksum
from engine.render.protocol import Ack, Assign, CancelAck, Done, Failed, Finishing, Progress, Ready
from engine.schedule.scheduler import Scheduler
from engine.schedule.state import PlannedShot, RenderTime, ScheduleState
from engine.worker.main import FinalStageExecutor
from tests.engine.worker.overlap import PATIENCE, TWO_STAGES, job, lossy, run_jobs

SLOW_END = "0.2+0.05"


async def test_the_next_job_starts_during_the_final_stage_of_the_first(cache, worker_log):
    stages = []
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache) as pool:
        calls = (pool.render(job(seed), on_final_stage=lambda f, n=seed: stages.append((n, f))) for seed in range(4))
        await asyncio.gather(*calls)
    assert worker_log.done == [0, 1, 2, 3]
    assert stages == [(seed, True) for seed in range(4)]
    assigned = [event.job_ids for event in worker_log.events if event.state == "rendering"]
    ids = [job(seed).id for seed in range(4)]
    assert assigned == [(ids[0],), *((ids[n], ids[n + 1]) for n in range(3))]


async def test_a_generator_of_one_stage_has_one_job_at_a_time(cache, worker_log):
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, "0.01") as pool:
        await asyncio.gather(*(pool.render(job(seed)) for seed in range(3)))
    assert {len(event.job_ids) for event in worker_log.events if event.state == "rendering"} == {1}


async def test_an_idle_worker_is_preferred_to_one_that_is_finishing(cache, worker_log):
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, SLOW_END, workers=2) as pool:
        await worker_log.both_ready.wait()
        finishing = asyncio.Event()
        first = asyncio.create_task(pool.render(job(0), on_final_stage=lambda last: finishing.set()))
        await finishing.wait()
        await pool.render(job(1))
        await first
    assert {event.index for event in worker_log.events if event.state == "rendering"} == {0, 1}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("model", [TWO_STAGES, SLOW_END])
async def test_both_jobs_of_a_killed_or_frozen_worker_are_rendered_again(cache, worker_log, fault, model):
    def inject(event):
        if not worker_log.count("lost"):
            os.kill(event.pid, fault)

    worker_log.at_two = inject
    stages = []
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, model) as pool:
        first = pool.render(job(0), on_final_stage=stages.append)
        clips = await asyncio.gather(first, *(pool.render(job(seed)) for seed in range(1, 4)))
    (lost,) = [event for event in worker_log.events if event.state == "lost"]
    assert lost.job_ids == (job(0).id, job(1).id)
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert sorted(worker_log.done) == [0, 1, 2, 3]
    assert stages == [True, False, True]


async def test_a_job_that_crashed_a_worker_is_rendered_alone_and_uses_up_no_attempts_of_others(cache, worker_log):
    killer = job(1)

    def kill(event):
        if killer.id in event.job_ids:
            os.kill(event.pid, signal.SIGKILL)

    keep = worker_log.on_worker

    def on_worker(event):
        keep(event)
        if event.state == "rendering":
            kill(event)

    worker_log.on_worker = on_worker
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, SLOW_END) as pool:
        others = [asyncio.create_task(pool.render(job(0), deadline=0.5))]
        await asyncio.sleep(0)
        with pytest.raises(RenderError, match=r"gave up a clip after 3 tries.*SIGKILL"):
            await pool.render(killer, deadline=1.0)
        others.append(asyncio.create_task(pool.render(job(2))))
        assert all(has_valid_checksum(clip.path) for clip in await asyncio.gather(*others))
    lost = [event.job_ids for event in worker_log.events if event.state == "lost"]
    assert lost[:3] == [(job(0).id, killer.id), (killer.id,), (killer.id,)]


@pytest.mark.parametrize("cancelled", [0, 1])
async def test_a_job_is_cancelled_in_either_stage_and_the_other_is_rendered(cache, worker_log, cancelled):
    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, SLOW_END) as pool:
        calls = [asyncio.create_task(pool.render(job(seed))) for seed in range(2)]
        await worker_log.two.wait()
        calls[cancelled].cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[cancelled]
        assert has_valid_checksum((await calls[1 - cancelled]).path)
        assert has_valid_checksum((await pool.render(job(2))).path)
        assert cache.get(job(cancelled)) is None
    assert worker_log.done == [1 - cancelled, 2]
    assert not worker_log.count("lost")


@pytest.mark.parametrize("kind", [Ack, Finishing, Progress, Done, Assign])
async def test_any_lost_message_costs_time_and_nothing_else(cache, worker_log, kind):
    """The first message of each kind does not arrive."""
    lost = []

    def is_lost(message):
        lose = isinstance(message, kind) and not lost
        lost.extend([message] * lose)
        return lose

    async with asyncio.timeout(PATIENCE), worker_log.pool(cache, transport=lossy(is_lost)) as pool:
        clips = await asyncio.gather(*(pool.render(job(seed)) for seed in range(4)))
        assert not worker_log.count("lost")
    assert lost
    assert all(has_valid_checksum(clip.path) for clip in clips)


def test_each_job_ends_once_and_in_order_and_one_final_stage_runs_at_a_time(cache):
    class Watched(FakeGenerator):
        finishing = 0
        most = 0

        def render(self, a_job, cancelled, progress):
            rendering = super().render(a_job, cancelled, progress)
            return _Watched(rendering, self)

    class _Watched:
        def __init__(self, rendering, generator):
            self.fps, self.count, self.overlappable = rendering.fps, rendering.count, rendering.overlappable
            self._rendering, self._generator = rendering, generator

        def __iter__(self):
            self._generator.finishing += 1
            self._generator.most = max(self._generator.most, self._generator.finishing)
            yield from self._rendering
            self._generator.finishing -= 1

    generator = Watched(0.01, 0.001)
    jobs = [job(0), job(1), job(2, "fail: no such colour"), job(3)]
    connection = run_jobs(generator, cache, *jobs)
    assert generator.most == 1
    ended = [message.job_id for message in connection.of(Done, Failed, CancelAck)]
    assert sorted(ended) == sorted(each.id for each in jobs)
    assert [message.job_id for message in connection.of(Finishing)] == [jobs[n].id for n in (0, 1, 3)]
    assert [message.job_id for message in connection.of(Done)] == [jobs[n].id for n in (0, 1, 3)]
    assert isinstance(connection.sent[0], Ready)


@pytest.mark.parametrize("overlap", [True, False])
def test_a_final_stage_starts_only_once_the_one_before_is_done(overlap):
    order, gate = [], threading.Event()
    with FinalStageExecutor() as last:
        last.run(lambda: (gate.wait(PATIENCE), order.append("first"))[0], overlap=True)
        arguments = (lambda: order.append("second"), overlap, lambda: order.append("free"))
        caller = threading.Thread(target=last.run, args=arguments)
        caller.start()
        caller.join(0.1)
        gate.set()
        caller.join()
    assert order == ["first", *(["free"] if overlap else []), "second"]


def test_overlapped_stages_set_the_pace_of_a_worker_and_delay_its_clip():
    staged = RenderTime.overlapped(3.0, 1.0)
    assert staged == RenderTime(3.0, 1.0)
    assert RenderTime.overlapped(3.0, 5.0) == RenderTime(5.0, 3.0), "the longer stage sets the pace"
    state = ScheduleState((Level("", 1.0),))
    state.add_shot(PlannedShot(0.0, 4.0, "A", "a"))
    state.speed.measure(2.0, staged)
    assert (state.worker_seconds(4.0, 0), state.seconds_until_ready(4.0, 0)) == (6.0, 8.0)


async def test_the_scheduler_starts_the_next_clip_during_the_final_stage_of_the_last(cache, worker_log):
    shots = [PlannedShot(4.0 * n, 4.0 * n + 4.0, "A", str(n)) for n in range(3)]
    state = ScheduleState((Level("", 1.0),))
    all_there = asyncio.Event()

    def on_clip():
        if len(state.clips) == len(shots):
            all_there.set()

    async def job_for(shot, level, seconds):
        return job(shot)

    async with asyncio.timeout(PATIENCE), worker_log.pool(cache) as pool:
        scheduler = Scheduler(
            pool,
            state,
            live=False,
            workers=1,
            position=lambda: 0.0,
            job_for=job_for,
            place=lambda start, end, path: None,
            on_clip=on_clip,
        )
        for shot in shots:
            await scheduler.add_shot(shot)
        scheduling = asyncio.create_task(scheduler.run())
        await all_there.wait()
        scheduling.cancel()
    assert worker_log.two.is_set()
    assert state.speed.tail_factor > 0
