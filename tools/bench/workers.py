"""Benchmark of the throughput of one and of several render processes on one machine.

    python -m tools.bench.workers [--clips 40] [--workers 2]

The generator sleeps in place of a GPU, so that the processes do not contend for the CPU. Prints clips a second with
one process and with several, and, last, one JSON line; exit status 1 if the ratio is more than 10% below the number
of processes.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from engine.render.cache import ClipCache
from engine.render.pool import WorkerEvent, WorkerPool
from engine.render.protocol import Job

PAUSE, FRAMES = 0.05, 8  # a clip takes 0.4 s


async def throughput(clips: int, workers: int) -> float:
    """Clips a second, from the moment that all workers are ready."""
    loaded: set[int] = set()
    all_ready = asyncio.Event()

    def on_worker(event: WorkerEvent) -> None:
        if event.state == "ready":
            loaded.add(event.index)
        if len(loaded) == workers:
            all_ready.set()

    with tempfile.TemporaryDirectory() as folder, ClipCache(Path(folder), 10**12) as cache:
        async with WorkerPool(cache, "fake", str(PAUSE), workers, on_worker=on_worker) as pool:
            await all_ready.wait()
            started = time.perf_counter()
            jobs = (Job("fake", "", "bench", (), (), n, 64, 48, 8.0, FRAMES / 8) for n in range(clips))
            await asyncio.gather(*map(pool.render, jobs))
            return clips / (time.perf_counter() - started)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="Measure how render processes share a song.")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    one = asyncio.run(throughput(options.clips, 1))
    several = asyncio.run(throughput(options.clips, options.workers))
    ratio = several / one
    print(
        f"1 process: {one:.2f} clips/s; {options.workers} processes: {several:.2f} clips/s; {ratio:.2f} times as many"
    )
    print(json.dumps({"one": round(one, 3), "several": round(several, 3), "ratio": round(ratio, 3)}))
    sys.exit(0 if ratio >= 0.9 * options.workers else 1)


if __name__ == "__main__":
    main()
