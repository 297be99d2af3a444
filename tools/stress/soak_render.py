"""Fault injection into render processes in mid-clip: kills, stops and network partitions, with a count of losses.

    python -m tools.stress.soak_render [--kills 100] [--stops 20] [--partitions 20] [--workers 2]

Real processes with a sleeping generator of two stages, so that they have two jobs in progress; for partitions, one that
is reached over TCP through a forwarder that stops forwarding. A watcher polls the clip folder: every file with a clip's
name must be complete. Prints a table and, last, one JSON line of the totals;
exit status 1 if a job was lost, a partial clip was seen, a crash was detected after more than 1 s, a freeze or a
partition after more than 4 s.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import av

from engine.render.auth import KeyPair, create_key_pair, read_key_pair, read_public_key
from engine.render.cache import ClipCache, has_valid_checksum
from engine.render.pool import MAX_CRASHES, WorkerEvent, WorkerPool
from engine.render.protocol import Job
from engine.render.transport import RemoteWorker, WorkerOffer
from engine.worker.main import serve
from tools.report import print_figures

FRAMES, PAUSE, BEFORE = 8, 0.03, 0.3
MODEL = f"{PAUSE}+{BEFORE}"  # of two stages, so that two jobs are in progress
CRASH_S, FROZEN_S = 1.0, 4.0


class FaultInjection:
    """Renders jobs with a pool until all faults are injected into its workers and detected.

    A job gets `MAX_CRASHES` - 1 faults at most: after one more the pool rejects it.
    """

    def __init__(self, kills: int, stops: int) -> None:
        self._faults = [signal.SIGKILL] * kills + [signal.SIGSTOP] * stops
        random.Random(0).shuffle(self._faults)
        self._injected: dict[int, tuple[signal.Signals, float]] = {}
        self._jobs_of: dict[int, tuple[str, ...]] = {}
        self._crashes: Counter[str] = Counter()
        self._rng = random.Random(1)
        self.detected: dict[signal.Signals, list[float]] = {signal.SIGKILL: [], signal.SIGSTOP: []}
        self.partitions_detected: list[float] = []
        self.with_two_jobs = 0
        self.partial = 0
        self.accepted = 0
        self.lost = 0

    def on_worker(self, event: WorkerEvent) -> None:
        """Inject a fault somewhere in a clip; measure the time until it is detected."""
        self._jobs_of[event.pid] = event.job_ids
        if event.state == "lost":
            self._crashes.update(event.job_ids)
            if event.pid in self._injected:
                fault, when = self._injected.pop(event.pid)
                self.detected[fault].append(time.monotonic() - when)
        if event.state == "rendering" and self._faults and self._rng.random() < 0.5:
            delay = self._rng.uniform(0, FRAMES * PAUSE + BEFORE)
            asyncio.get_running_loop().call_later(delay, self._inject, event.pid, self._faults.pop())

    def _inject(self, pid: int, fault: signal.Signals) -> None:
        limit_reached = any(self._crashes[job_id] >= MAX_CRASHES - 1 for job_id in self._jobs_of[pid])
        if pid in self._injected or limit_reached:
            self._faults.append(fault)
            return
        try:
            os.kill(pid, fault)
        except ProcessLookupError:
            self._faults.append(fault)
        else:
            self._injected[pid] = (fault, time.monotonic())
            self.with_two_jobs += len(self._jobs_of[pid]) == 2

    async def run(self, folder: Path, workers: int) -> None:
        """Render until every fault was injected and detected."""
        with ClipCache(folder, 10**12) as cache:
            watcher = asyncio.create_task(self._watch(folder))
            async with WorkerPool(cache, "fake", MODEL, workers, on_worker=self.on_worker) as pool:
                while self._faults or self._injected:
                    jobs = [self._job() for _ in range(4 * workers)]
                    await asyncio.gather(*(self._render(pool, job) for job in jobs))
            watcher.cancel()

    async def run_partitions(self, folder: Path, partitions: int) -> None:
        """The same with one remote process and a network that is partitioned in mid-clip."""
        with ClipCache(folder / "clips", 10**12) as cache, _host(folder) as (port, keys):
            watcher = asyncio.create_task(self._watch(cache.folder))
            async with Forwarder(port) as network:
                lost = asyncio.Event()
                started = asyncio.Event()

                def on_worker(event: WorkerEvent) -> None:
                    {"lost": lost, "rendering": started}.get(event.state, asyncio.Event()).set()

                remote = RemoteWorker(f"tcp://127.0.0.1:{network.port}", read_public_key(keys / "host.key"), _own(keys))
                async with WorkerPool(cache, "fake", MODEL, 0, [remote], on_worker=on_worker) as pool:
                    for _ in range(partitions):
                        started.clear()
                        calls = [asyncio.create_task(self._render(pool, self._job())) for _ in range(3)]
                        await started.wait()
                        await asyncio.sleep(self._rng.uniform(0, FRAMES * PAUSE))
                        lost.clear()
                        network.connected.clear()
                        cut = time.monotonic()
                        await lost.wait()
                        self.partitions_detected.append(time.monotonic() - cut)
                        network.connected.set()
                        await asyncio.gather(*calls)
            watcher.cancel()

    def _job(self) -> Job:
        self.accepted += 1
        return Job("fake", "", "soak", (), ("#102030", "#ffeedd"), self.accepted, 64, 48, 8.0, FRAMES / 8)

    async def _render(self, pool: WorkerPool, job: Job) -> None:
        try:
            clip = await pool.render(job)
            with av.open(str(clip.path)) as container:
                whole = sum(1 for _ in container.decode(video=0)) == FRAMES
        except Exception as error:  # noqa: BLE001 - counted and printed
            print(f"lost: {error}", file=sys.stderr)
            whole = False
        self.lost += not whole

    async def _watch(self, folder: Path) -> None:
        """Check every clip as soon as it is visible."""
        seen: set[Path] = set()
        while True:
            found = {path for path in await asyncio.to_thread(lambda: list(folder.iterdir())) if path.suffix == ".mp4"}
            self.partial += sum(not has_valid_checksum(path) for path in found - seen)
            seen |= found
            await asyncio.sleep(0.01)


class Forwarder:
    """A TCP forwarder between an engine and a render process; it stops forwarding while `connected` is cleared."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.connected = asyncio.Event()
        self.connected.set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.connected.set()
        for writer in self._writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):  # cancelled as the loop ends
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers += [writer, other_writer]
            await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.connected.wait()
                writer.write(data)
                await writer.drain()
            writer.close()


def _own(keys: Path) -> KeyPair:
    return read_key_pair(keys / "engine.key_secret")


def _serve(folder: Path, port: int, secret: Path) -> None:
    with ClipCache(folder / "spool", 10**12) as cache:
        offer = WorkerOffer(f"tcp://127.0.0.1:{port}", read_key_pair(secret), folder / "allowed")
        serve(offer, "fake", MODEL, cache)


@contextlib.contextmanager
def _host(folder: Path) -> Iterator[tuple[int, Path]]:
    """A remote render process: its port, and the folder of its keys and ours."""
    keys, allowed = folder / "keys", folder / "allowed"
    allowed.mkdir()
    _, secret = create_key_pair(keys, "host")
    public, _ = create_key_pair(keys, "engine")
    public.rename(allowed / "engine.key")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, port, secret))
    process.start()
    try:
        yield port, keys
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Read the arguments, soak, print."""
    parser = argparse.ArgumentParser(description="Kill and stop render processes and count what is lost.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--partitions", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    soak = FaultInjection(options.kills, options.stops)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(soak.run(Path(folder), options.workers))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(soak.run_partitions(Path(folder), options.partitions))
    kills, stops = soak.detected[signal.SIGKILL], soak.detected[signal.SIGSTOP]
    totals = {
        "kills": len(kills),
        "stops": len(stops),
        "partitions": len(soak.partitions_detected),
        "accepted": soak.accepted,
        "injected_with_two_jobs_in_progress": soak.with_two_jobs,
        "lost": soak.lost,
        "partial_clips_seen": soak.partial,
        "slowest_crash_detected_s": round(max(kills, default=0.0), 3),
        "slowest_freeze_detected_s": round(max(stops, default=0.0), 3),
        "slowest_partition_detected_s": round(max(soak.partitions_detected, default=0.0), 3),
        "seconds": round(time.monotonic() - started, 1),
    }
    print_figures("Faults injected in mid-clip", totals)
    slow = max(kills, default=0.0) > CRASH_S or max(*stops, *soak.partitions_detected, 0.0, 0.0) > FROZEN_S
    sys.exit(1 if soak.lost or soak.partial or slow else 0)


if __name__ == "__main__":
    main()
