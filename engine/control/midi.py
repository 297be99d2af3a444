"""Control by MIDI: a controller's knobs, keys and pads, each learnt as a command."""

import asyncio
import importlib
import re
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from engine.audio.devices import suppress_stderr
from engine.control.commands import Command, Refused, command_of, spec_of
from engine.control.state import Desk
from engine.errors import DeviceError, MissingExtra, UsageError

_CONTROL = re.compile(r"ch([1-9]|1[0-6]) (cc|note|pitch) ?(\d{0,3})")
_HALF = 0.5


def library() -> Any:
    """mido, on python-rtmidi. Raises MissingExtra if it is not installed."""
    try:
        importlib.import_module("rtmidi")
        return importlib.import_module("mido")
    except ImportError:
        raise MissingExtra("control by MIDI", "control") from None


def ports() -> list[str]:
    """The MIDI inputs there are.

    Raises:
        MissingExtra: mido or python-rtmidi is not installed.
        DeviceError: the system has no MIDI at all.
    """
    return _there()[1]


def _there() -> tuple[Any, list[str]]:
    """The first of the system's MIDI services that answers (its own, or JACK), and its inputs. Raises as `ports`."""
    mido = library()
    whys = []
    for service in (None, "UNIX_JACK"):
        backend = mido.Backend("mido.backends.rtmidi", api=service)
        try:
            with suppress_stderr():
                return backend, list(dict.fromkeys(backend.get_input_names()))
        except Exception as error:  # noqa: BLE001 - rtmidi's errors share no base
            whys.append(str(error).split(":")[-1].strip())
    raise DeviceError(f"this system has no MIDI ({whys[0]}): on Linux load snd-seq, or start JACK")


def find_port(wanted: str) -> str:
    """The input whose name is, or holds, `wanted`.

    Raises as `ports`, and UsageError if there is none, or several.
    """
    there = ports()
    found = [name for name in there if name == wanted] or [name for name in there if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(repr, found or there)) or "none"
    raise UsageError(
        f"{'several MIDI inputs are' if found else 'no MIDI input is'} called {wanted!r}; there are {names}"
    )


def control_of(message: Any) -> tuple[str, float] | None:
    """Which control a message comes from, as "ch1 cc7", "ch10 note36" or "ch1 pitch", and how far it is, 0 to 1.

    A key that is let go is at 0. None for a message that no control sends.
    """
    match message.type:
        case "control_change":
            return f"ch{message.channel + 1} cc{message.control}", message.value / 127
        case "note_on":
            return f"ch{message.channel + 1} note{message.note}", message.velocity / 127
        case "note_off":
            return f"ch{message.channel + 1} note{message.note}", 0.0
        case "pitchwheel":
            return f"ch{message.channel + 1} pitch", (message.pitch + 8192) / 16383
    return None


class Map:
    """Which control asks for which command, as the config has it: {"ch1 cc7": "react", "ch10 note36": "next"}.

    A command may bring its value: {"ch10 note38": "style oil painting"}.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Raises UsageError for a control or a command that cannot be."""
        self._commands: dict[str, tuple[str, str | None]] = {}
        self._before: dict[str, float] = {}
        for control, wanted in given.items():
            match = _CONTROL.fullmatch(control.lower())
            if not match or (match[2] == "pitch") == bool(match[3]) or int(match[3] or 0) > 127:
                raise UsageError(f"there is no MIDI control {control!r}: write ch1 cc7, ch10 note36 or ch1 pitch")
            name, _, value = wanted.partition(" ")
            try:
                spec = spec_of(name)
                if value or spec.takes == "text":
                    command_of(name, value)
            except Refused as refused:
                raise UsageError(f"the MIDI control {control!r}: {refused}") from None
            key = f"ch{match[1]} {match[2]}{match[3]}"
            self._commands[key] = (name, value or None)

    def command(self, control: str, share: float) -> Command | None:
        """What the control at `share` asks for; None if it is not learnt, or is only being let go."""
        if control not in self._commands:
            return None
        name, value = self._commands[control]
        before, self._before[control] = self._before.get(control, 0.0), share
        pressed = share >= _HALF > before or ("note" in control and share > 0.0)
        spec = spec_of(name)
        if value is not None:
            return command_of(name, value) if pressed else None
        if spec.takes == "nothing":
            return spec.make(None) if pressed else None
        if spec.takes == "switch" and "note" in control:  # a key changes it over, a knob or a lever sets it
            return spec.make(None) if pressed else None
        if "note" in control and not pressed:
            return None
        return spec.of_share(share)


class Midi:
    """Listens to one MIDI input while entered."""

    def __init__(self, open_port: Callable[[Callable[[Any], None]], Any], mapping: Map, desk: Desk) -> None:
        """`open_port` opens an input that calls what it is given with each message, from any thread."""
        self._open_port, self._map, self._desk = open_port, mapping, desk
        self._port: Any = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def came(message: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.hear, message)

        self._port = self._open_port(came)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._port.close()

    def hear(self, message: Any) -> None:
        """Follow one message."""
        if (control := control_of(message)) is None:
            return
        try:
            command = self._map.command(*control)
            if command:
                self._desk.take(command)
        except Refused as refused:
            self._desk.tell(str(refused))


def open_input(name: str) -> Callable[[Callable[[Any], None]], Any]:
    """An `open_port` for the input called `name`; opening raises DeviceError if it is gone."""

    def opened(came: Callable[[Any], None]) -> Any:
        try:
            with suppress_stderr():
                return _there()[0].open_input(name, callback=came)
        except Exception as error:  # noqa: BLE001 - rtmidi's errors share no base
            raise DeviceError(f"the MIDI input {name!r} cannot be opened ({error}): is it in use?") from None

    return opened
