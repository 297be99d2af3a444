"""Render process: receives jobs from the engine, one after the other, and writes finished clips into the cache.

    python -m engine.worker.main ENDPOINT --name 0 --generator NAME --cache FOLDER --parent PID

The main thread owns the generator. A second thread (`engine.worker.connection`) owns the socket and keeps the
heartbeat, because one step on a GPU may take seconds. Where a generator allows, a third one decodes and encodes the
frames of a clip while the main thread starts the next. SIGINT is ignored (the parent decides what Ctrl-C means);
SIGTERM cancels the jobs and ends the process. `serve` does the same for engines on other hosts.
"""

import argparse
import functools
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from engine.errors import AimvError, Cancelled
from engine.generators.base import FrameStream, Generator
from engine.generators.registry import create_generator
from engine.outputs.encoder import encode_clip
from engine.render.cache import CHECKSUM_BYTES, ClipCache, has_valid_checksum
from engine.render.protocol import (
    CHUNK_BYTES,
    CancelAck,
    Chunk,
    Done,
    Failed,
    Finishing,
    Job,
    Message,
    Progress,
    Ready,
    error_kind,
)
from engine.render.transport import WorkerOffer
from engine.threads import lower_priority
from engine.worker.connection import Connection, LocalEngine


class FinalStageExecutor:
    """Runs the final stages of jobs, one at a time and in order; leaving its context waits for the last one."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "final stage")
        self._latest: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def run(self, stage: Callable[[], None], overlap: bool, on_overlap: Callable[[], None] = lambda: None) -> None:
        """Run `stage` after the one before: in this thread, or, with `overlap`, in another while this call returns.

        `on_overlap` is called before it does so. An exception of the stage before is raised here.
        """
        self.wait()
        if not overlap:
            stage()
            return
        on_overlap()
        self._latest = self._executor.submit(stage)

    def wait(self) -> None:
        """Wait for the latest stage and raise its exception, if any."""
        latest, self._latest = self._latest, None
        if latest:
            latest.result()


_PROGRESS_SECONDS = 0.1  # between two reports
_FIRST_STAGE = 0.9  # share of the progress, for a generator that reports progress before its first frame


class JobRunner:
    """Renders jobs from `connection` with `generator` into `cache`, and with `send` sends the clips too."""

    def __init__(self, connection: Connection, generator: Generator, cache: ClipCache, send: bool) -> None:
        self._connection = connection
        self._generator = generator
        self._cache = cache
        self._send_clips = send

    def run(self) -> None:
        """Render until the connection is stopped."""
        self._connection.send(Ready())
        with FinalStageExecutor() as final:
            while (job := self._connection.jobs.get()) is not None:
                self._attempt(job.id, functools.partial(self._render, job, final))

    def _attempt(self, job_id: str, stage: Callable[[], None]) -> None:
        """Run a stage of the job and report its failure."""
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

    def _render(self, job: Job, final: FinalStageExecutor) -> None:
        """Run the first stage, then the final one, which may overlap the next job."""
        started = time.monotonic()
        report = _Reporter(job.id, self._connection.send)
        cancelled = functools.partial(self._connection.cancelled, job.id)
        frames: FrameStream | None = None
        if not has_valid_checksum(self._cache.path_for(job.id)):
            frames = self._generator.render(job, cancelled, report.first_stage)

        def write() -> None:
            if frames:
                self._write(job.id, frames, report, cancelled)
            elapsed = time.monotonic() - started
            self._connection.send(Done(job.id, elapsed, self._send_clip(job.id) if self._send_clips else 0))

        overlap = frames is not None and frames.overlappable
        stage = functools.partial(self._attempt, job.id, write)
        final.run(stage, overlap, lambda: self._connection.send(Finishing(job.id)))

    def _write(self, job_id: str, frames: FrameStream, report: "_Reporter", cancelled: Callable[[], bool]) -> None:
        """Encode the frames into a clip of the cache."""

        def on_frame(count: int) -> None:
            if cancelled():
                raise Cancelled
            report.frames(count / frames.count)

        with self._cache.writing(job_id) as part:
            on_frame(0)
            encode_clip(frames, part, on_frame)

    def _send_clip(self, job_id: str) -> int:
        """Send the clip in chunks, without its checksum, which the other cache adds again; returns its size."""
        data = self._cache.path_for(job_id).read_bytes()[:-CHECKSUM_BYTES]
        for offset in range(0, len(data), CHUNK_BYTES):
            self._connection.send(Chunk(job_id, offset, data[offset : offset + CHUNK_BYTES]))
        self._cache.trim()
        return len(data)


class _Reporter:
    """Combines the progress of both stages into one rising share, and limits how often it is sent."""

    def __init__(self, job_id: str, send: Callable[[Message], None]) -> None:
        self._job_id = job_id
        self._send = send
        self._start = 0.0
        self._last = 0.0

    def first_stage(self, share: float) -> None:
        self._start = _FIRST_STAGE
        self._report(_FIRST_STAGE * share)

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
    parser.add_argument("--name", required=True, help="identity of this process on the engine's socket")
    parser.add_argument("--generator", required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--index", type=int, default=0, help="which of the engine's processes on this host it is")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the clip cache")
    parser.add_argument("--parent", required=True, type=int, help="process without which this one ends")
    parser.add_argument("--nice", type=int, default=0, help="by how much to lower its priority")
    options = parser.parse_args(arguments)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lower_priority(options.nice, session=options.nice > 0)  # even by 0, which resets short time slices
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
    except Exception as error:  # noqa: BLE001 - a library's failure to load, reported in one line
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
    was interrupted need not be rendered again.

    Raises:
        UsageError, MissingExtra, ModelError: the generator cannot be loaded, or the address cannot be bound.
    """
    loaded = create_generator(generator, model)
    connection = Connection(offer, generator, model)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: connection.stop())
    connection.start()
    on_ready()
    try:
        JobRunner(connection, loaded, cache, send=True).run()
    finally:
        connection.close()
        loaded.close()


def _line(error: Exception) -> str:
    """The first line of an error's text, at most 500 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:500] if lines else type(error).__name__


if __name__ == "__main__":
    main()
