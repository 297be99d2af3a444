"""The help of every command."""

from collections.abc import Callable

import pytest

from aimv.cli.options import OPTIONS
from tests.conftest import Ran

Aimv = Callable[..., Ran]


@pytest.mark.parametrize("command", list(OPTIONS))
def test_each_command_teaches(aimv: Aimv, command: str) -> None:
    ran = aimv(command, "--help")
    assert ran.status == 0
    assert f"aimv {command} " in ran.out or command == "models"


def test_no_command_shows_them_all(aimv: Aimv) -> None:
    ran = aimv()
    assert "export" in ran.out + ran.err
    assert "Traceback" not in ran.err
