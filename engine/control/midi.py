"""Control by MIDI: the knobs, keys and pads of a controller, each mapped to a command."""

import asyncio
import contextlib
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from engine.control.commands import (
    Command,
    CommandRefused,
    CommandSpec,
    ControlContext,
    ControlState,
    Transport,
    find_command,
)
from engine.errors import DeviceError, UsageError, import_extra
from engine.files import suppress_stderr

_CONTROL = re.compile(r"ch([1-9]|1[0-6]) (cc|note|pitch) ?(\d{0,3})")
_PRESSED = 0.5  # of a control's way


def load_mido() -> Any:
    """mido, on python-rtmidi. Raises MissingExtra if it is not installed."""
    import_extra("rtmidi", "control by MIDI", "control")
    return import_extra("mido", "control by MIDI", "control")


def list_ports() -> list[str]:
    """The names of the MIDI inputs.

    Raises:
        MissingExtra: mido or python-rtmidi is not installed.
        DeviceError: the system has no MIDI at all.
    """
    return _backend()[1]


def _backend() -> tuple[Any, list[str]]:
    """The first MIDI service that answers (the system's own, or JACK), and its inputs. Raises as `list_ports`."""
    mido = load_mido()
    reasons = []
    for service in (None, "UNIX_JACK"):
        backend = mido.Backend("mido.backends.rtmidi", api=service)
        try:
            with suppress_stderr():
                return backend, list(dict.fromkeys(backend.get_input_names()))
        except Exception as error:  # noqa: BLE001 - rtmidi's errors share no base
            reasons.append(str(error).split(":")[-1].strip())
    raise DeviceError(f"this system has no MIDI ({reasons[0]}): on Linux load snd-seq, or start JACK")


def find_port(wanted: str) -> str:
    """The input whose name is, or holds, `wanted`.

    Raises as `list_ports`, and UsageError if there is none, or several.
    """
    there = list_ports()
    found = [name for name in there if name == wanted] or [name for name in there if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(repr, found or there)) or "none"
    which = "several MIDI inputs are" if found else "no MIDI input is"
    raise UsageError(f"{which} called {wanted!r}; there are {names}", option="midi")


def read_control(message: Any) -> tuple[str, float] | None:
    """Which control a message is of, as "ch1 cc7", "ch10 note36" or "ch1 pitch", and its position, 0 to 1.

    A released key is at 0. None for a message of no control.
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


class MidiMap:
    """Which control is which command, as the config has it: {"ch1 cc7": "react", "ch10 note36": "next"}.

    A command may have a value: {"ch10 note38": "style oil painting"}.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        """Raises UsageError for a control or a command that does not exist."""
        self._commands: dict[str, tuple[CommandSpec, Command | None]] = {}  # the command, if it has a value
        self._positions: dict[str, float] = {}
        for control, wanted in given.items():
            match = _CONTROL.fullmatch(control.lower())
            if not match or (match[2] == "pitch") == bool(match[3]) or int(match[3] or 0) > 127:
                raise UsageError(f"there is no MIDI control {control!r}: write ch1 cc7, ch10 note36 or ch1 pitch")
            name, _, value = wanted.partition(" ")
            try:
                spec = find_command(name)
                fixed = Command(name, value) if value or spec.takes == "text" else None
            except CommandRefused as error:
                raise UsageError(f"the MIDI control {control!r}: {error}") from None
            self._commands[f"ch{match[1]} {match[2]}{match[3]}"] = (spec, fixed)

    def command(self, control: str, position: float) -> Command | None:
        """The command of the control at `position`; None if it is not mapped, or is only being released."""
        if control not in self._commands:
            return None
        spec, fixed = self._commands[control]
        before, self._positions[control] = self._positions.get(control, 0.0), position
        is_key = "note" in control
        pressed = position >= _PRESSED > before or (is_key and position > 0.0)
        toggles = spec.takes == "switch" and is_key  # a knob or a lever sets a switch
        if fixed or spec.takes == "nothing" or toggles:
            return (fixed or Command(spec.name)) if pressed else None
        return None if is_key and not pressed else spec.at_position(position)


class MidiInput(Transport):
    """Receives from one MIDI input while entered."""

    def __init__(
        self, open_port: Callable[[Callable[[Any], None]], Any], mapping: MidiMap, state: ControlState
    ) -> None:
        """`open_port` opens an input that calls what it is given with each message, from any thread."""
        self._open_port, self._map, self._state = open_port, mapping, state
        self._port: Any = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def on_message(message: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.receive, message)

        self._port = self._open_port(on_message)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._port.close()

    def receive(self, message: Any) -> None:
        """Apply the command of one message, if it has one."""
        if (control := read_control(message)) and (command := self._map.command(*control)):
            with contextlib.suppress(CommandRefused):  # the state shows it
                self._state.apply(command)


def open_input(name: str, on_message: Callable[[Any], None]) -> Any:
    """Open the input called `name`; `on_message` is called with each message, from any thread.

    Raises:
        DeviceError: it is gone.
    """
    try:
        with suppress_stderr():
            return _backend()[0].open_input(name, callback=on_message)
    except Exception as error:  # noqa: BLE001 - rtmidi's errors share no base
        raise DeviceError(f"the MIDI input {name!r} cannot be opened ({error}): is it in use?") from None


def open_midi(options: Mapping[str, Any], context: ControlContext) -> MidiInput:
    """The transport of option `midi`, by the config's `midi_map`. Raises UsageError, MissingExtra or DeviceError."""
    mapping = MidiMap(options.get("midi_map") or {})
    return MidiInput(functools.partial(open_input, find_port(options["midi"])), mapping, context.state)
