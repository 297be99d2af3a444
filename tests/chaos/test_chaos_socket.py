"""Garbage and another protocol version on the render socket are dropped, and every job is rendered."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq
import zmq.asyncio

from engine.errors import ProtocolError, RenderError
from engine.render import protocol
from engine.render.cache import ClipCache, has_valid_checksum
from engine.render.pool import WorkerPool
from engine.render.protocol import FOLDER_PREFIX, VERSION, Hello, Job, Ready, encode
from tests.chaos.conftest import PATIENCE_S, Tally, rounds
from tools.stress.fuzz.mutate import mutate

ROW = "garbage and a wrong version on the render socket"


def job(seed: int) -> Job:
    return Job("fake", "0.01", "a wall", (), ("#102030", "#ffeedd"), seed, 32, 32, 8.0, 1.0)


def garbage(rng: random.Random) -> list[bytes]:
    """Frames that are random, of another kind, or nearly valid."""
    good = encode(rng.choice((Hello(VERSION, 1, "fake", ""), Ready(), protocol.Done(job(0).id, 1.0), protocol.Stop())))
    wild: list[list[bytes]] = [
        [rng.randbytes(rng.choice((0, 1, 50, 5000)))],
        [mutate(good, rng, len(good))],
        [good],
        [good, good, good],
        [],
        [msgspec.msgpack.encode({"type": "job", "path": "/etc/passwd"})],
        [b"\x91" * 50_000],
        [rng.randbytes(protocol.MAX_MESSAGE_BYTES + 1)],
    ]
    return rng.choice(wild) or [b""]


def is_stop(frame: bytes) -> bool:
    """Whether a frame happens to be a Stop message."""
    try:
        return isinstance(protocol.decode(frame), protocol.Stop)
    except ProtocolError:
        return False


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@contextlib.contextmanager
def stranger(endpoint: str, name: bytes = b"") -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        if name:
            socket.setsockopt(zmq.IDENTITY, name)
        socket.connect(endpoint)
        yield socket


async def test_strangers_on_the_engines_socket(tmp_path: Path, sockets: Path, tally: Tally, rng: random.Random) -> None:
    with ClipCache(tmp_path, 10**9) as cache:
        async with asyncio.timeout(PATIENCE_S), WorkerPool(cache, "fake", "0.01") as pool:
            await pool.render(job(-1))
            (folder,) = sockets.glob(f"{FOLDER_PREFIX}*")  # noqa: ASYNC240 - a folder in memory
            for number in range(rounds(10, 200)):
                with tally.fault():
                    call = asyncio.create_task(pool.render(job(number)))
                    # A few claim a worker's own name: refused while that worker is connected.
                    with stranger(f"ipc://{folder}/socket", rng.choice((b"", b"", b"0-1", b"9-9"))) as socket:
                        for _ in range(10):
                            socket.send_multipart(garbage(rng))
                        assert has_valid_checksum((await call).path)


class Engine:
    """A minimal engine for a real render process."""

    def __init__(self, folder: Path) -> None:
        self._context = zmq.asyncio.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.bind(f"ipc://{folder}/socket")
        command = [sys.executable, "-m", "engine.worker.main", f"ipc://{folder}/socket", "--name", "0"]
        command += ["--generator", "fake", "--model", "0.01", "--cache", str(folder), "--parent", str(os.getpid())]
        self.process = subprocess.Popen(command)

    async def until(self, kind: type[protocol.Message]) -> protocol.Message:
        while not isinstance(message := protocol.decode((await self.socket.recv_multipart())[1]), kind):
            pass
        return message

    async def send(self, *parts: bytes) -> None:
        await self.socket.send_multipart([b"0", *parts])

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._context.destroy(0)


async def test_garbage_to_a_render_process(tmp_path: Path, tally: Tally, rng: random.Random) -> None:
    folder = Path(tempfile.mkdtemp(prefix="t"))
    engine = Engine(folder)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await engine.until(Ready)
            for number in range(rounds(10, 100)):
                with tally.fault():
                    for _ in range(10):
                        parts = garbage(rng)
                        if not any(map(is_stop, parts)) and sum(map(len, parts)) < protocol.MAX_MESSAGE_BYTES:
                            await engine.send(*parts)
                    await engine.send(encode(protocol.Assign(job(number))))
                    done = await engine.until(protocol.Done)
                    assert isinstance(done, protocol.Done) and done.job_id == job(number).id
                    assert has_valid_checksum(folder / f"{done.job_id}.mp4")
    finally:
        engine.end()


IDLER = """
import os, sys, time, zmq
from engine.render.protocol import Heartbeat, Hello, Ready, encode
arguments = dict(zip(sys.argv[3::2], sys.argv[4::2]))
with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
    socket.setsockopt(zmq.IDENTITY, arguments["--name"].encode())
    socket.connect(sys.argv[2])
    for message in (Hello(int(os.environ["SPEAKS"]), 1, "fake", ""), Ready()):
        socket.send(encode(message))
    while True:
        socket.send(encode(Heartbeat(())))
        time.sleep(0.2)
"""


@pytest.mark.parametrize(("version", "words"), [(99, "version 99"), (VERSION, "gave up a clip after 3 tries")])
async def test_a_render_process_of_another_version_or_that_only_idles(
    tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch, version: int, words: str
) -> None:
    """The job is not assigned to it for ever: one line says what is wrong."""
    script = tmp_path / "python"
    (tmp_path / "other.py").write_text(IDLER)
    script.write_text(f'#!/bin/sh\nshift 2\nexec "{sys.executable}" "{tmp_path}/other.py" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("SPEAKS", str(version))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(sys, "executable", str(script))
    with ClipCache(tmp_path / "clips", 10**9) as cache, tally.fault():
        async with asyncio.timeout(PATIENCE_S), WorkerPool(cache, "fake", "0.01") as pool:
            with pytest.raises(RenderError, match=words) as refused:
                await pool.render(job(1))
            assert "\n" not in str(refused.value)
