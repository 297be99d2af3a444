"""The transports by which a show may be steered, and the service that connects the configured ones while it runs."""

import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from engine.control.link import open_link
from engine.control.midi import open_midi
from engine.control.mqtt import open_mqtt
from engine.control.osc import open_osc
from engine.control.state import ControlContext, Transport


class TransportSpec(msgspec.Struct, frozen=True):
    """A transport: the option that asks for it, and how it is opened by the options."""

    option: str  # its name in aimv/options.py
    open: Callable[[Mapping[str, Any], ControlContext], Transport]


TRANSPORTS = (
    TransportSpec("mqtt", open_mqtt),
    TransportSpec("osc", open_osc),
    TransportSpec("midi", open_midi),
    TransportSpec("link", open_link),
)


class ControlService:
    """The transports that the options ask for, checked at once and connected while entered.

    Raises:
        UsageError, MissingExtra, DeviceError: one of them is not possible; entering it, one cannot be connected.
    """

    def __init__(self, options: Mapping[str, Any], context: ControlContext) -> None:
        """`options` by their names in aimv/options.py, and "midi_map"; others are ignored."""
        self.transports = [each.open(options, context) for each in TRANSPORTS if options.get(each.option)]
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            for transport in self.transports:
                await stack.enter_async_context(transport)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def error(self) -> str:
        """What is not connected, and why; empty if all is well."""
        return next((each.error for each in self.transports if each.error), "")
