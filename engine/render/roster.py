"""What the renderer keeps of its jobs and workers."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import zmq.asyncio

from engine.errors import AimvError, ProtocolError
from engine.messages import Clip, Job
from engine.render.incoming import Incoming
from engine.render.process import RenderProcess
from engine.render.protocol import Piece
from engine.render.store import ClipStore

State = Literal["starting", "ready", "rendering", "lost", "refused"]


class WorkerEvent(msgspec.Struct, frozen=True):
    """A change in the life of a worker."""

    index: int  # which of the renderer's workers, from 0, those on other hosts last
    state: State
    pid: int  # on its own host
    detail: str = ""  # for "lost": how it ended; for "refused": what it renders instead
    job_id: str = ""  # for "rendering" and "lost": what it was given


@dataclass(eq=False)
class Order:
    """An accepted job."""

    job: Job
    job_id: str
    serial: int
    deadline: float
    done: asyncio.Future[Clip]
    waiters: int = 0
    deaths: int = 0
    worker: "Worker | None" = None


@dataclass(eq=False)
class Worker:
    """A render process and what it is known to do; without `process` it lives on another host."""

    index: int
    name: bytes
    socket: zmq.asyncio.Socket
    pid: int
    process: RenderProcess | None = None
    state: State = "starting"
    heard: float = field(default_factory=time.monotonic)
    order: Order | None = None
    acked: bool = False
    idle_beats: int = 0
    incoming: Incoming | None = None  # the clip that it is sending
    unfit: AimvError | None = None  # why its generator cannot be loaded

    def take(self, part: Piece | int, store: ClipStore) -> None:
        """A piece of the clip that it sends, or, as a number, the size of the whole.

        Pieces that do not fit together, or to the size, leave nothing in the store.

        Raises:
            OSError: no room, or no permission; nothing is left.
        """
        try:
            if isinstance(part, int):
                incoming, self.incoming = self.incoming, None
                if incoming:
                    incoming.finish(part)
                return
            if part.offset == 0:
                self.drop()
                self.incoming = Incoming(store, part.job_id)
            if self.incoming:
                self.incoming.take(part)
        except ProtocolError:
            self.drop()
        except OSError:
            self.drop()
            raise

    def drop(self) -> None:
        """Leave nothing of the clip that it was sending."""
        incoming, self.incoming = self.incoming, None
        if incoming:
            incoming.abandon()
