"""One set of commands: what they take, what they refuse and why."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.control.commands import (
    SPECS,
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
    command_of,
)
from engine.control.keyboard import command_of_key


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("style", "  oil painting ", Style("oil painting")),
        ("style", "", Style("")),
        ("next", None, Next()),
        ("next", "", Next()),
        ("next", 1.0, Next()),
        ("hold", None, Hold(None)),
        ("hold", "on", Hold(True)),
        ("hold", 0.0, Hold(False)),
        ("blackout", True, Blackout(True)),
        ("flashes", "2", Flashes(2)),
        ("react", "0.5", React(0.5)),
        ("nudge", -20, Nudge(-20.0)),
        ("seed", 7.0, Seed(7)),
    ],
)
def test_values_as_programs_send_them(name: str, value: str | float | None, command: Command) -> None:
    assert command_of(name, value) == command


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("stile", "x", "did you mean style?"),
        ("zzz", None, "there are style, next"),
        ("react", "much", "a number from 0 to 2, not 'much'"),
        ("react", math.nan, "a number from 0 to 2"),
        ("react", 2.01, "a number from 0 to 2"),
        ("react", True, "a number from 0 to 2"),
        ("react", None, "not nothing"),
        ("flashes", 4, "a whole number from 0 to 3"),
        ("flashes", 1.5, "a whole number"),
        ("seed", -1, "a whole number from 0 to 2147483647"),
        ("hold", "perhaps", "on or off"),
        ("next", "now", "takes no value"),
        ("style", 3.0, "takes text"),
        ("style", "x" * 301, "at most 300"),
        ("style", "a\nb", "one line"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(name: str, value: str | float | None, why: str) -> None:
    with pytest.raises(Refused, match=re.escape(why)) as refused:
        command_of(name, value)

    assert "\n" not in str(refused.value)


@given(st.text(max_size=30) | st.sampled_from(sorted(SPECS)), st.none() | st.booleans() | st.floats() | st.text())
def test_whatever_comes_is_a_command_or_refused(name: str, value: str | float | None) -> None:
    try:
        command = command_of(name, value)
    except Refused as refused:
        assert str(refused).isprintable()
    else:
        assert isinstance(command, Command)


def test_a_controller_covers_the_whole_range() -> None:
    assert [SPECS["react"].of_share(share) for share in (0.0, 0.5, 1.0)] == [React(0.0), React(1.0), React(2.0)]
    assert [SPECS["flashes"].of_share(share) for share in (0.0, 1.0)] == [Flashes(0), Flashes(3)]
    assert SPECS["hold"].of_share(1.0) == Hold(True)
    assert SPECS["next"].of_share(1.0) == Next()
    with pytest.raises(Refused, match="text"):
        SPECS["style"].of_share(1.0)


def test_keys() -> None:
    assert command_of_key("n", 1.0, 0, "shader") == Next()
    assert command_of_key("+", 1.9, 0, "shader") == React(2.0)
    assert command_of_key("-", 0.1, 0, "shader") == React(0.0)
    assert command_of_key("s", 1.0, 2**31 - 1, "shader") == Seed(0)
    assert command_of_key("3", 1.0, 0, "shader") == Flashes(3)
    assert command_of_key("g", 1.0, 0, "shader") == Generator("cogvideox")
    assert command_of_key("g", 1.0, 0, "cogvideox") == Generator("shader")
    assert command_of_key("x", 1.0, 0, "shader") is None
