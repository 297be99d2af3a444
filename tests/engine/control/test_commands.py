"""Commands: accepted values, rejected ones and the reasons."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.beats import Tempo
from engine.control.commands import COMMANDS, Command, CommandRefused, ControlState, Value
from engine.control.keyboard import key_command

DOCS = Path(__file__).parents[3] / "docs" / "control.md"


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("style", "  oil painting ", "oil painting"),
        ("style", "", ""),
        ("next", None, None),
        ("next", "", None),
        ("next", 1.0, None),
        ("hold", None, None),
        ("hold", "on", True),
        ("hold", 0.0, False),
        ("blackout", True, True),
        ("flashes", "2", 2),
        ("react", "0.5", 0.5),
        ("nudge", -20, -20.0),
        ("seed", 7.0, 7),
    ],
)
def test_values_as_programs_send_them(name: str, value: Value, parsed: Value) -> None:
    assert Command(name, value).value == parsed


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
def test_invalid_commands_are_rejected_with_a_reason(name: str, value: str | float | None, why: str) -> None:
    with pytest.raises(CommandRefused, match=re.escape(why)) as refused:
        Command(name, value)

    assert "\n" not in str(refused.value)


@given(st.text(max_size=30) | st.sampled_from(sorted(COMMANDS)), st.none() | st.booleans() | st.floats() | st.text())
def test_any_input_is_a_command_or_rejected(name: str, value: str | float | None) -> None:
    try:
        command = Command(name, value)
    except CommandRefused as refused:
        assert str(refused).isprintable()
    else:
        assert Command(name, command.value) == command, "a parsed value is a value"


def test_a_controller_covers_the_whole_range() -> None:
    def values(name: str, *positions: float) -> list[Value]:
        return [COMMANDS[name].at_position(position).value for position in positions]

    assert values("react", 0.0, 0.5, 1.0) == [0.0, 1.0, 2.0]
    assert values("flashes", 0.0, 1.0) == [0, 3]
    assert values("hold", 0.0, 1.0) == [False, True]
    assert values("next", 1.0) == [None]
    with pytest.raises(CommandRefused, match="text"):
        COMMANDS["style"].at_position(1.0)


def test_keys() -> None:
    state = ControlState(Tempo(), lambda: 0.0, seed=2**31 - 1, reaction=1.9, generator="shader")
    assert key_command("n", state) == Command("next")
    assert key_command("+", state) == Command("react", 2.0)
    assert key_command("s", state) == Command("seed", 0)
    assert key_command("3", state) == Command("flashes", 3)
    other = key_command("g", state)
    assert other and other.name == "generator" and other.value != "shader"
    state.generator = str(other.value)
    assert key_command("g", state) == Command("generator", "shader")
    assert key_command("x", state) is None
    state.reaction = 0.1
    assert key_command("-", state) == Command("react", 0.0)


def test_the_documents_list_every_command_and_which_a_song_refuses() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    listed = {name: last == "refused" for name, last in rows if name in COMMANDS}
    assert listed == {name: spec.live_only for name, spec in COMMANDS.items()}
