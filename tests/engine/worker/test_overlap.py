"""Two jobs in hand: one in its last stage, one in its first; both come through whatever happens in either stage."""

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
from tests.engine.worker.overlap import PATIENCE, TWO_STAGES, job, lossy, worked

SLOW_END = "0.2+0.05"


async def test_the_next_job_is_begun_while_the_first_is_being_finished(cache, hand):
    stages = []
    async with asyncio.timeout(PATIENCE), hand.pool(cache) as pool:
        calls = (pool.render(job(seed), on_final_stage=lambda f, n=seed: stages.append((n, f))) for seed in range(4))
        await asyncio.gather(*calls)
    assert hand.done == [0, 1, 2, 3]
    assert stages == [(seed, True) for seed in range(4)]
    in_hand = [event.job_ids for event in hand.events if event.state == "rendering"]
    ids = [job(seed).id for seed in range(4)]
    assert in_hand == [(ids[0],), *((ids[n], ids[n + 1]) for n in range(3))]


async def test_a_generator_of_one_stage_has_one_job_in_hand(cache, hand):
    async with asyncio.timeout(PATIENCE), hand.pool(cache, "0.01") as pool:
        await asyncio.gather(*(pool.render(job(seed)) for seed in range(3)))
    assert {len(event.job_ids) for event in hand.events if event.state == "rendering"} == {1}


async def test_an_idle_worker_is_preferred_to_one_that_is_finishing(cache, hand):
    async with asyncio.timeout(PATIENCE), hand.pool(cache, SLOW_END, workers=2) as pool:
        await hand.both_ready.wait()
        finishing = asyncio.Event()
        first = asyncio.create_task(pool.render(job(0), on_final_stage=lambda last: finishing.set()))
        await finishing.wait()
        await pool.render(job(1))
        await first
    assert {event.index for event in hand.events if event.state == "rendering"} == {0, 1}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("model", [TWO_STAGES, SLOW_END])
async def test_a_worker_that_is_struck_gives_both_jobs_back(cache, hand, blow, model):
    def strike(event):
        if not hand.count("lost"):
            os.kill(event.pid, blow)

    hand.at_two = strike
    told = []
    async with asyncio.timeout(PATIENCE), hand.pool(cache, model) as pool:
        first = pool.render(job(0), on_final_stage=told.append)
        clips = await asyncio.gather(first, *(pool.render(job(seed)) for seed in range(1, 4)))
    (lost,) = [event for event in hand.events if event.state == "lost"]
    assert lost.job_ids == (job(0).id, job(1).id)
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert sorted(hand.done) == [0, 1, 2, 3]
    assert told == [True, False, True]


async def test_what_a_worker_died_over_is_rendered_alone_so_that_it_costs_no_other_job_its_tries(cache, hand):
    killer = job(1)

    def kill(event):
        if killer.id in event.job_ids:
            os.kill(event.pid, signal.SIGKILL)

    keep = hand.on_worker

    def on_worker(event):
        keep(event)
        if event.state == "rendering":
            kill(event)

    hand.on_worker = on_worker
    async with asyncio.timeout(PATIENCE), hand.pool(cache, SLOW_END) as pool:
        others = [asyncio.create_task(pool.render(job(0), deadline=0.5))]
        await asyncio.sleep(0)
        with pytest.raises(RenderError, match=r"gave up a clip after 3 tries.*SIGKILL"):
            await pool.render(killer, deadline=1.0)
        others.append(asyncio.create_task(pool.render(job(2))))
        assert all(has_valid_checksum(clip.path) for clip in await asyncio.gather(*others))
    lost = [event.job_ids for event in hand.events if event.state == "lost"]
    assert lost[:3] == [(job(0).id, killer.id), (killer.id,), (killer.id,)]


@pytest.mark.parametrize("cancelled", [0, 1])
async def test_a_job_is_withdrawn_in_either_stage_and_the_other_goes_on(cache, hand, cancelled):
    async with asyncio.timeout(PATIENCE), hand.pool(cache, SLOW_END) as pool:
        calls = [asyncio.create_task(pool.render(job(seed))) for seed in range(2)]
        await hand.two.wait()
        calls[cancelled].cancel()
        with pytest.raises(asyncio.CancelledError):
            await calls[cancelled]
        assert has_valid_checksum((await calls[1 - cancelled]).path)
        assert has_valid_checksum((await pool.render(job(2))).path)
        assert cache.get(job(cancelled)) is None
    assert hand.done == [1 - cancelled, 2]
    assert not hand.count("lost")


@pytest.mark.parametrize("kind", [Ack, Finishing, Progress, Done, Assign])
async def test_any_lost_message_costs_time_and_nothing_else(cache, hand, kind):
    """The first message of each kind does not arrive."""
    lost = []

    def is_lost(message):
        lose = isinstance(message, kind) and not lost
        lost.extend([message] * lose)
        return lose

    async with asyncio.timeout(PATIENCE), hand.pool(cache, transport=lossy(is_lost)) as pool:
        clips = await asyncio.gather(*(pool.render(job(seed)) for seed in range(4)))
        assert not hand.count("lost")
    assert lost
    assert all(has_valid_checksum(clip.path) for clip in clips)


def test_clips_end_in_order_each_in_one_way_and_only_one_is_finished_at_a_time(cache):
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
    wire = worked(generator, cache, *jobs)
    assert generator.most == 1
    ended = [message.job_id for message in wire.of(Done, Failed, CancelAck)]
    assert sorted(ended) == sorted(each.id for each in jobs)
    assert [message.job_id for message in wire.of(Finishing)] == [jobs[n].id for n in (0, 1, 3)]
    assert [message.job_id for message in wire.of(Done)] == [jobs[n].id for n in (0, 1, 3)]
    assert isinstance(wire.said[0], Ready)


@pytest.mark.parametrize("overlap", [True, False])
def test_a_last_stage_begins_and_frees_its_caller_only_once_the_one_before_is_done(overlap):
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


def test_the_plan_goes_by_a_workers_pace_and_expects_a_clip_when_it_is_there():
    staged = RenderTime.overlapped(3.0, 1.0)
    assert staged == RenderTime(3.0, 1.0)
    assert RenderTime.overlapped(3.0, 5.0) == RenderTime(5.0, 3.0), "the longer stage sets the pace"
    state = ScheduleState((Level("", 1.0),))
    state.add_shot(PlannedShot(0.0, 4.0, "A", "a"))
    state.speed.measure(2.0, staged)
    assert (state.worker_seconds(4.0, 0), state.seconds_until_ready(4.0, 0)) == (6.0, 8.0)


async def test_a_show_has_the_next_clip_begun_while_the_last_one_is_being_finished(cache, hand):
    shots = [PlannedShot(4.0 * n, 4.0 * n + 4.0, "A", str(n)) for n in range(3)]
    state = ScheduleState((Level("", 1.0),))
    all_there = asyncio.Event()

    def on_clip():
        if len(state.clips) == len(shots):
            all_there.set()

    async with asyncio.timeout(PATIENCE), hand.pool(cache) as pool:
        scheduler = Scheduler(
            pool,
            state,
            live=False,
            workers=1,
            position=lambda: 0.0,
            job_for=lambda shot, level, seconds: job(shot),
            place=lambda start, end, path: None,
            on_clip=on_clip,
        )
        for shot in shots:
            await scheduler.add_shot(shot)
        scheduling = asyncio.create_task(scheduler.run())
        await all_there.wait()
        scheduling.cancel()
    assert hand.two.is_set()
    assert state.speed.tail_factor > 0
