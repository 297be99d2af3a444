"""The keyboard: which key asks for which command."""

from engine.control.commands import Blackout, Command, Flashes, Hold, Next, Nudge, React, Seed, Tap

_NUDGE_MS = 10.0
_REACT_STEP = 0.25


def command_of_key(key: str, react: float, seed: int) -> Command | None:
    """The command of `key`, given what the reaction amount and the seed are now; None for a key without one."""
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
        **{str(most): Flashes(most) for most in range(4)},
    }
    return keys.get(key)
