"""The transports by which a show may be steered, and the service that connects the configured ones while it runs."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Self

from engine.control.commands import ControlContext, Transport
from engine.control.link import open_link
from engine.control.midi import open_midi
from engine.control.mqtt import open_mqtt
from engine.control.osc import open_osc

# By the option that asks for a transport (its name in aimv/options.py), how it is opened by the options.
TRANSPORTS: dict[str, Callable[[Mapping[str, Any], ControlContext], Transport]] = {
    "mqtt": open_mqtt,
    "osc": open_osc,
    "midi": open_midi,
    "link": open_link,
}


class ControlService:
    """The transports that the options ask for, checked at once and connected while entered.

    Raises:
        UsageError, MissingExtra, DeviceError: one of them is not possible; entering it, one cannot be connected.
    """

    def __init__(self, options: Mapping[str, Any], context: ControlContext) -> None:
        """`options` by their names in aimv/options.py, and "midi_map"; others are ignored."""
        self.transports = [open_(options, context) for option, open_ in TRANSPORTS.items() if options.get(option)]
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            for transport in self.transports:
                await stack.enter_async_context(transport)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def error(self) -> str:
        """What is not connected, and why; empty if all is well."""
        return next((each.error for each in self.transports if each.error), "")
