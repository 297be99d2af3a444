"""Control by OSC over UDP: /aimv/NAME with the value as its argument; refusals are answered by /aimv/refused."""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from engine.control.commands import ControlContext, ControlState, Transport
from engine.errors import UsageError, import_extra

_PREFIX = "/aimv/"


def parse_address(given: str, option: str = "osc") -> tuple[str, int]:
    """(host, port) of PORT or HOST:PORT; without a host only this machine can connect.

    Raises:
        UsageError: that is no port.
    """
    host, _, port = given.rpartition(":")
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"{given!r} is no port: give PORT, or HOST:PORT, for example 0.0.0.0:9000", option=option)
    return host or "127.0.0.1", int(port)


class OscServer(Transport, asyncio.DatagramProtocol):
    """Receives at `host` and `port` while entered."""

    def __init__(self, host: str, port: int, state: ControlState) -> None:
        """Raises MissingExtra if python-osc is not installed."""
        self._packets = import_extra("pythonosc.osc_packet", "control by OSC", "control")
        self._builder = import_extra("pythonosc.osc_message_builder", "control by OSC", "control")
        self.port = port
        self._host, self._state = host, state
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        """Open the port.

        Raises:
            UsageError: it cannot be opened.
        """
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self._host, self.port))
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"OSC cannot be received at {self._host}:{self.port} ({reason}): choose another port", option="osc"
            ) from None
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One packet: a message, or a bundle of them."""
        try:
            messages = [timed.message for timed in self._packets.OscPacket(data).messages]
        except Exception:  # noqa: BLE001 - python-osc lets struct and index errors of damaged packets through
            self._answer(addr, "", self._state.refuse("an OSC packet that cannot be read"))
            return
        for message in messages:
            self._receive(str(message.address), list(message.params), addr)

    def _receive(self, address: str, values: list[Any], addr: Any) -> None:
        name = address.removeprefix(_PREFIX)
        if not address.startswith(_PREFIX):
            reason: str | None = self._state.refuse(f"{address[:40]!r} is no command: those are {_PREFIX}NAME")
        elif len(values) > 1 or not all(isinstance(value, str | int | float | bool) for value in values):
            reason = self._state.refuse(f"{name[:40]} takes one value at most: a number, a text, true or false")
        else:
            reason = self._state.dispatch(name, values[0] if values else None)
        if reason:
            self._answer(addr, name[:40], reason)

    def _answer(self, addr: Any, name: str, reason: str) -> None:
        answer = self._builder.OscMessageBuilder(address=f"{_PREFIX}refused")
        answer.add_arg(name)
        answer.add_arg(reason)
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(answer.build().dgram, addr)


def open_osc(options: Mapping[str, Any], context: ControlContext) -> OscServer:
    """The transport of option `osc`. Raises UsageError or MissingExtra."""
    return OscServer(*parse_address(options["osc"]), context.state)
