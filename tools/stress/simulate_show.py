"""Simulation of the scheduler on a virtual clock, with workers of a given speed, stalls and crashes.

    python -m tools.stress.simulate_show --rtf 7.5 --minutes 3 --mode file [--stalls N] [--deaths N]
        [--workers N] [--seed N] [--overlap SHARE]

`--rtf` is the real-time factor of a worker at the best level; with `--overlap` a clip is finished only after that share
more of its rendering time, while its worker has begun the next. The song has verses, choruses that
repeat and bridges, in shots of 2 to 6 s. Prints a table and, last, one JSON line: the shares of the frames that were
fresh, stretched, reused, held (a picture stands), late (made for another section) or blank (nothing to show), the
share that showed a clip made for its own section of the song, and, live, the median age of the prompt on screen in
shots.
"""

import argparse
import json
import random
import statistics
from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from engine.generators.base import Level
from engine.schedule.planner import Planner
from engine.schedule.selector import ClipSelector
from engine.schedule.state import PlannedShot, RenderTask, RenderTime, ScheduleState

LEVELS = (Level("best", 1.0), Level("good", 0.5), Level("fast", 0.3), Level("draft", 0.2))
FPS = 24
ANALYSIS_DELAY_S = 1.0  # live, from the start of a shot until it is known
RESTART_S = 8.0  # until a worker that died renders again
STALL_S = 15.0
KINDS = ("fresh", "stretched", "reused", "frozen", "late", "blank")


@dataclass
class Show:
    """The outcome of a simulated show."""

    frames: Counter[str] = field(default_factory=Counter)
    own_section: int = 0
    ages: list[int] = field(default_factory=list)
    startup_s: float = 0.0  # seconds before playing began

    def totals(self) -> dict[str, float]:
        """The JSON keys."""
        count = self.frames.total()
        totals: dict[str, float] = {kind: round(self.frames[kind] / count, 4) for kind in KINDS}
        totals["own_section"] = round(self.own_section / count, 4)
        totals["prompt_age_median_shots"] = statistics.median(self.ages) if self.ages else 0
        totals["waited_s"] = round(self.startup_s, 2)
        return totals


@dataclass
class _Worker:
    """A simulated worker: the task in progress, and one whose last stage overlaps with it."""

    factor: float
    task: RenderTask | None = None
    begun: float = 0.0
    free_at: float = 0.0
    last: tuple[RenderTask, RenderTime, float] | None = None  # its times, and when it is finished


def song(minutes: float) -> list[PlannedShot]:
    """Shots of songs of about three and a half minutes, one after the other, until the time is full."""
    shots: list[PlannedShot] = []
    time, number = 0.0, 0
    while time < 60 * minutes:
        number += 1
        for name in ("intro", "verse 1", "chorus", "verse 2", "chorus", "bridge", "chorus", "outro"):
            section = f"song {number} {name}"
            shape = random.Random(section)
            for index in range(shape.randint(4, 7)):
                end = min(60 * minutes, time + shape.uniform(2.0, 6.0))
                if end > time:
                    shots.append(PlannedShot(time, end, section, f"{section} {index}"))
                time = end
    return shots


def simulate(
    rtf: float,
    minutes: float,
    live: bool,
    stalls: int = 0,
    deaths: int = 0,
    workers: int = 1,
    seed: int = 0,
    overlap: float = 0.0,
) -> Show:
    """Play one show."""
    rng = random.Random(seed)
    shots = song(minutes)
    state = ScheduleState(LEVELS)
    planner, selector = Planner(state, live, workers), ClipSelector(state, live)
    pool = [_Worker(rtf) for _ in range(workers)]
    faults = sorted([(rng.uniform(0, 60 * minutes), "stall") for _ in range(stalls)] +
                     [(rng.uniform(0, 60 * minutes), "death") for _ in range(deaths)])  # fmt: skip
    show = Show()
    frame, wall = 0, 0.0
    playing = live
    if not live:
        for shot in shots:
            state.add_shot(shot)
    while frame < 60 * minutes * FPS:
        t = frame / FPS
        while live and len(state.shots) < len(shots) and shots[len(state.shots)].start + ANALYSIS_DELAY_S <= t:
            state.add_shot(shots[len(state.shots)])
        while faults and playing and faults[0][0] <= t:
            _inject_fault(faults.pop(0)[1], rng.choice(pool), wall, state)
        _supersede(pool, wall, t, state, planner)
        for worker in pool:
            _work(worker, wall, t, state, planner, rng, overlap)
        wall += 1 / FPS
        if not playing:
            playing = bool(state.clips)
            show.startup_s = wall
            continue
        _count_frame(show, selector, state, t, live)
        frame += 1
    return show


def _work(
    worker: _Worker, wall: float, t: float, state: ScheduleState, planner: Planner, rng: random.Random, overlap: float
) -> None:
    """Advance one worker: finish its tasks that are due, start the next."""
    if worker.last and wall >= worker.last[2]:
        state.finish(*worker.last[:2])
        worker.last = None
    if wall < worker.free_at or (worker.task and worker.last):
        return
    if worker.task:
        busy = wall - worker.begun
        if overlap:
            rest = overlap * (worker.free_at - worker.begun)
            worker.last = (worker.task, RenderTime.overlapped(busy, rest), wall + rest)
        else:
            state.finish(worker.task, RenderTime(busy))
    worker.task = planner.next(t)
    if worker.task:
        state.start(worker.task, t)
        worker.begun = wall
        work = worker.task.seconds * state.levels[worker.task.level].work
        worker.free_at = wall + work * worker.factor * rng.lognormvariate(0.0, 0.1)


def _supersede(pool: list[_Worker], wall: float, t: float, state: ScheduleState, planner: Planner) -> None:
    """Cancel one task that has hardly begun, if a newer prompt waits."""
    in_progress = {worker.task: worker for worker in pool if worker.task and wall < worker.free_at}
    if len(in_progress) == len(pool):
        begun = [(task, t - (wall - worker.begun)) for task, worker in in_progress.items()]
        if stale := planner.superseded(begun, t):
            state.cancel(stale)
            in_progress[stale].task, in_progress[stale].free_at = None, wall


def _inject_fault(kind: str, worker: _Worker, wall: float, state: ScheduleState) -> None:
    if kind == "stall":
        worker.free_at = max(worker.free_at, wall) + STALL_S
        return
    for task in (worker.task, worker.last[0] if worker.last else None):
        if task:
            state.cancel(task)
    worker.task = worker.last = None
    worker.free_at = wall + RESTART_S


def _count_frame(show: Show, selector: ClipSelector, state: ScheduleState, t: float, live: bool) -> None:
    """Count one frame."""
    span = selector.at(t)
    if span is None:
        # Before its first clip a live show has a picture drawn by the compositor.
        show.frames["frozen" if live and not state.clips else "blank"] += 1
        return
    now = state.shots.at(t)
    show.frames[span.kind] += 1
    show.own_section += state.shots[span.shot].section == state.shots[now].section
    if live:
        show.ages.append(now - max(shot for shot in state.same_key(span.shot) if shot <= now))


def main() -> None:
    """Read the arguments, simulate, print."""
    parser = argparse.ArgumentParser(description="Simulate a show on a virtual clock.")
    parser.add_argument("--rtf", type=float, default=1.0, help="seconds of rendering per second of clip at its best")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--mode", choices=("file", "live"), default="file")
    parser.add_argument("--stalls", type=int, default=0, help=f"worker stalls of {STALL_S:g} s")
    parser.add_argument("--deaths", type=int, default=0, help=f"worker crashes, with a restart after {RESTART_S:g} s")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overlap", type=float, default=0.0, help="share of a rendering that overlaps with the next")
    o = parser.parse_args()
    show = simulate(o.rtf, o.minutes, o.mode == "live", o.stalls, o.deaths, o.workers, o.seed, o.overlap)
    totals = show.totals()
    table = Table(title=f"{o.minutes:g} min, {o.mode}, {o.workers} worker(s) {o.rtf:g} times as slow as playback")
    for heading in ("frames", "share"):
        table.add_column(heading, justify="left" if heading == "frames" else "right")
    for kind in (*KINDS, "own_section"):
        table.add_row(kind.replace("_", " "), f"{100 * totals[kind]:.1f} %")
    Console().print(table)
    print(json.dumps(totals))


if __name__ == "__main__":
    main()
