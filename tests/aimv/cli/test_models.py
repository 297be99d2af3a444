"""`aimv models` and the help of every command."""

from collections.abc import Callable

import pytest

from tests.conftest import Ran

Aimv = Callable[..., Ran]


def test_models_are_found_and_checked(aimv: Aimv) -> None:
    ran = aimv("models")
    assert ran.status == 0
    lines = {line.split()[1]: line for line in ran.out.splitlines() if line.startswith(("✓", "·"))}
    assert {"instruments", "base", "tiny.en", "shader"} <= {name for name, line in lines.items() if line[0] == "✓"}
    assert any(numbers in lines["base"] for numbers in ("int8", "float16"))
    assert lines["large-v3"].startswith("·")
    assert ran.out.count("as published") == 3


@pytest.mark.parametrize("command", ["listen", "sentence", "score", "export", "play", "models"])
def test_each_command_teaches(aimv: Aimv, command: str) -> None:
    ran = aimv(command, "--help")
    assert ran.status == 0
    assert f"aimv {command} " in ran.out or command == "models"


def test_no_command_shows_them_all(aimv: Aimv) -> None:
    ran = aimv()
    assert "export" in ran.out + ran.err
    assert "Traceback" not in ran.err
