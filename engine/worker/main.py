"""The render process: takes jobs from the engine, one after the other, and puts finished clips into the cache.

    python -m engine.worker.main ENDPOINT --name 0 --generator NAME --cache FOLDER --parent PID

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
from engine.generators.base import FrameStream, Generator
from engine.generators.registry import create_generator
from engine.outputs.encoder import encode_clip
from engine.render.cache import CHECKSUM_BYTES, ClipCache, has_valid_checksum
from engine.render.job import Job
from engine.render.protocol import (
    CHUNK_BYTES,
    CancelAck,
    Chunk,
    Done,
    Failed,
    Finishing,
    Message,
    Progress,
    Ready,
    error_kind,
)
from engine.render.transport import WorkerOffer
from engine.threads import lower_priority
from engine.worker.connection import Connection, LocalEngine


class FinalStageExecutor:
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


class JobRunner:
    """Renders jobs from `connection` with `generator` into `cache`, and sends the clips if the engine is elsewhere."""

    def __init__(self, connection: Connection, generator: Generator, cache: ClipCache, send: bool) -> None:
        self._connection = connection
        self._generator = generator
        self._cache = cache
        self._send = send

    def run(self) -> None:
        """Render until told to stop."""
        self._connection.send(Ready())
        with FinalStageExecutor() as last:
            while (job := self._connection.jobs.get()) is not None:
                self._attempt(job.id, functools.partial(self._render, job, last))

    def _attempt(self, job_id: str, stage: Callable[[], None]) -> None:
        """Go through a stage of the job; if it fails, say how."""
        try:
            stage()
        except Cancelled:
            self._connection.send(CancelAck(job_id))
        except AimvError as error:
            self._connection.send(Failed(job_id, error_kind(error), _line(error)))
        except OSError as error:
            self._connection.send(Failed(job_id, "output", _line(self._cache.write_error(error))))
        except Exception as error:  # noqa: BLE001 - whatever a model library raises is this job's failure, not ours
            self._connection.send(Failed(job_id, "render", f"{type(error).__name__}: {_line(error)}"))

    def _render(self, job: Job, last: FinalStageExecutor) -> None:
        """The first stage; the last one is run here, or apart."""
        begun = time.monotonic()
        report = _Reporter(job.id, self._connection.send)
        cancelled = functools.partial(self._connection.cancelled, job.id)
        frames: FrameStream | None = None
        if not has_valid_checksum(self._cache.path_for(job.id)):
            frames = self._generator.render(job, cancelled, report.prelude)

        def write() -> None:
            if frames:
                self._write(job.id, frames, report, cancelled)
            elapsed = time.monotonic() - begun
            self._connection.send(Done(job.id, elapsed, self._deliver(job.id) if self._send else 0))

        apart = frames is not None and frames.overlappable
        work = functools.partial(self._attempt, job.id, write)
        last.run(work, apart, lambda: self._connection.send(Finishing(job.id)))

    def _write(self, job_id: str, frames: FrameStream, report: "_Reporter", cancelled: Callable[[], bool]) -> None:
        """The clip to the cache, frame by frame."""

        def on_frame(count: int) -> None:
            if cancelled():
                raise Cancelled
            report.frames(count / frames.count)

        with self._cache.writing(job_id) as part:
            on_frame(0)
            encode_clip(frames, part, on_frame)

    def _deliver(self, job_id: str) -> int:
        """Send the clip in pieces, without its seal, which the other cache makes anew; returns its size."""
        data = self._cache.path_for(job_id).read_bytes()[:-CHECKSUM_BYTES]
        for offset in range(0, len(data), CHUNK_BYTES):
            self._connection.send(Chunk(job_id, offset, data[offset : offset + CHUNK_BYTES]))
        self._cache.trim()
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
    parser.add_argument("--cache", required=True, type=Path, help="folder of the clip cache")
    parser.add_argument("--parent", required=True, type=int, help="process without which this one ends")
    parser.add_argument("--nice", type=int, default=0, help="by how much to lower its priority")
    options = parser.parse_args(arguments)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lower_priority(options.nice, session=options.nice > 0)  # also by 0: a show's short turns are not for its workers
    connection = Connection(
        LocalEngine(options.endpoint, options.name, options.parent), options.generator, options.model
    )
    signal.signal(signal.SIGTERM, lambda *_: connection.stop())
    connection.start()
    try:
        generator = create_generator(options.generator, options.model, options.index)
        cache = ClipCache(options.cache, 0)
    except AimvError as error:
        connection.send(Failed("", error_kind(error), _line(error)))
    except Exception as error:  # noqa: BLE001 - a library's failure to load, to be told in one line
        connection.send(Failed("", "model", f"{type(error).__name__}: {_line(error)}"))
    else:
        try:
            JobRunner(connection, generator, cache, send=False).run()
        finally:
            generator.close()
    finally:
        connection.close()


def serve(
    offer: WorkerOffer, generator: str, model: str, cache: ClipCache, on_ready: Callable[[], None] = lambda: None
) -> None:
    """Render for engines on other hosts, one at a time, until SIGINT or SIGTERM; call it in the main thread.

    `on_ready` is called once engines can connect. Clips are kept in `cache`, within its size, so that one whose sending
    was cut off need not be rendered again.

    Raises:
        UsageError, MissingExtra, ModelError: the generator cannot be loaded, or the address not be bound.
    """
    made = create_generator(generator, model)
    connection = Connection(offer, generator, model)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: connection.stop())
    connection.start()
    on_ready()
    try:
        JobRunner(connection, made, cache, send=True).run()
    finally:
        connection.close()
        made.close()


def _line(error: Exception) -> str:
    """The first line of an error's text, at most 500 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:500] if lines else type(error).__name__


if __name__ == "__main__":
    main()
