"""Control by keyboard: which key is which command, and the line in which a style is typed."""

import contextlib

from engine.control.commands import MAX_SEED, MAX_TEXT, Command, CommandRefused, ControlState, Value
from engine.generators.registry import listed

_NUDGE_MS = 10.0
_REACT_STEP = 0.25


def key_command(key: str, state: ControlState) -> Command | None:
    """The command of `key`, given the present state; None for a key without one."""
    keys: dict[str, tuple[str, Value]] = {
        "n": ("next", None),
        " ": ("hold", None),
        "b": ("blackout", None),
        "t": ("tap", None),
        "[": ("nudge", -_NUDGE_MS),
        "]": ("nudge", _NUDGE_MS),
        "-": ("react", max(0.0, state.reaction - _REACT_STEP)),
        "+": ("react", min(2.0, state.reaction + _REACT_STEP)),
        "=": ("react", min(2.0, state.reaction + _REACT_STEP)),  # + without shift
        "s": ("seed", (state.seed + 1) % (MAX_SEED + 1)),
        "g": ("generator", _after(state.generator)),
        **{str(most): ("flashes", most) for most in range(4)},
    }
    return Command(*keys[key]) if key in keys else None


def _after(generator: str) -> str:
    """The generator listed after that one, the first after the last."""
    names = [spec.name for spec in listed()]
    return names[(names.index(generator) + 1) % len(names)] if generator in names else names[0]


class Keyboard:
    """Applies keys to `state`, which shows what is refused.

    Enter opens a line with the present style: keys are then letters, Enter applies what is typed, Esc cancels,
    Delete empties the line, up and down bring earlier styles.
    """

    def __init__(self, state: ControlState) -> None:
        self.typing: str | None = None  # the line, while there is one
        self._state = state
        self._styles: list[str] = [state.style] if state.style else []  # so far, the latest last
        self._index = 0  # which of them is in the line; past the last for none

    def press(self, key: str) -> None:
        """Handle a key: a character, or "up", "down", "delete"."""
        with contextlib.suppress(CommandRefused):
            if self.typing is not None:
                self._edit(key, self.typing)
            elif key == "\r":
                self._state.check("style")
                self.typing, self._index = self._state.style, len(self._styles)
            elif command := key_command(key, self._state):
                self._state.apply(command)

    def _edit(self, key: str, line: str) -> None:
        match key:
            case "\r":
                self.typing = None
                self._state.apply(Command("style", line))
                if style := self._state.style:
                    self._styles = [*(each for each in self._styles if each != style), style]
            case "\x1b":
                self.typing = None
            case "\b":
                self.typing = line[:-1]
            case "delete":
                self.typing = ""
            case "up" | "down" if self._styles:
                self._index = min(max(0, self._index + (1 if key == "down" else -1)), len(self._styles) - 1)
                self.typing = self._styles[self._index]
            case _ if len(key) == 1 and key.isprintable() and len(line) < MAX_TEXT:
                self.typing = line + key
