"""Runs fuzzing cases in processes with limits on time and memory, and reports crashes and hangs."""

import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import psutil

from tools.stress.fuzz.cases import run_case

MEMORY_BYTES = 1 << 30  # that a case may take beside what the process has to begin with
HANG_S = 1.0  # of processor time
BLOCKED_S = 20.0  # by the wall clock, for a case that waits and does not work


class Fault(msgspec.Struct, frozen=True):
    """A case that crashed, hung or gave a wrong result."""

    target: str
    number: int
    what: str  # begins with "crash", "hang" or what the case itself found


class Report(msgspec.Struct):
    """The results of a run."""

    outcomes: Counter[str]
    faults: list[Fault]
    slowest_s: float  # of processor time
    peak_bytes: int  # of one process, its libraries included


def run(cases: Iterable[tuple[str, int]]) -> Report:
    """Run each case, a target's name and a number, in a worker that is replaced when it dies or hangs."""
    report = Report(Counter(), [], 0.0, 0)
    with tempfile.TemporaryDirectory(prefix="aimv-fuzz-") as folder:
        worker = _Worker(Path(folder))
        for target, number in cases:
            outcome, spent = worker.try_case(target, number)
            report.slowest_s = max(report.slowest_s, spent)
            report.peak_bytes = max(report.peak_bytes, worker.peak)
            kind = outcome if outcome in ("sound", "refused", "read") else "fault"
            report.outcomes[kind] += 1
            if kind == "fault":
                report.faults.append(Fault(target, number, outcome))
            elif spent > HANG_S:
                report.faults.append(Fault(target, number, f"hang: {spent:.1f} s"))
        worker.end()
    return report


class _Worker:
    """One process, restarted whenever it has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.peak = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._folder), daemon=True)
        self._process.start()
        theirs.close()
        self._line.recv()  # it has imported everything

    def try_case(self, target: str, number: int) -> tuple[str, float]:
        """The outcome of the case, and its processor time in seconds."""
        before = self._spent()
        self._line.send((target, number))
        deadline = time.monotonic() + BLOCKED_S
        try:
            while not self._line.poll(0.25):
                spent = self._spent() - before
                if spent > 4 * HANG_S or time.monotonic() > deadline:
                    self._replace()
                    return f"hang: ended after {spent:.1f} s of processor time", spent
            outcome, spent, self.peak = self._line.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._start()
            return f"crash: the process ended with {code}", 0.0
        return outcome, spent

    def _spent(self) -> float:
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)

    def _replace(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._line.close()


def _serve(line: Connection, folder: Path) -> None:
    """The worker: one case after another, within its memory."""
    run_case("warm up", 0, folder)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    line.send("ready")
    while True:
        target, number = line.recv()
        started = time.process_time()
        try:
            outcome = run_case(target, number, folder)
        except Exception as error:  # noqa: BLE001 - whatever is raised here is what we look for
            outcome = f"crash: {type(error).__name__}: {error}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        line.send((outcome, time.process_time() - started, peak))
