"""A window on a real (virtual) screen, and one line without a display."""

import os
import shutil
import subprocess
import sys

import pytest

from engine.errors import OutputError
from engine.outputs.window import Window


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a screen is always there")
def test_a_missing_display_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="no screen"):
        Window("AIMV", 64, 48)


SHOW = """
import time, subprocess
import cv2
import numpy as np
from engine.outputs.window import Readout
from engine.outputs.window import Window
from tests.support.virtual_desktop import press, wait_for_manager
class Board:
    typing = None
    def __init__(self):
        self.pressed = []
    def press(self, key):
        self.pressed.append(key)
        self.typing = {"\\r": "", "\\x1b": None}.get(key, self.typing)
board = Board()
manager = subprocess.Popen(["openbox"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
wait_for_manager({})
with Window("AIMV", 160, 120, board, lambda: Readout(title="hello")) as window:
    def show_until(true):
        for k in range(3000):
            window.write(np.full((120, 160, 3), k % 200, np.uint8), k / 30)
            if true():
                return True
            time.sleep(0.01)
        return False
    def has_size(*size):
        return tuple(cv2.getWindowImageRect("AIMV")[2:]) == size
    done = [show_until(lambda: has_size(160, 120))]
    for key, true in {
        "f": lambda: has_size(640, 480),
        "h": lambda: window.readout_shown,
        "b": lambda: "b" in board.pressed,
        "space": lambda: " " in board.pressed,
        "Return": lambda: board.typing is not None,
        "q": lambda: "q" in board.pressed,
        "Up": lambda: "up" in board.pressed,
        "Shift_L": lambda: True,
        "Escape": lambda: board.typing is None,
    }.items():
        press({}, "AIMV", key)
        done.append(show_until(true))
    press({}, "AIMV", "q")
    done.append(show_until(lambda: window.quit))
    print(all(done), board.pressed)
manager.terminate()
"""


@pytest.mark.skipif(
    not all(map(shutil.which, ("xvfb-run", "xdotool", "openbox", "xprop"))),
    reason="needs Xvfb, xdotool, openbox and xprop",
)
def test_keys_fill_the_screen_show_the_readout_go_to_the_show_and_close_the_window() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    run = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 640x480x24 -noreset", sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )
    keys = ["b", " ", "\r", "q", "up", "\x1b"]  # while a line is typed, q is a letter and Esc its end
    assert run.stdout.strip() == f"True {keys}", run.stderr
