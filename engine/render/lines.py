"""The engine's ends of its lines: a socket for the processes of this host, and one to each process on another."""

import contextlib
from collections.abc import Callable, Container, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from engine.errors import ProtocolError
from engine.render.protocol import MAX_MESSAGE_BYTES, Message, Who, decode, encode
from engine.render.remote import WORKER, Remote, connect


class Address(msgspec.Struct, frozen=True):
    """Where a worker is reached: on which line, 0 for those of this host, and by which name."""

    line: int
    name: bytes


class Lines:
    """Opens its sockets in `folder`, which is private to this engine and gives it its name, and to the `remotes`.

    Raises:
        UsageError: one of the remotes' addresses is none.
    """

    def __init__(self, folder: Path, remotes: Sequence[Remote]) -> None:
        self._context = zmq.asyncio.Context()
        self.endpoint = f"ipc://{folder}/socket"
        here = self._context.socket(zmq.ROUTER)
        here.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        here.bind(self.endpoint)
        self._sockets = [here]
        try:
            self._sockets += [connect(self._context, remote, folder.name) for remote in remotes]
        except BaseException:
            self.close()
            raise
        self._names = ["here", *(remote.address for remote in remotes)]

    def close(self) -> None:
        """Close them all at once; what was not sent is not."""
        self._context.destroy(0)

    def listeners(self, hear: Callable[[Address, Message], None]) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """For each line what to run, and its name: it tells `hear` what comes and who says it. Garbage is left out."""
        for line, name in enumerate(self._names):
            yield name, self._listen(line, hear)

    def send(self, address: Address, message: Message) -> None:
        """Send at once, or drop what cannot be delivered: beats show what was lost."""
        self._sockets[address.line].send_multipart([address.name, encode(message)])  # not awaited: a ROUTER never waits

    def ask(self, who: Who, known: Container[Address]) -> None:
        """Ask the workers on other hosts that are not `known` for their service."""
        for line in range(1, len(self._sockets)):
            if (address := Address(line, WORKER)) not in known:
                self.send(address, who)

    async def _listen(self, line: int, hear: Callable[[Address, Message], None]) -> None:
        while True:
            parts = await self._sockets[line].recv_multipart()
            with contextlib.suppress(ProtocolError):
                if len(parts) == 2:
                    hear(Address(line, parts[0]), decode(parts[1]))
