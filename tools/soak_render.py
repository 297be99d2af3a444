"""Kill and stop render processes in the middle of their clips, again and again, and see whether anything is lost.

    python tools/soak_render.py [--kills 100] [--stops 20] [--workers 2]

Real processes with a generator that sleeps. A watcher looks at the clip folder all the while: whatever is visible
there under a clip's name must be whole. Prints a table and, last, one JSON line of the totals; exit status 1 if a job
was lost, half a clip was seen, a death was noticed after more than 1 s or a freeze after more than 4 s.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
from rich.console import Console
from rich.table import Table

from engine.messages import Job
from engine.render.renderer import MAX_DEATHS, Renderer, WorkerEvent
from engine.render.seal import is_sealed
from engine.render.store import ClipStore

FRAMES, PAUSE = 8, 0.03
DEAD_S, FROZEN_S = 1.0, 4.0


class Soak:
    """Jobs without end for a renderer whose workers are struck, until all blows are dealt.

    A job is struck `MAX_DEATHS` - 1 times at most: one more, and the renderer gives it up, as it should.
    """

    def __init__(self, kills: int, stops: int) -> None:
        self._blows = [signal.SIGKILL] * kills + [signal.SIGSTOP] * stops
        random.Random(0).shuffle(self._blows)
        self._struck: dict[int, tuple[signal.Signals, float]] = {}
        self._strikes: Counter[str] = Counter()
        self._rng = random.Random(1)
        self.noticed: dict[signal.Signals, list[float]] = {signal.SIGKILL: [], signal.SIGSTOP: []}
        self.half = 0
        self.accepted = 0
        self.lost = 0

    def on_worker(self, event: WorkerEvent) -> None:
        """Strike a worker somewhere in its clip; take the time when its loss is noticed."""
        if event.state == "lost" and event.pid in self._struck:
            blow, when = self._struck.pop(event.pid)
            self.noticed[blow].append(time.monotonic() - when)
        struck_enough = self._strikes[event.job_id] >= MAX_DEATHS - 1
        if event.state == "rendering" and self._blows and not struck_enough and self._rng.random() < 0.5:
            self._strikes[event.job_id] += 1
            delay = self._rng.uniform(0, FRAMES * PAUSE)
            asyncio.get_running_loop().call_later(delay, self._strike, event.pid, self._blows.pop())

    def _strike(self, pid: int, blow: signal.Signals) -> None:
        if pid in self._struck:
            self._blows.append(blow)
            return
        try:
            os.kill(pid, blow)
        except ProcessLookupError:
            self._blows.append(blow)
        else:
            self._struck[pid] = (blow, time.monotonic())

    async def run(self, folder: Path, workers: int) -> None:
        """Render until every blow was dealt and noticed."""
        with ClipStore(folder, 10**12) as store:
            watcher = asyncio.create_task(self._watch(folder))
            async with Renderer(store, "fake", str(PAUSE), workers, on_worker=self.on_worker) as renderer:
                while self._blows or self._struck:
                    jobs = [self._job() for _ in range(4 * workers)]
                    await asyncio.gather(*(self._render(renderer, job) for job in jobs))
            watcher.cancel()

    def _job(self) -> Job:
        self.accepted += 1
        return Job("fake", "", "soak", (), ("#102030", "#ffeedd"), self.accepted, 64, 48, 8.0, FRAMES / 8)

    async def _render(self, renderer: Renderer, job: Job) -> None:
        try:
            clip = await renderer.render(job)
            with av.open(str(clip.path)) as container:
                whole = sum(1 for _ in container.decode(video=0)) == FRAMES
        except Exception as error:  # noqa: BLE001 - counted, and told
            print(f"lost: {error}", file=sys.stderr)
            whole = False
        self.lost += not whole

    async def _watch(self, folder: Path) -> None:
        """Look at every clip as soon as it is visible."""
        seen: set[Path] = set()
        while True:
            found = {path for path in await asyncio.to_thread(lambda: list(folder.iterdir())) if path.suffix == ".mp4"}
            self.half += sum(not is_sealed(path) for path in found - seen)
            seen |= found
            await asyncio.sleep(0.01)


def main() -> None:
    """Read the arguments, soak, print."""
    parser = argparse.ArgumentParser(description="Kill and stop render processes and count what is lost.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    soak = Soak(options.kills, options.stops)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(soak.run(Path(folder), options.workers))
    kills, stops = soak.noticed[signal.SIGKILL], soak.noticed[signal.SIGSTOP]
    totals = {
        "kills": len(kills),
        "stops": len(stops),
        "accepted": soak.accepted,
        "lost": soak.lost,
        "half_clips_seen": soak.half,
        "slowest_death_noticed_s": round(max(kills, default=0.0), 3),
        "slowest_freeze_noticed_s": round(max(stops, default=0.0), 3),
        "seconds": round(time.monotonic() - begun, 1),
    }
    table = Table(title="Render processes struck in mid-clip")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in totals.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)
    print(json.dumps(totals))
    slow = totals["slowest_death_noticed_s"] > DEAD_S or totals["slowest_freeze_noticed_s"] > FROZEN_S
    sys.exit(1 if soak.lost or soak.half or slow else 0)


if __name__ == "__main__":
    main()
