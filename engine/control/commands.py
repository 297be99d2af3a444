"""The commands that steer a show: one set, whether they come from a key, MQTT, OSC or MIDI."""

import difflib
import math
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from engine.errors import UsageError

LONGEST_TEXT = 300  # characters


class Refused(UsageError):
    """A command that cannot be followed; the text says why."""


class Style(msgspec.Struct, frozen=True, tag="style"):
    """Words added to every sentence from the next shot on; empty for none."""

    text: str


class Next(msgspec.Struct, frozen=True, tag="next"):
    """Cut to a new shot now."""


class Hold(msgspec.Struct, frozen=True, tag="hold"):
    """Stay with the shot that is on screen until let go; None changes it over."""

    on: bool | None = None


class Blackout(msgspec.Struct, frozen=True, tag="blackout"):
    """Fade to black, or back; None changes it over."""

    on: bool | None = None


class Flashes(msgspec.Struct, frozen=True, tag="flashes"):
    """The most flashes that may be shown in any second."""

    most: int


class React(msgspec.Struct, frozen=True, tag="react"):
    """How far the music moves the picture: 0 not at all, 1 as usual, 2 a lot."""

    amount: float


class Generator(msgspec.Struct, frozen=True, tag="generator"):
    """What makes the pictures from the next shot on."""

    name: str


class Tap(msgspec.Struct, frozen=True, tag="tap"):
    """The beat is now; several in a row give the tempo."""


class Nudge(msgspec.Struct, frozen=True, tag="nudge"):
    """Shift the beat by so many milliseconds; later is positive."""

    ms: float


class Seed(msgspec.Struct, frozen=True, tag="seed"):
    """The number that chance comes from, from the next shot on."""

    number: int


class Quit(msgspec.Struct, frozen=True, tag="quit"):
    """End the show."""


Command = Style | Next | Hold | Blackout | Flashes | React | Generator | Tap | Nudge | Seed | Quit
Value = str | float | bool | None


class Spec(msgspec.Struct, frozen=True):
    """What a command takes: nothing, a switch (none changes it over), a number in a range, or text."""

    name: str
    takes: Literal["nothing", "switch", "number", "text"]
    make: Callable[[Any], Command]
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    def of_share(self, share: float) -> Command:
        """The command that a controller at `share` (0 to 1) of its way asks for.

        Raises:
            Refused: it takes text, which a controller cannot give.
        """
        match self.takes:
            case "number":
                value = self.low + share * (self.high - self.low)
                return self.make(round(value) if self.whole else round(value, 4))
            case "switch":
                return self.make(share >= 0.5)
            case "nothing":
                return self.make(None)
        raise Refused(f"{self.name} takes text, which a controller cannot give")


SPECS = {
    spec.name: spec
    for spec in (
        Spec("style", "text", Style),
        Spec("next", "nothing", lambda value: Next()),
        Spec("hold", "switch", Hold),
        Spec("blackout", "switch", Blackout),
        Spec("flashes", "number", Flashes, 0, 3, whole=True),
        Spec("react", "number", React, 0.0, 2.0),
        Spec("generator", "text", Generator),
        Spec("tap", "nothing", lambda value: Tap()),
        Spec("nudge", "number", Nudge, -200.0, 200.0),
        Spec("seed", "number", Seed, 0, 2**31 - 1, whole=True),
        Spec("quit", "nothing", lambda value: Quit()),
    )
}
_ON, _OFF = ("on", "true", "1", "yes"), ("off", "false", "0", "no")


def spec_of(name: str) -> Spec:
    """The command called `name`.

    Raises:
        Refused: there is none; the nearest one is named.
    """
    if spec := SPECS.get(name):
        return spec
    near = difflib.get_close_matches(name[:40].lower(), SPECS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SPECS)}"
    raise Refused(f"there is no command {name[:40]!r}: {hint}")


def command_of(name: str, value: Value = None) -> Command:
    """The command called `name` with `value`, as a program sent it: a number may come as text, a switch as 0 or 1.

    Raises:
        Refused: no such command, or a value that it cannot have.
    """
    spec = spec_of(name)
    match spec.takes:
        case "nothing":
            if value not in (None, "", 1, "1", True):
                raise Refused(f"{name} takes no value, not {_shown(value)}")
            return spec.make(None)
        case "switch":
            return spec.make(_switch(name, value))
        case "number":
            return spec.make(_number(spec, value))
        case "text":
            return spec.make(_text(name, value))


def _switch(name: str, value: Value) -> bool | None:
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    word = word.removesuffix(".0")
    if word in _ON:
        return True
    if word in _OFF:
        return False
    raise Refused(f"{name} is on or off, not {_shown(value)}")


def _number(spec: Spec, value: Value) -> float:
    allowed = f"a {'whole ' if spec.whole else ''}number from {spec.low:g} to {spec.high:.10g}"
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except ValueError:
        number = math.nan
    if not spec.low <= number <= spec.high or (spec.whole and number != round(number)):
        raise Refused(f"{spec.name} takes {allowed}, not {_shown(value)}")
    return round(number) if spec.whole else number


def _text(name: str, value: Value) -> str:
    if not isinstance(value, str):
        raise Refused(f"{name} takes text, not {_shown(value)}")
    if len(value) > LONGEST_TEXT:
        raise Refused(f"{name} takes at most {LONGEST_TEXT} characters, not {len(value)}")
    if not all(character.isprintable() for character in value):
        raise Refused(f"{name} takes one line of text without control characters")
    return value.strip()


def _shown(value: Value) -> str:
    if value is None or value == "":
        return "nothing"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
