"""Real render processes, killed, frozen, cancelled and sent garbage: no job is lost, no process is left."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import zmq

from engine.errors import ModelError, RenderError, UsageError
from engine.render import cache as cache_module
from engine.render.cache import ClipCache, has_valid_checksum
from engine.render.pool import WorkerPool
from engine.render.protocol import FOLDER_PREFIX, Ack, Assign, Done, Job, Stop, encode
from tests.engine.worker.overlap import lossy

SLOW = "0.05"  # seconds a frame
PATIENCE = 60.0  # a test that takes longer hangs


def job(seed=0, prompt="a wall of colour", model=SLOW, seconds=1.0):
    return Job("fake", model, prompt, (), ("#ff0000", "#0000ff"), seed, 32, 32, 8.0, seconds)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Log:
    """What a pool reports, with actions at given states."""

    def __init__(self):
        self.events = []
        self.progress = []
        self.done = []
        self.at = {}
        self.at_progress = None

    def on_worker(self, event):
        self.events.append(event)
        if action := self.at.get(event.state):
            action(event)

    def on_progress(self, a_job, share):
        self.progress.append((a_job.seed, share))
        if self.at_progress:
            self.at_progress(a_job, share)

    def on_done(self, a_job, seconds):
        self.done.append((a_job.seed, seconds))

    def states(self, state):
        return [event for event in self.events if event.state == state]

    @property
    def pid(self):
        return self.events[-1].pid


@pytest.fixture
def log():
    return Log()


@pytest.fixture(autouse=True)
def sockets(tmp_path, monkeypatch):
    """The folder for temporaries, so that a test sees what is left there whatever else the machine runs."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
        assert list(Path(folder).glob(f"{FOLDER_PREFIX}*")) == []


@contextlib.asynccontextmanager
async def rendering(cache, log, model=SLOW, workers=1, **options):
    """A pool that must leave nothing behind, however its block ends."""
    async with asyncio.timeout(PATIENCE):
        try:
            async with WorkerPool(
                cache,
                "fake",
                model,
                workers,
                on_progress=log.on_progress,
                on_done=log.on_done,
                on_worker=log.on_worker,
                **options,
            ) as pool:
                yield pool
        finally:
            assert [event.pid for event in log.events if alive(event.pid)] == []
            assert list(cache.folder.glob("*.part")) == [] or log.states("lost")


async def test_a_job_becomes_a_whole_clip_and_progress_rises(cache, log):
    async with rendering(cache, log) as pool:
        clip = await pool.render(job())
    assert clip == cache.get(job())
    assert has_valid_checksum(clip.path)
    shares = [share for _, share in log.progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 1
    assert len(log.done) == 1
    assert log.done[0][1] >= 8 * float(SLOW)


async def test_a_stored_clip_is_not_rendered_again(cache, log):
    async with rendering(cache, log) as pool:
        first = await pool.render(job())
        assert await pool.render(job()) == first
    async with rendering(cache, log) as pool:
        assert await pool.render(job()) == first
    assert len(log.done) == 1


async def test_no_clip_is_read_whole_in_the_event_loop(cache, log, monkeypatch):
    """Checksums are computed in other threads, and not at all for a clip that a worker has just reported."""
    threads = []

    def verify(path):
        threads.append(threading.current_thread())
        return has_valid_checksum(path)

    monkeypatch.setattr(cache_module, "has_valid_checksum", verify)
    async with rendering(cache, log) as pool:
        await pool.render(job())
        assert await pool.cached(job())
    assert threads == []
    cache.close()
    async with rendering(cache, log) as pool:
        assert await pool.cached(job())
        cache.release(job().id)
        assert await pool.render(job())
    assert len(threads) == 2
    assert threading.current_thread() not in threads


async def test_equal_jobs_at_once_are_rendered_once(cache, log):
    async with rendering(cache, log) as pool:
        clips = await asyncio.gather(*(pool.render(job()) for _ in range(5)))
    assert len(set(clips)) == 1
    assert len(log.done) == 1


async def test_jobs_go_by_deadline_then_in_order_of_submission(cache, log):
    async with rendering(cache, log, model="") as pool:
        await asyncio.gather(
            *(
                pool.render(job(seed, model=""), deadline)
                for seed, deadline in ((1, None), (2, 9.0), (3, None), (4, 3.0), (5, 3.0))
            )
        )
    assert [seed for seed, _ in log.done] == [4, 5, 2, 1, 3]


async def test_two_workers_share_the_jobs(cache, log):
    async with rendering(cache, log, workers=2) as pool:
        await asyncio.gather(*(pool.render(job(seed)) for seed in range(6)))
    assert len(log.done) == 6
    assert {event.index for event in log.states("rendering")} == {0, 1}


async def test_a_worker_killed_in_mid_clip_is_replaced_and_its_job_rendered(cache, log):
    def kill(a_job, share):
        if a_job.seed == 1 and len(log.states("lost")) == 0:
            os.kill(log.pid, signal.SIGKILL)

    log.at_progress = kill
    async with rendering(cache, log) as pool:
        clips = await asyncio.gather(*(pool.render(job(seed)) for seed in range(3)))
    assert all(has_valid_checksum(clip.path) for clip in clips)
    (lost,) = log.states("lost")
    assert "SIGKILL" in lost.detail
    assert sorted(seed for seed, _ in log.done) == [0, 1, 2]


async def test_a_worker_killed_again_and_again_costs_no_job(cache, log):
    def kill(event):
        if len(log.states("rendering")) % 2:
            os.kill(event.pid, signal.SIGKILL)

    log.at["rendering"] = kill
    async with rendering(cache, log, model="", workers=2) as pool:
        clips = await asyncio.gather(*(pool.render(job(seed, model="")) for seed in range(8)))
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert len(log.states("lost")) >= 4


async def test_a_frozen_worker_is_replaced(cache, log):
    def stop(event):
        if not log.states("lost"):
            os.kill(event.pid, signal.SIGSTOP)

    log.at["rendering"] = stop
    async with rendering(cache, log) as pool:
        assert has_valid_checksum((await pool.render(job())).path)
    assert len(log.states("lost")) == 1


async def test_a_job_that_kills_every_worker_is_given_up_in_one_line(cache, log):
    log.at["rendering"] = lambda event: os.kill(event.pid, signal.SIGKILL)
    async with rendering(cache, log) as pool:
        with pytest.raises(RenderError, match=r"gave up a clip after 3 tries.*SIGKILL") as failure:
            await pool.render(job())
        assert "\n" not in str(failure.value)
        log.at.clear()
        assert await pool.render(job(1))


async def test_a_reported_failure_is_raised_and_the_worker_goes_on(cache, log):
    async with rendering(cache, log) as pool:
        with pytest.raises(RenderError, match=r"^no such colour$"):
            await pool.render(job(prompt="fail: no such colour"))
        assert await pool.render(job())
    assert cache.get(job(prompt="fail: no such colour")) is None


async def test_a_generator_that_does_not_exist_fails_every_job(cache, log):
    async with asyncio.timeout(PATIENCE):
        async with WorkerPool(cache, "oil paint", on_worker=log.on_worker) as pool:
            for seed in range(2):
                with pytest.raises(UsageError, match="oil paint"):
                    await pool.render(job(seed))


async def test_a_generator_that_cannot_load_fails_every_job(cache, log):
    async with asyncio.timeout(PATIENCE):
        async with WorkerPool(cache, "fake", "not a number", workers=2, on_worker=log.on_worker) as pool:
            with pytest.raises(ModelError, match="not a number"):
                await pool.render(job())


async def test_a_process_that_does_not_start_fails_every_job_with_its_last_line(cache, log, monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no libc today >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    async with rendering(cache, log) as pool:
        with pytest.raises(RenderError, match="does not start: it ended with status 7: no libc today"):
            await pool.render(job())


async def test_a_cancelled_call_cancels_its_job_and_frees_the_worker(cache, log):
    async with rendering(cache, log) as pool:
        started = asyncio.Event()
        log.at["rendering"] = lambda event: started.set()
        call = asyncio.create_task(pool.render(job(seconds=1000)))  # an int: the id is that of the float
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await pool.render(job(1))
        assert cache.get(job(seconds=1000)) is None
        assert not log.states("lost")


async def test_a_job_with_two_callers_survives_the_cancellation_of_one(cache, log):
    async with rendering(cache, log) as pool:
        started = asyncio.Event()
        log.at["rendering"] = lambda event: started.set()
        calls = [asyncio.create_task(pool.render(job())) for _ in range(2)]
        await started.wait()
        calls[0].cancel()
        assert await calls[1]


async def test_a_job_cancelled_and_requested_again_is_rendered(cache, log):
    async with rendering(cache, log) as pool:
        started = asyncio.Event()
        log.at["rendering"] = lambda event: started.set()
        call = asyncio.create_task(pool.render(job()))
        await started.wait()
        call.cancel()
        assert await pool.render(job())


async def test_an_exception_in_the_block_closes_the_pool_and_propagates(cache, log):
    with pytest.raises(ZeroDivisionError):
        async with rendering(cache, log) as pool:
            started = asyncio.Event()
            log.at["rendering"] = lambda event: started.set()
            call = asyncio.create_task(pool.render(job(seconds=1000)))
            await started.wait()
            raise ZeroDivisionError
    with pytest.raises(RenderError, match="closed"):
        await call


async def test_a_frozen_worker_does_not_outlive_the_renderer(cache, log):
    async with rendering(cache, log):
        started = asyncio.Event()
        log.at["ready"] = lambda event: started.set()
        await started.wait()
        os.kill(log.pid, signal.SIGSTOP)


async def test_garbage_on_the_socket_is_ignored(cache, log, sockets):
    async with rendering(cache, log) as pool:
        call = asyncio.create_task(pool.render(job()))
        (folder,) = sockets.glob(f"{FOLDER_PREFIX}*")
        assert folder.stat().st_mode & 0o777 == 0o700
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.linger = 0
            stranger.connect(f"ipc://{folder}/socket")
            for parts in ([b""], [b"\xff" * 100], [b"a", b"b", b"c"], [encode(Stop())], [b"\x91" * 60_000]):
                stranger.send_multipart(parts)
            stranger.send(b"x" * 2_000_000)  # over the limit: the connection is cut
            assert await call


async def test_lost_messages_are_noticed(cache, log):
    """The first Ack and Done do not reach the engine, nor does the first Assign of the second job reach the worker."""
    lost = []

    def is_lost(message):
        lose = isinstance(message, Ack | Done) if len(lost) < 2 else len(lost) == 2 and isinstance(message, Assign)
        if lose:
            lost.append(type(message))
        return lose

    async with rendering(cache, log, transport=lossy(is_lost)) as pool:
        assert await pool.render(job(1))
        assert await pool.render(job(2))
        assert log.states("lost") == []
    assert lost == [Ack, Done, Assign]


ORPHAN = """
import asyncio, sys, tempfile
from pathlib import Path
from engine.render.protocol import Job
from engine.render.pool import WorkerPool
from engine.render import cache as cache_module
from engine.render.cache import ClipCache
tempfile.tempdir = sys.argv[2]
async def main():
    cache = ClipCache(Path(sys.argv[1]), 10**9)
    def show(event):
        if event.state == "rendering":
            print(event.pid, flush=True)
    async with WorkerPool(cache, "fake", "0.05", on_worker=show) as pool:
        await pool.render(Job("fake", "", "", (), (), 0, 32, 32, 8.0, 1000.0))
asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_engine(tmp_path, sockets, how):
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path), str(sockets)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as engine:
        worker = int(engine.stdout.readline())
        engine.send_signal(how)
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(worker)
        assert select.select([descriptor], [], [], PATIENCE)[0]
        os.close(descriptor)
    ClipCache(tmp_path, 0)
    assert list(tmp_path.glob("*.part")) == []
    assert list(tmp_path.glob("*.mp4")) == []
