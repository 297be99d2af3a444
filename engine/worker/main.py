"""The render process: takes jobs from the engine, one after the other, and puts finished clips into the store.

    python -m engine.worker.main ENDPOINT --name 0 --generator shader --store FOLDER --parent PID

The main thread owns the generator. A second thread (`engine.worker.connection`) owns the socket and keeps the
heartbeat, because one step on a GPU may take seconds. Where a generator allows, a third one makes a clip's frames and
writes them while the main thread begins the next. SIGINT is ignored (the parent decides what a Ctrl-C means), SIGTERM
ends the jobs in hand and the process. `serve` does the same for engines on other hosts.
"""

import argparse
import functools
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import AimvError, Cancelled
from engine.generators.base import Generator, Rendering
from engine.generators.registry import make
from engine.outputs.encoder import encode
from engine.render.cache import SEAL_BYTES, ClipStore, is_sealed
from engine.render.job import Job
from engine.render.protocol import (
    PIECE_BYTES,
    Done,
    Failed,
    Finishing,
    Message,
    Piece,
    Progress,
    Ready,
    Withdrawn,
    kind_of,
)
from engine.render.transport import Offer
from engine.threads import step_back
from engine.worker.connection import Local, Wire


class LastStage:
    """Use as a context; at its end all that was begun is finished."""

    def __init__(self) -> None:
        self._beside = ThreadPoolExecutor(1, "last stage")
        self._latest: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.shutdown()

    def run(self, work: Callable[[], None], apart: bool, on_apart: Callable[[], None] = lambda: None) -> None:
        """Do `work` once the one before is done: here, or, if `apart`, beside what the caller does next.

        `on_apart` is called when the caller is about to be free. What the one before raised is raised here.
        """
        self.wait()
        if not apart:
            work()
            return
        on_apart()
        self._latest = self._beside.submit(work)

    def wait(self) -> None:
        """Wait until nothing runs beside. What it raised is raised."""
        latest, self._latest = self._latest, None
        if latest:
            latest.result()


_PROGRESS_SECONDS = 0.1  # between two reports
_PRELUDE = 0.9  # share of a job that counts as done when a generator with work before its first frame has done it


class Worker:
    """Renders jobs from `wire` with `generator` into `store`, and sends the clips if the engine is elsewhere."""

    def __init__(self, wire: Wire, generator: Generator, store: ClipStore, send: bool) -> None:
        self._wire = wire
        self._generator = generator
        self._store = store
        self._send = send

    def run(self) -> None:
        """Render until told to stop."""
        self._wire.send(Ready())
        with LastStage() as last:
            while (job := self._wire.jobs.get()) is not None:
                self._attempt(job.id, functools.partial(self._render, job, last))

    def _attempt(self, job_id: str, stage: Callable[[], None]) -> None:
        """Go through a stage of the job; if it fails, say how."""
        try:
            stage()
        except Cancelled:
            self._wire.send(Withdrawn(job_id))
        except AimvError as error:
            self._wire.send(Failed(job_id, kind_of(error), _line(error)))
        except OSError as error:
            reason = f"cannot write the clip to {self._store.folder}: {error.strerror or error}"
            self._wire.send(Failed(job_id, "output", reason))
        except Exception as error:  # noqa: BLE001 - whatever a model library raises is this job's failure, not ours
            self._wire.send(Failed(job_id, "render", f"{type(error).__name__}: {_line(error)}"))

    def _render(self, job: Job, last: LastStage) -> None:
        """The first stage; the last one is run here, or apart."""
        begun = time.monotonic()
        report = _Reporter(job.id, self._wire.send)
        cancelled = functools.partial(self._wire.cancelled, job.id)
        rendering: Rendering | None = None
        if not is_sealed(self._store.path_for(job.id)):
            rendering = self._generator.render(job, cancelled, report.prelude)

        def write() -> None:
            if rendering:
                self._write(job.id, rendering, report, cancelled)
            elapsed = time.monotonic() - begun
            self._wire.send(Done(job.id, elapsed, self._deliver(job.id) if self._send else 0))

        apart = rendering is not None and rendering.apart
        work = functools.partial(self._attempt, job.id, write)
        last.run(work, apart, lambda: self._wire.send(Finishing(job.id)))

    def _write(self, job_id: str, rendering: Rendering, report: "_Reporter", cancelled: Callable[[], bool]) -> None:
        """The clip to the store, frame by frame."""

        def on_frame(count: int) -> None:
            if cancelled():
                raise Cancelled
            report.frames(count / rendering.count)

        with self._store.writing(job_id) as part:
            on_frame(0)
            encode(rendering, part, on_frame)

    def _deliver(self, job_id: str) -> int:
        """Send the clip in pieces, without its seal, which the other store makes anew; returns its size."""
        data = self._store.path_for(job_id).read_bytes()[:-SEAL_BYTES]
        for offset in range(0, len(data), PIECE_BYTES):
            self._wire.send(Piece(job_id, offset, data[offset : offset + PIECE_BYTES]))
        self._store.trim()
        return len(data)


class _Reporter:
    """Turns a generator's prelude and its frames into one rising share, reported now and then."""

    def __init__(self, job_id: str, send: Callable[[Message], None]) -> None:
        self._job_id = job_id
        self._send = send
        self._start = 0.0
        self._last = 0.0

    def prelude(self, share: float) -> None:
        self._start = _PRELUDE
        self._report(_PRELUDE * share)

    def frames(self, share: float) -> None:
        self._report(self._start + (1 - self._start) * share)

    def _report(self, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            self._send(Progress(self._job_id, min(1.0, max(0.0, share))))


def main(arguments: list[str] | None = None) -> None:
    """Run a render process until its engine stops it or goes away."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker.main", description="AIMV's render process.")
    parser.add_argument("endpoint", help="ZeroMQ address of the engine")
    parser.add_argument("--name", required=True, help="what the engine calls this process")
    parser.add_argument("--generator", required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--index", type=int, default=0, help="which of the engine's processes on this host it is")
    parser.add_argument("--store", required=True, type=Path, help="folder of the clip store")
    parser.add_argument("--parent", required=True, type=int, help="process without which this one ends")
    parser.add_argument("--back", type=int, default=0, help="by how much to lower its priority")
    options = parser.parse_args(arguments)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step_back(options.back, session=options.back > 0)  # also by 0: a show's short turns are not for its workers
    wire = Wire(Local(options.endpoint, options.name, options.parent), options.generator, options.model)
    signal.signal(signal.SIGTERM, lambda *_: wire.stop())
    wire.start()
    try:
        generator = make(options.generator, options.model, options.index)
        store = ClipStore(options.store, 0)
    except AimvError as error:
        wire.send(Failed("", kind_of(error), _line(error)))
    except Exception as error:  # noqa: BLE001 - a library's failure to load, to be told in one line
        wire.send(Failed("", "model", f"{type(error).__name__}: {_line(error)}"))
    else:
        try:
            Worker(wire, generator, store, send=False).run()
        finally:
            generator.close()
    finally:
        wire.close()


def serve(
    offer: Offer, generator: str, model: str, store: ClipStore, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Render for engines on other hosts, one at a time, until SIGINT or SIGTERM; call it in the main thread.

    `on_ready` is called once engines can connect. Clips are kept in `store`, within its size, so that one whose sending
    was cut off need not be rendered again.

    Raises:
        UsageError, MissingExtra, ModelError: the generator cannot be loaded, or the address not be bound.
    """
    made = make(generator, model)
    wire = Wire(offer, generator, model)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: wire.stop())
    wire.start()
    on_ready()
    try:
        Worker(wire, made, store, send=True).run()
    finally:
        wire.close()
        made.close()


def _line(error: Exception) -> str:
    """The first line of an error's text, at most 500 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:500] if lines else type(error).__name__


if __name__ == "__main__":
    main()
