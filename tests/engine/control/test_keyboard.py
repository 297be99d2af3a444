"""The keyboard: keys are commands, or letters while a style is typed."""

from engine.audio.tempo import Tempo
from engine.control.commands import LONGEST_TEXT
from engine.control.keyboard import Keyboard
from engine.control.state import Desk


def desk_and_keyboard(style: str = "", refuses: dict[str, str] | None = None) -> tuple[Desk, Keyboard]:
    desk = Desk(Tempo(), lambda: 12.0, style=style, generator="shader", refuses=refuses)
    return desk, Keyboard(desk)


def press(keyboard: Keyboard, *keys: str) -> None:
    for key in keys:
        keyboard.press(key)


def test_keys_are_followed_and_what_the_show_cannot_is_said() -> None:
    desk, keyboard = desk_and_keyboard(refuses={"generator": "there is one"})
    press(keyboard, "b", "+", "x")
    assert (desk.blackout, desk.reaction) == (True, 1.25)
    press(keyboard, "g")
    assert "there is one" in desk.note


def test_a_style_is_typed_and_its_letters_are_no_commands() -> None:
    desk, keyboard = desk_and_keyboard()
    press(keyboard, "\r", *"blq", "\b", "ue", "f1", *"b q")
    assert keyboard.typing == "blb q"
    assert (desk.blackout, desk.quit, desk.style) == (False, False, "")
    press(keyboard, "\r")
    assert (keyboard.typing, desk.style) == (None, "blb q")
    press(keyboard, "b")
    assert desk.blackout


def test_escape_leaves_the_style_as_it_was() -> None:
    desk, keyboard = desk_and_keyboard("ink")
    press(keyboard, "\r", *" and more", "\x1b")
    assert (keyboard.typing, desk.style) == (None, "ink")
    press(keyboard, "\r")
    assert keyboard.typing == "ink", "Enter twice changes nothing"
    press(keyboard, "delete", "\r")
    assert desk.style == ""


def test_up_and_down_bring_the_styles_that_there_have_been() -> None:
    desk, keyboard = desk_and_keyboard("ink")
    press(keyboard, "\r", "delete", *"neon", "\r", "\r", "delete", *"chalk", "\r", "\r")
    press(keyboard, "up")
    assert keyboard.typing == "chalk"
    press(keyboard, "up")
    assert keyboard.typing == "neon"
    press(keyboard, "up", "up")
    assert keyboard.typing == "ink"
    press(keyboard, "down", "\r")
    assert desk.style == "neon"
    press(keyboard, "\r", "up")
    assert keyboard.typing == "neon", "used last"


def test_a_line_has_an_end_and_a_show_without_styles_has_no_line() -> None:
    desk, keyboard = desk_and_keyboard()
    press(keyboard, "\r", *"x" * (LONGEST_TEXT + 5), "\r")
    assert desk.style == "x" * LONGEST_TEXT
    desk, keyboard = desk_and_keyboard(refuses={"style": "a song is known"})
    press(keyboard, "\r")
    assert keyboard.typing is None
    assert "style is not possible here: a song is known" in desk.note
