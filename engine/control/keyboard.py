"""The keyboard: which key asks for which command, and the line in which a style is typed."""

import contextlib

from engine.control.commands import (
    LONGEST_TEXT,
    Blackout,
    Command,
    Flashes,
    Generator,
    Hold,
    Next,
    Nudge,
    React,
    Refused,
    Seed,
    Style,
    Tap,
    command_of,
)
from engine.control.state import Desk
from engine.generators.registry import listed

_NUDGE_MS = 10.0
_REACT_STEP = 0.25
_ENTER = "\r"


def command_of_key(key: str, react: float, seed: int, generator: str) -> Command | None:
    """The command of `key`, given how reaction, seed and generator stand; None for a key without one."""
    keys: dict[str, Command] = {
        "n": Next(),
        " ": Hold(),
        "b": Blackout(),
        "t": Tap(),
        "[": Nudge(-_NUDGE_MS),
        "]": Nudge(_NUDGE_MS),
        "-": React(max(0.0, react - _REACT_STEP)),
        "+": React(min(2.0, react + _REACT_STEP)),
        "=": React(min(2.0, react + _REACT_STEP)),  # + without shift
        "s": Seed((seed + 1) % 2**31),
        "g": Generator(_after(generator)),
        **{str(most): Flashes(most) for most in range(4)},
    }
    return keys.get(key)


def _after(generator: str) -> str:
    """The generator listed after that one, the first after the last."""
    names = [spec.name for spec in listed()]
    return names[(names.index(generator) + 1) % len(names)] if generator in names else names[0]


class Keyboard:
    """Follows keys at `desk`; what cannot be is said there.

    Enter opens a line with the style as it is: keys are then letters, Enter applies what is typed, Esc leaves it,
    Delete empties it, up and down bring the styles that there have been.
    """

    def __init__(self, desk: Desk) -> None:
        self.typing: str | None = None  # the line, while there is one
        self._desk = desk
        self._styles: list[str] = [desk.style] if desk.style else []
        self._at = 0  # which of them stands in the line; past the last for none

    def press(self, key: str) -> None:
        """Take a key: a character, or "up", "down", "delete"."""
        desk = self._desk
        with contextlib.suppress(Refused):
            if self.typing is not None:
                self._type(key, self.typing)
            elif key == _ENTER:
                desk.check(Style(""))
                self.typing, self._at = desk.style, len(self._styles)
            elif command := command_of_key(key, desk.reaction, desk.seed, desk.generator):
                desk.take(command)

    def _type(self, key: str, line: str) -> None:
        match key:
            case "\r":
                self.typing = None
                self._desk.take(command_of("style", line))
                if style := self._desk.style:
                    self._styles = [*(each for each in self._styles if each != style), style]
            case "\x1b":
                self.typing = None
            case "\b":
                self.typing = line[:-1]
            case "delete":
                self.typing = ""
            case "up" | "down" if self._styles:
                self._at = min(max(0, self._at + (1 if key == "down" else -1)), len(self._styles) - 1)
                self.typing = self._styles[self._at]
            case _ if len(key) == 1 and key.isprintable() and len(line) < LONGEST_TEXT:
                self.typing = line + key
