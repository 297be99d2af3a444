"""Every way to steer a show, joined to its desk while it runs: MQTT, OSC, MIDI and Ableton Link."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from engine.audio.tempo import Tempo
from engine.control import midi, osc
from engine.control.link import Link
from engine.control.mqtt import Mqtt, broker_of
from engine.control.state import Desk, Receiver


class Wires(msgspec.Struct, frozen=True, kw_only=True):
    """How a show may be reached; empty for not at all."""

    mqtt: str = ""  # mqtt://[USER@]HOST[:PORT][/PREFIX], mqtts:// for TLS
    mqtt_password: str = ""
    mqtt_ca: str = ""  # file with the broker's certificate
    osc: str = ""  # PORT or HOST:PORT
    midi: str = ""  # name of an input, or a part of it
    midi_map: Mapping[str, str] = {}
    link: bool = False


class ControlRoom:
    """The wires of a show, checked at once; `connected` joins them to it.

    Raises UsageError, MissingExtra or DeviceError for what cannot be.
    """

    def __init__(
        self,
        wires: Wires,
        desk: Desk,
        tempo: Tempo,
        position: Callable[[], float],
        telemetry: Callable[[], dict[str, Any]],
    ) -> None:
        receiver = Receiver(desk)
        self.mqtt: Mqtt | None = None
        self.osc: osc.Osc | None = None
        self.midi: midi.Midi | None = None
        self.link: Link | None = None
        if wires.mqtt:
            broker = broker_of(wires.mqtt, wires.mqtt_password or None, wires.mqtt_ca or None)
            self.mqtt = Mqtt(broker, receiver, telemetry)
        if wires.osc:
            self.osc = osc.Osc(*osc.address_of(wires.osc), receiver)
        if wires.midi:
            self.midi = midi.Midi(midi.open_input(midi.find_port(wires.midi)), midi.Map(wires.midi_map), desk)
        if wires.link:
            self.link = Link(tempo, position)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Listen while the block runs.

        Raises:
            UsageError, DeviceError: the OSC port or the MIDI input cannot be had.
        """
        async with contextlib.AsyncExitStack() as stack:
            for door in (self.osc, self.midi):
                if door:
                    await stack.enter_async_context(door)
            running = [
                asyncio.create_task(each.run(), name=type(each).__name__) for each in (self.mqtt, self.link) if each
            ]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
                if running:
                    await asyncio.wait(running)

    @property
    def why(self) -> str:
        """What is not connected, and why; empty if all is well."""
        return self.mqtt.why if self.mqtt else ""
