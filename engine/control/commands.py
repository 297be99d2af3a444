"""Commands that steer a show, in one table for keys, MQTT, OSC and MIDI; the state that they set; how they arrive."""

import asyncio
import difflib
import math
import time
from collections.abc import Callable
from typing import Any, Literal, Self

import msgspec

from engine.audio.beats import Tempo
from engine.errors import UsageError
from engine.types import Overrides

MAX_TEXT = 300  # characters
MAX_SEED = 2**31 - 1
_NOTICE_S = 6.0  # that a refusal is shown
_ON, _OFF = ("on", "true", "1", "yes"), ("off", "false", "0", "no")

Value = str | float | bool | None


class CommandRefused(UsageError):
    """A command that does not exist, has an invalid value, or is not possible now; the text says why."""


class CommandSpec(msgspec.Struct, frozen=True):
    """One command: its value, and what it does."""

    name: str
    help: str
    takes: Literal["nothing", "switch", "number", "text"] = "nothing"  # a switch without a value is toggled
    low: float = 0.0  # of a number
    high: float = 0.0
    whole: bool = False
    sets: str = ""  # attribute of `ControlState`; without one the command is an action
    live_only: bool = False  # refused while a song is played, whose shots and beats are known from the start

    def parse(self, value: Value) -> Value:
        """The value as a program sent it, normalized: a number may come as text, a switch as 0 or 1.

        Raises:
            CommandRefused: it is not valid.
        """
        match self.takes:
            case "nothing":
                if value not in (None, "", 1, "1", True):
                    raise CommandRefused(f"{self.name} takes no value, not {_quoted(value)}")
                return None
            case "switch":
                return self._switch(value)
            case "number":
                return self._number(value)
            case "text":
                return self._text(value)

    def at_position(self, position: float) -> "Command":
        """The command of a controller that stands at `position`, 0 to 1, of its way.

        Raises:
            CommandRefused: it takes text, which a controller cannot give.
        """
        match self.takes:
            case "number":
                value = self.low + position * (self.high - self.low)
                return Command(self.name, round(value) if self.whole else round(value, 4))
            case "switch":
                return Command(self.name, position >= 0.5)
            case "nothing":
                return Command(self.name)
        raise CommandRefused(f"{self.name} takes text, which a controller cannot give")

    def _switch(self, value: Value) -> bool | None:
        word = "" if value is None else str(value).strip().lower().removesuffix(".0")
        if word in ("", *_ON, *_OFF):
            return word in _ON if word else None
        raise CommandRefused(f"{self.name} is on or off, not {_quoted(value)}")

    def _number(self, value: Value) -> float:
        try:
            number = math.nan if value is None or isinstance(value, bool) else float(value)
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high or (self.whole and number != round(number)):
            allowed = f"a {'whole ' if self.whole else ''}number from {self.low:g} to {self.high:.10g}"
            raise CommandRefused(f"{self.name} takes {allowed}, not {_quoted(value)}")
        return round(number) if self.whole else number

    def _text(self, value: Value) -> str:
        if not isinstance(value, str):
            raise CommandRefused(f"{self.name} takes text, not {_quoted(value)}")
        if len(value) > MAX_TEXT:
            raise CommandRefused(f"{self.name} takes at most {MAX_TEXT} characters, not {len(value)}")
        if not all(character.isprintable() for character in value):
            raise CommandRefused(f"{self.name} takes one line of text without control characters")
        return value.strip()


COMMANDS = {
    spec.name: spec
    for spec in (
        CommandSpec("style", "words added to every sentence; empty for none", "text", sets="style", live_only=True),
        CommandSpec("next", "cut to a new shot now", live_only=True),
        CommandSpec("hold", "stay with the shot on screen", "switch", sets="hold"),
        CommandSpec("blackout", "fade to black, or back", "switch", sets="blackout"),
        CommandSpec("flashes", "the most flashes in any second", "number", 0, 3, whole=True, sets="flashes"),
        CommandSpec("react", "how far the music moves the picture", "number", 0, 2, sets="reaction"),
        CommandSpec("generator", "what makes the pictures", "text", live_only=True),
        CommandSpec("tap", "the beat is now; several give the tempo", live_only=True),
        CommandSpec("nudge", "shift the beat by milliseconds", "number", -200, 200, live_only=True),
        CommandSpec("seed", "the number that chance comes from", "number", 0, MAX_SEED, True, "seed", live_only=True),
        CommandSpec("quit", "end the show"),
    )
}


class Command(msgspec.Struct, frozen=True):
    """A command and its value, valid once constructed.

    Raises:
        CommandRefused: no such command, or a value that it cannot have.
    """

    name: str
    value: Value = None

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "value", find_command(self.name).parse(self.value))


def find_command(name: str) -> CommandSpec:
    """The command called `name`.

    Raises:
        CommandRefused: there is none; the nearest one is named.
    """
    if spec := COMMANDS.get(name):
        return spec
    near = difflib.get_close_matches(name[:40].lower(), COMMANDS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    raise CommandRefused(f"there is no command {name[:40]!r}: {hint}")


def _quoted(value: Value) -> str:
    if value is None or value == "":
        return "nothing"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


class ControlState(Overrides):
    """Applies commands, from the event loop. Show and compositor read the attributes; two commands call back."""

    def __init__(
        self,
        tempo: Tempo,
        position: Callable[[], float],
        *,
        style: str = "",
        seed: int = 0,
        generator: str = "",
        reaction: float = 1.0,
        on_next: Callable[[], None] = lambda: None,
        on_generator: Callable[[str], None] = lambda name: None,
        not_live: str = "",
    ) -> None:
        """`position` gives the show's time in s. `not_live` says why commands for live shows only are refused."""
        super().__init__(reaction=reaction)
        self.style, self.seed, self.generator = style, seed, generator
        self.hold = self.quit = False
        self.applied = self.refused = 0  # commands
        self._not_live = not_live
        self._actions: dict[str, Callable[[Any], object]] = {
            "next": lambda value: on_next(),
            "generator": on_generator,
            "tap": lambda value: tempo.tap(position()),
            "nudge": lambda value: tempo.nudge(value / 1000.0),
            "quit": lambda value: setattr(self, "quit", True),
        }
        self._notice, self._noticed = "", 0.0

    @property
    def notice(self) -> str:
        """What went wrong in the last seconds, if anything, for the performer."""
        return self._notice if time.monotonic() - self._noticed < _NOTICE_S else ""

    def notify(self, text: str) -> None:
        """Show the performer a notice for some seconds."""
        self._notice, self._noticed = text, time.monotonic()

    def apply(self, command: Command) -> None:
        """Apply `command`.

        Raises:
            CommandRefused: this show cannot; one line says why.
        """
        self.check(command.name)
        self.applied += 1
        spec = COMMANDS[command.name]
        if not spec.sets:
            self._actions[command.name](command.value)
        elif spec.takes == "switch" and command.value is None:
            setattr(self, spec.sets, not getattr(self, spec.sets))
        else:
            setattr(self, spec.sets, command.value)

    def dispatch(self, name: str, value: Value) -> str | None:
        """Apply the command called `name` as a program sent it; None, or why it was refused."""
        try:
            command = Command(name, value)
        except CommandRefused as error:
            return self.refuse(str(error))
        try:
            self.apply(command)
        except CommandRefused as error:
            return str(error)
        return None

    def check(self, name: str) -> None:
        """Raise what `apply` would for a command that this show cannot apply."""
        if not self.accepts(name):
            raise CommandRefused(self.refuse(f"{name} is not possible here: {self._not_live}"))

    def accepts(self, name: str) -> bool:
        """Whether this show can apply that command."""
        return not (self._not_live and COMMANDS[name].live_only)

    def refuse(self, reason: str) -> str:
        """Count a refusal and show its reason, which is returned, to the performer."""
        self.refused += 1
        self.notify(reason)
        return reason


class ControlContext(msgspec.Struct, frozen=True):
    """What transports steer and publish: the state, the tempo, the time of the show in s, and its telemetry."""

    state: ControlState
    tempo: Tempo
    position: Callable[[], float]
    telemetry: Callable[[], dict[str, Any]]


class Transport:
    """A way for commands to arrive: connected while entered. This base runs `run` in a task."""

    error = ""  # why it is not connected, if so
    _task: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Serve until cancelled."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name=type(self).__name__)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
