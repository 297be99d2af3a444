"""The keyboard: keys dispatch commands, or type a style."""

from engine.audio.beats import Tempo
from engine.control.commands import MAX_TEXT, ControlState
from engine.control.keyboard import Keyboard


def desk_and_keyboard(style: str = "", not_live: str = "") -> tuple[ControlState, Keyboard]:
    state = ControlState(Tempo(), lambda: 12.0, style=style, generator="shader", not_live=not_live)
    return state, Keyboard(state)


def press(keyboard: Keyboard, *keys: str) -> None:
    for key in keys:
        keyboard.press(key)


def test_keys_dispatch_commands_and_report_rejected_ones() -> None:
    state, keyboard = desk_and_keyboard(not_live="there is one")
    press(keyboard, "b", "+", "x")
    assert (state.blackout, state.reaction) == (True, 1.25)
    press(keyboard, "g")
    assert "there is one" in state.notice


def test_a_style_is_typed_and_its_letters_are_no_commands() -> None:
    state, keyboard = desk_and_keyboard()
    press(keyboard, "\r", *"blq", "\b", "ue", "f1", *"b q")
    assert keyboard.typing == "blb q"
    assert (state.blackout, state.quit, state.style) == (False, False, "")
    press(keyboard, "\r")
    assert (keyboard.typing, state.style) == (None, "blb q")
    press(keyboard, "b")
    assert state.blackout


def test_escape_keeps_the_style() -> None:
    state, keyboard = desk_and_keyboard("ink")
    press(keyboard, "\r", *" and more", "\x1b")
    assert (keyboard.typing, state.style) == (None, "ink")
    press(keyboard, "\r")
    assert keyboard.typing == "ink", "Enter twice changes nothing"
    press(keyboard, "delete", "\r")
    assert state.style == ""


def test_up_and_down_browse_previous_styles() -> None:
    state, keyboard = desk_and_keyboard("ink")
    press(keyboard, "\r", "delete", *"neon", "\r", "\r", "delete", *"chalk", "\r", "\r")
    press(keyboard, "up")
    assert keyboard.typing == "chalk"
    press(keyboard, "up")
    assert keyboard.typing == "neon"
    press(keyboard, "up", "up")
    assert keyboard.typing == "ink"
    press(keyboard, "down", "\r")
    assert state.style == "neon"
    press(keyboard, "\r", "up")
    assert keyboard.typing == "neon", "used last"


def test_a_line_has_an_end_and_a_show_without_styles_has_no_line() -> None:
    state, keyboard = desk_and_keyboard()
    press(keyboard, "\r", *"x" * (MAX_TEXT + 5), "\r")
    assert state.style == "x" * MAX_TEXT
    state, keyboard = desk_and_keyboard(not_live="a song is known")
    press(keyboard, "\r")
    assert keyboard.typing is None
    assert "style is not possible here: a song is known" in state.notice
