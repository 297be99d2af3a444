"""Remote rendering: real processes over TCP, keys, uploads, partitions, rejected engines."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading

import pytest

from engine.errors import OutputError, ProtocolError, RenderError, UsageError
from engine.render import cache as cache_module
from engine.render.auth import create_key_pair, read_key_pair, read_public_key
from engine.render.cache import ClipCache, Upload, append_checksum, has_valid_checksum
from engine.render.pool import WorkerPool
from engine.render.protocol import Chunk, Job
from engine.render.transport import RemoteWorker
from tools.stress.soak_render import Forwarder

PATIENCE = 60.0

SERVE = """
import sys
from pathlib import Path
from engine.render.auth import read_key_pair
from engine.render.transport import WorkerOffer
from engine.render.cache import ClipCache
from engine.worker.main import serve
address, keys, allowed, folder, model = sys.argv[1:]
with ClipCache(Path(folder), 10**9) as cache:
    serve(WorkerOffer(address, read_key_pair(Path(keys)), Path(allowed)), "fake", model, cache)
"""


ENGINE = """
import asyncio, sys
from pathlib import Path
from engine.render.protocol import Job
from engine.render.auth import read_key_pair, read_public_key
from engine.render.transport import RemoteWorker
from engine.render.pool import WorkerPool
from engine.render.cache import ClipCache
async def main():
    def show(event):
        if event.state == "rendering":
            print("rendering", flush=True)
    remote = {remote}
    async with WorkerPool(ClipCache(Path(sys.argv[1]), 10**9), "fake", "0.05", 0, [remote], on_worker=show) as pool:
        await pool.render(Job("fake", "", "a wall of colour", (), ("#ff0000", "#0000ff"), 0, 32, 32, 8.0, 1000.0))
asyncio.run(main())
"""


def job(seed=0, seconds=1.0, size=32):
    return Job("fake", "", "a wall of colour", (), ("#ff0000", "#0000ff"), seed, size, size, 8.0, seconds)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Host:
    """A render process that is, as far as the engine can tell, on another host."""

    def __init__(self, tmp_path, model="0.05"):
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        (tmp_path / "allowed").mkdir()
        create_key_pair(tmp_path / "keys", "host")
        engine, _ = create_key_pair(tmp_path / "keys", "engine")
        engine.rename(tmp_path / "allowed" / "engine.key")
        self._arguments = [tmp_path / "keys" / "host.key_secret", tmp_path / "allowed", tmp_path / "spool", model]
        self._keys = tmp_path / "keys"
        self.process = None

    def start(self):
        command = [sys.executable, "-c", SERVE, self.address, *map(str, self._arguments)]
        self.process = subprocess.Popen(command)

    def remote(self, port=None, own="engine"):
        address = f"tcp://127.0.0.1:{port or self.port}"
        return RemoteWorker(
            address, read_public_key(self._keys / "host.key"), read_key_pair(self._keys / f"{own}.key_secret")
        )

    def engine_code(self):
        public, own = self._keys / "host.key", self._keys / "engine.key_secret"
        return (
            f"RemoteWorker({self.address!r}, read_public_key(Path({str(public)!r})), read_key_pair(Path({str(own)!r})))"
        )

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    host.start()
    yield host
    host.end()


@contextlib.asynccontextmanager
async def rendering(cache, remote, events, workers=0, **options):
    async with asyncio.timeout(PATIENCE):
        async with WorkerPool(cache, "fake", "0.05", workers, [remote], on_worker=events.append, **options) as pool:
            yield pool


class Events(list):
    """What a pool reports of its workers."""

    def __init__(self):
        super().__init__()
        self._more = asyncio.Event()

    def append(self, event):
        super().append(event)
        self._more.set()

    @property
    def states(self):
        return [event.state for event in self]

    async def until(self, state, count=1):
        """Wait until that state was reported so often."""
        while self.states.count(state) < count:
            self._more.clear()
            await self._more.wait()


async def test_a_clip_from_a_remote_worker_is_complete(host, cache, monkeypatch):
    events, threads = Events(), set()

    def append(path):
        threads.add(threading.current_thread())
        append_checksum(path)

    monkeypatch.setattr(cache_module, "append_checksum", append)
    async with rendering(cache, host.remote(), events) as pool:
        clips = await asyncio.gather(*(pool.render(job(seed)) for seed in range(3)))
        large = await pool.render(job(seconds=2.0, size=512))
    assert all(has_valid_checksum(clip.path) for clip in [*clips, large])
    assert {event.pid for event in events} == {host.process.pid}
    assert "lost" not in events.states
    assert threads
    assert threading.current_thread() not in threads, "a clip is not read whole in the event loop"


async def test_the_process_serves_one_engine_after_another_and_ends_on_a_signal(host, cache):
    for seed in range(2):
        async with rendering(cache, host.remote(), Events()) as pool:
            assert await pool.render(job(seed))
    host.process.terminate()
    assert host.process.wait(PATIENCE) == 0


async def test_a_local_worker_and_a_remote_one_share_the_jobs(host, cache):
    events = Events()
    async with rendering(cache, host.remote(), events, workers=1) as pool:
        await events.until("ready", 2)
        await asyncio.gather(*(pool.render(job(seed)) for seed in range(6)))
    assert {event.index for event in events if event.state == "rendering"} == {0, 1}


async def test_a_process_killed_in_mid_clip_and_started_again_loses_no_job(host, cache):
    events = Events()
    async with rendering(cache, host.remote(), events) as pool:
        call = asyncio.create_task(pool.render(job(seconds=2.0)))
        await events.until("rendering")
        host.end()
        await events.until("lost")
        host.start()
        assert has_valid_checksum((await call).path)
    assert events[-1].pid == host.process.pid


async def test_a_partition_in_mid_clip_is_noticed_and_loses_no_job(host, cache):
    events = Events()
    async with Forwarder(host.port) as network, rendering(cache, host.remote(network.port), events) as pool:
        calls = [asyncio.create_task(pool.render(job(seed, seconds=2.0))) for seed in range(3)]
        await events.until("rendering")
        network.connected.clear()
        await events.until("lost")
        network.connected.set()
        clips = await asyncio.gather(*calls)
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert next(event for event in events if event.state == "lost").detail == "stopped responding"


async def test_a_stranger_and_an_engine_for_another_model_are_not_served(host, cache, tmp_path):
    create_key_pair(tmp_path / "keys", "stranger")
    stranger, other_model = Events(), Events()
    async with (
        rendering(cache, host.remote(own="stranger"), stranger),
        WorkerPool(cache, "fake", "0.5", 0, [host.remote()], on_worker=other_model.append),
    ):
        await other_model.until("refused")
        async with rendering(cache, host.remote(), Events()) as pool:
            assert await pool.render(job())
    assert stranger == []
    assert other_model.states[0] == "refused"
    assert "ready" not in other_model.states


async def test_a_second_engine_is_refused_while_the_process_is_busy_and_served_after(host, cache, tmp_path):
    first, second = Events(), Events()
    with ClipCache(tmp_path / "others", 10**9) as others:
        async with contextlib.AsyncExitStack() as stack:
            serving = await stack.enter_async_context(rendering(cache, host.remote(), first))
            call = asyncio.create_task(serving.render(job(seconds=2.0)))
            await first.until("rendering")
            async with rendering(others, host.remote(), second) as waiting:
                other_call = asyncio.create_task(waiting.render(job(1)))
                await second.until("refused")
                assert has_valid_checksum((await call).path)
                assert second.states == ["refused"], "reported once, and no message of the first engine reached it"
                await stack.aclose()
                assert has_valid_checksum((await other_call).path)
    assert second[0].detail == "it is serving another engine"
    assert second[0].pid == host.process.pid
    assert first.states == ["starting", "ready", "rendering", "ready"]


async def test_the_error_names_why_the_processes_that_answered_are_not_used(host, cache, tmp_path):
    first = Events()
    async with rendering(cache, host.remote(), first) as serving:
        await serving.render(job())
        with ClipCache(tmp_path / "others", 10**9) as others, pytest.raises(RenderError) as failure:
            async with rendering(others, host.remote(), Events(), connect_timeout=2.0) as waiting:
                await waiting.render(job(1))
    assert str(failure.value).endswith(f"{host.address}: it is serving another engine")


def kill_engine(host, folder):
    """Start an engine, and kill it once its job is being rendered."""
    script = ENGINE.format(remote=host.engine_code())
    engine = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE)
    assert engine.stdout.readline() == b"rendering\n"
    engine.kill()
    engine.wait()


async def test_an_engine_that_is_killed_leaves_its_process_to_the_next(host, cache, tmp_path):
    """Its job is cancelled for that of the next engine, and the jobs of both do not mix."""
    kill_engine(host, tmp_path / "killed")
    async with rendering(cache, host.remote(), Events()) as pool:
        assert has_valid_checksum((await pool.render(job())).path)
    assert not (tmp_path / "spool" / f"{job(seconds=1000.0).id}.mp4").exists()


async def test_a_process_on_another_host_has_two_jobs_at_a_time(tmp_path, cache):
    host, events = Host(tmp_path, "0.05+0.2"), Events()
    host.start()
    try:
        async with asyncio.timeout(PATIENCE):
            async with WorkerPool(cache, "fake", "0.05+0.2", 0, [host.remote()], on_worker=events.append) as pool:
                clips = await asyncio.gather(*(pool.render(job(seed)) for seed in range(4)))
    finally:
        host.end()
    assert all(has_valid_checksum(clip.path) for clip in clips)
    assert 2 in {len(event.job_ids) for event in events}


def test_keys_are_private_and_never_overwritten(tmp_path):
    public, secret = create_key_pair(tmp_path / "keys", "me")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert read_key_pair(secret).public == read_public_key(public)
    with pytest.raises(OutputError, match="already"):
        create_key_pair(tmp_path / "keys", "me")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"metadata\ncurve\n"])
def test_an_invalid_key_file_is_an_error_in_one_line(tmp_path, content):
    path = tmp_path / "some.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"some\.key"):
        read_public_key(path)
    public, _ = create_key_pair(tmp_path, "me")
    with pytest.raises(UsageError, match="secret"):
        read_key_pair(public)


@pytest.mark.parametrize("address", ["localhost:5555", "tcp://", "tcp://127.0.0.1:port", ""])
async def test_an_invalid_address_is_an_error_in_one_line(cache, tmp_path, address):
    public, secret = create_key_pair(tmp_path, "me")
    with pytest.raises(UsageError, match="give tcp://"):
        async with WorkerPool(
            cache, "fake", "", 0, [RemoteWorker(address, read_public_key(public), read_key_pair(secret))]
        ):
            pass


def test_chunks_out_of_order_or_missing_leave_nothing(cache):
    upload = Upload(cache, "clip")
    upload.write(Chunk("clip", 0, b"abc"))
    with pytest.raises(ProtocolError):
        upload.write(Chunk("clip", 4, b"e"))
    with pytest.raises(ProtocolError):
        upload.finish(4)
    assert [path.name for path in cache.folder.iterdir()] == []
    upload = Upload(cache, "clip")
    upload.write(Chunk("clip", 0, b"abc"))
    upload.write(Chunk("clip", 3, b"d"))
    upload.finish(4)
    assert has_valid_checksum(cache.path_for("clip"))


def test_an_upload_longer_than_the_limit_is_refused(cache, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_CLIP_BYTES", 4)
    upload = Upload(cache, "clip")
    upload.write(Chunk("clip", 0, b"abc"))
    with pytest.raises(ProtocolError):
        upload.write(Chunk("clip", 3, b"de"))
    upload.abort()
    assert [path.name for path in cache.folder.iterdir()] == []
