"""What the renderer keeps of its workers."""

import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from engine.errors import AimvError
from engine.render.lines import Address
from engine.render.orders import Loan, Order
from engine.render.process import RenderProcess

State = Literal["starting", "ready", "rendering", "lost", "refused"]


class WorkerEvent(msgspec.Struct, frozen=True):
    """A change in the life of a worker."""

    index: int  # which of the renderer's workers, from 0, those on other hosts last
    state: State
    pid: int  # on its own host
    detail: str = ""  # for "lost": how it ended; for "refused": why it is not used
    job_ids: tuple[str, ...] = ()  # what it has, the latest last


@dataclass(eq=False)
class Worker:
    """A render process and what it is known to do; without `process` it lives on another host."""

    index: int
    address: Address
    pid: int
    process: RenderProcess | None = None
    state: State = "starting"
    heard: float = field(default_factory=time.monotonic)
    loans: dict[str, Loan] = field(default_factory=dict)  # by job id, in order
    unfit: AimvError | None = None  # why its generator cannot be loaded

    def takes(self, order: Order) -> bool:
        """Whether it can begin `order` now: it is loaded, and all it has is in its last stage.

        An order over which a worker has died is rendered alone, so that it cannot cost another its tries.
        """
        if not self.loans:
            return self.state == "ready"
        return not order.deaths and all(loan.finishing and not loan.order.deaths for loan in self.loans.values())
