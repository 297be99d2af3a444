"""The control state: what commands have set, for the show to read; and the base of the transports they arrive by."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

import msgspec

from engine.audio.beats import Tempo
from engine.control.commands import COMMANDS, Command, CommandRefused, Value
from engine.types import Overrides

_NOTICE_S = 6.0


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
