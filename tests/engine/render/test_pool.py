"""Real render processes: killed, frozen, cancelled, told nonsense; nothing accepted is lost and nothing is left."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import zmq

from engine.errors import ModelError, RenderError, UsageError
from engine.render import pool as renderer_module
from engine.render.cache import ClipStore, is_sealed
from engine.render.job import Job
from engine.render.pool import Renderer
from engine.render.protocol import FOLDER_PREFIX, Stop, encode

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
    """What a renderer reports, and something to do at a given state."""

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
async def rendering(store, log, model=SLOW, workers=1):
    """A renderer that must leave nothing behind, however its block ends."""
    async with asyncio.timeout(PATIENCE):
        try:
            async with Renderer(
                store,
                "fake",
                model,
                workers,
                on_progress=log.on_progress,
                on_done=log.on_done,
                on_worker=log.on_worker,
            ) as renderer:
                yield renderer
        finally:
            assert [event.pid for event in log.events if alive(event.pid)] == []
            assert list(store.folder.glob("*.part")) == [] or log.states("lost")


async def test_a_job_becomes_a_whole_clip_and_progress_rises(store, log):
    async with rendering(store, log) as renderer:
        clip = await renderer.render(job())
    assert clip == store.get(job())
    assert is_sealed(clip.path)
    shares = [share for _, share in log.progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 1
    assert len(log.done) == 1
    assert log.done[0][1] >= 8 * float(SLOW)


async def test_a_stored_clip_is_not_rendered_again(store, log):
    async with rendering(store, log) as renderer:
        first = await renderer.render(job())
        assert await renderer.render(job()) == first
    async with rendering(store, log) as renderer:
        assert await renderer.render(job()) == first
    assert len(log.done) == 1


async def test_equal_jobs_at_once_are_rendered_once(store, log):
    async with rendering(store, log) as renderer:
        clips = await asyncio.gather(*(renderer.render(job()) for _ in range(5)))
    assert len(set(clips)) == 1
    assert len(log.done) == 1


async def test_jobs_go_by_deadline_then_in_order_of_submission(store, log):
    async with rendering(store, log, model="") as renderer:
        await asyncio.gather(
            *(
                renderer.render(job(seed, model=""), deadline)
                for seed, deadline in ((1, None), (2, 9.0), (3, None), (4, 3.0), (5, 3.0))
            )
        )
    assert [seed for seed, _ in log.done] == [4, 5, 2, 1, 3]


async def test_two_workers_share_the_jobs(store, log):
    async with rendering(store, log, workers=2) as renderer:
        await asyncio.gather(*(renderer.render(job(seed)) for seed in range(6)))
    assert len(log.done) == 6
    assert {event.index for event in log.states("rendering")} == {0, 1}


async def test_a_worker_killed_in_mid_clip_is_replaced_and_its_job_rendered(store, log):
    def kill(a_job, share):
        if a_job.seed == 1 and len(log.states("lost")) == 0:
            os.kill(log.pid, signal.SIGKILL)

    log.at_progress = kill
    async with rendering(store, log) as renderer:
        clips = await asyncio.gather(*(renderer.render(job(seed)) for seed in range(3)))
    assert all(is_sealed(clip.path) for clip in clips)
    (lost,) = log.states("lost")
    assert "SIGKILL" in lost.detail
    assert sorted(seed for seed, _ in log.done) == [0, 1, 2]


async def test_a_worker_killed_again_and_again_costs_no_job(store, log):
    def kill(event):
        if len(log.states("rendering")) % 2:
            os.kill(event.pid, signal.SIGKILL)

    log.at["rendering"] = kill
    async with rendering(store, log, model="", workers=2) as renderer:
        clips = await asyncio.gather(*(renderer.render(job(seed, model="")) for seed in range(8)))
    assert all(is_sealed(clip.path) for clip in clips)
    assert len(log.states("lost")) >= 4


async def test_a_frozen_worker_is_replaced(store, log):
    def stop(event):
        if not log.states("lost"):
            os.kill(event.pid, signal.SIGSTOP)

    log.at["rendering"] = stop
    async with rendering(store, log) as renderer:
        assert is_sealed((await renderer.render(job())).path)
    assert len(log.states("lost")) == 1


async def test_a_job_that_kills_every_worker_is_given_up_in_one_line(store, log):
    log.at["rendering"] = lambda event: os.kill(event.pid, signal.SIGKILL)
    async with rendering(store, log) as renderer:
        with pytest.raises(RenderError, match=r"gave up a clip after 3 tries.*SIGKILL") as failure:
            await renderer.render(job())
        assert "\n" not in str(failure.value)
        log.at.clear()
        assert await renderer.render(job(1))


async def test_a_reported_failure_is_raised_and_the_worker_goes_on(store, log):
    async with rendering(store, log) as renderer:
        with pytest.raises(RenderError, match=r"^no such colour$"):
            await renderer.render(job(prompt="fail: no such colour"))
        assert await renderer.render(job())
    assert store.get(job(prompt="fail: no such colour")) is None


async def test_a_generator_that_does_not_exist_fails_every_job(store, log):
    async with asyncio.timeout(PATIENCE):
        async with Renderer(store, "oil paint", on_worker=log.on_worker) as renderer:
            for seed in range(2):
                with pytest.raises(UsageError, match="oil paint"):
                    await renderer.render(job(seed))


async def test_a_generator_that_cannot_load_fails_every_job(store, log):
    async with asyncio.timeout(PATIENCE):
        async with Renderer(store, "fake", "not a number", workers=2, on_worker=log.on_worker) as renderer:
            with pytest.raises(ModelError, match="not a number"):
                await renderer.render(job())


async def test_a_process_that_does_not_start_fails_every_job_with_its_last_words(store, log, monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no libc today >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    async with rendering(store, log) as renderer:
        with pytest.raises(RenderError, match="does not start: it ended with status 7: no libc today"):
            await renderer.render(job())


async def test_a_cancelled_call_withdraws_its_job_and_frees_the_worker(store, log):
    async with rendering(store, log) as renderer:
        begun = asyncio.Event()
        log.at["rendering"] = lambda event: begun.set()
        call = asyncio.create_task(renderer.render(job(seconds=1000)))  # an int: ids do not mind
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await renderer.render(job(1))
        assert store.get(job(seconds=1000)) is None
        assert not log.states("lost")


async def test_a_job_wanted_by_two_survives_one_of_them(store, log):
    async with rendering(store, log) as renderer:
        begun = asyncio.Event()
        log.at["rendering"] = lambda event: begun.set()
        calls = [asyncio.create_task(renderer.render(job())) for _ in range(2)]
        await begun.wait()
        calls[0].cancel()
        assert await calls[1]


async def test_a_job_withdrawn_and_wanted_again_is_rendered(store, log):
    async with rendering(store, log) as renderer:
        begun = asyncio.Event()
        log.at["rendering"] = lambda event: begun.set()
        call = asyncio.create_task(renderer.render(job()))
        await begun.wait()
        call.cancel()
        assert await renderer.render(job())


async def test_an_exception_in_the_block_ends_everything_and_comes_through(store, log):
    with pytest.raises(ZeroDivisionError):
        async with rendering(store, log) as renderer:
            begun = asyncio.Event()
            log.at["rendering"] = lambda event: begun.set()
            call = asyncio.create_task(renderer.render(job(seconds=1000)))
            await begun.wait()
            raise ZeroDivisionError
    with pytest.raises(RenderError, match="closed"):
        await call


async def test_a_frozen_worker_does_not_outlive_the_renderer(store, log):
    async with rendering(store, log):
        started = asyncio.Event()
        log.at["ready"] = lambda event: started.set()
        await started.wait()
        os.kill(log.pid, signal.SIGSTOP)


async def test_garbage_on_the_socket_harms_nobody(store, log, sockets):
    async with rendering(store, log) as renderer:
        call = asyncio.create_task(renderer.render(job()))
        (folder,) = sockets.glob(f"{FOLDER_PREFIX}*")
        assert folder.stat().st_mode & 0o777 == 0o700
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.linger = 0
            stranger.connect(f"ipc://{folder}/socket")
            for parts in ([b""], [b"\xff" * 100], [b"a", b"b", b"c"], [encode(Stop())], [b"\x91" * 60_000]):
                stranger.send_multipart(parts)
            stranger.send(b"x" * 2_000_000)  # over the limit: the connection is cut
            assert await call


async def test_lost_words_are_noticed(store, log, monkeypatch):
    """The engine does not hear the first Ack and Done, nor does the worker get the first Work of the second job."""
    lost = []
    hear = Renderer._hear
    send = Renderer._send

    def hear_badly(self, worker, message):
        if type(message).__name__ in ("Ack", "Done") and len(lost) < 2:
            lost.append(message)
        else:
            hear(self, worker, message)

    def send_badly(self, worker, message):
        if len(lost) == 2:
            lost.append(message)
        else:
            send(self, worker, message)

    monkeypatch.setattr(Renderer, "_hear", hear_badly)
    monkeypatch.setattr(Renderer, "_send", send_badly)
    async with rendering(store, log) as renderer:
        assert await renderer.render(job(1))
        assert await renderer.render(job(2))
    assert [type(message).__name__ for message in lost] == ["Ack", "Done", "Work"]
    assert len(log.states("lost")) == 0 or log.states("lost")[0] is log.events[-1]


ORPHAN = """
import asyncio, sys, tempfile
from pathlib import Path
from engine.render.job import Job
from engine.render.pool import Renderer
from engine.render.cache import ClipStore
tempfile.tempdir = sys.argv[2]
async def main():
    store = ClipStore(Path(sys.argv[1]), 10**9)
    def show(event):
        if event.state == "rendering":
            print(event.pid, flush=True)
    async with Renderer(store, "fake", "0.05", on_worker=show) as renderer:
        await renderer.render(Job("fake", "", "", (), (), 0, 32, 32, 8.0, 1000.0))
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
    ClipStore(tmp_path, 0)
    assert list(tmp_path.glob("*.part")) == []
    assert list(tmp_path.glob("*.mp4")) == []


def test_the_limits_on_noticing_are_those_promised():
    assert renderer_module.FROZEN_SECONDS + renderer_module._WATCH_SECONDS < 4.0
