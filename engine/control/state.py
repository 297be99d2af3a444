"""The desk: what the commands have set, for the show to read.

What every way of control shares: where a command goes, and how one that was refused is told.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from engine.audio.tempo import Tempo
from engine.control.commands import (
    Blackout,
    Command,
    Flashes,
    Generator,
    Hold,
    Next,
    Nudge,
    Quit,
    React,
    Refused,
    Seed,
    Style,
    Tap,
    Value,
    command_of,
)
from engine.types import Overrides

_NOTE_S = 6.0


class Desk(Overrides):
    """Follows commands, from the event loop. The show reads the attributes and is told of `next` and `generator`."""

    def __init__(
        self,
        tempo: Tempo,
        position: Callable[[], float],
        *,
        style: str = "",
        seed: int = 0,
        generator: str = "",
        on_next: Callable[[], None] = lambda: None,
        on_generator: Callable[[str], None] = lambda name: None,
        refuses: Mapping[str, str] | None = None,
    ) -> None:
        """`position` gives the show's time in s; `refuses` says of commands, by name, why they are not possible."""
        self.style, self.seed, self.generator = style, seed, generator
        super().__init__()
        self.hold = self.quit = False
        self.followed = self.refused = 0
        self._tempo, self._position = tempo, position
        self._on_next, self._on_generator = on_next, on_generator
        self._refuses = refuses or {}
        self._note, self._noted = "", 0.0

    @property
    def note(self) -> str:
        """What went wrong in the last seconds, if anything, for the person who plays."""
        return self._note if time.monotonic() - self._noted < _NOTE_S else ""

    def tell(self, note: str) -> None:
        """Have something said to the person who plays."""
        self._note, self._noted = note, time.monotonic()

    def take(self, command: Command) -> None:
        """Follow `command`.

        Raises:
            Refused: this show cannot; one line says why.
        """
        self.check(command)
        self.followed += 1
        match command:
            case Style(text):
                self.style = text
            case Seed(number):
                self.seed = number
            case Hold(on):
                self.hold = not self.hold if on is None else on
            case Blackout(on):
                self.blackout = not self.blackout if on is None else on
            case Flashes(most):
                self.flashes = most
            case React(amount):
                self.reaction = amount
            case Tap():
                self._tempo.tap(self._position())
            case Nudge(ms):
                self._tempo.nudge(ms / 1000.0)
            case Next():
                self._on_next()
            case Generator(name):
                self._on_generator(name)
            case Quit():
                self.quit = True

    def check(self, command: Command) -> None:
        """Raise what `take` would for a command that this show cannot follow."""
        name = type(command).__struct_config__.tag
        if reason := self._refuses.get(str(name)):
            raise self.refuse(f"{name} is not possible here: {reason}")

    def refuse(self, reason: str) -> Refused:
        """Count a refusal and have it said; the exception to raise."""
        self.refused += 1
        self.tell(reason)
        return Refused(reason)


class Receiver:
    """Turns what a program sent into a command and follows it; what cannot be is refused with a reason."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def receive(self, name: str, value: Value) -> str | None:
        """Follow the command called `name`; None, or why it was refused."""
        try:
            command = command_of(name, value)
        except Refused as refused:
            self._desk.refuse(str(refused))
            return str(refused)
        try:
            self._desk.take(command)
        except Refused as refused:
            return str(refused)
        return None

    def refuse(self, reason: str) -> str:
        """Something that is no command came; the reason, counted and said."""
        return str(self._desk.refuse(reason))


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
