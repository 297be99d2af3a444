"""A window on a real (virtual) screen; without a screen, one line."""

import os
import shutil
import subprocess
import sys

import pytest

from engine.errors import OutputError
from engine.play.window_sink import WindowSink


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a screen is always there")
def test_without_a_screen_one_line_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="aimv export"):
        WindowSink("AIMV", 64, 48)


SHOW = """
import time, subprocess
import numpy as np
from engine.play.window_sink import WindowSink
with WindowSink("AIMV", 160, 120) as window:
    for k in range(200):
        window.write(np.full((120, 160, 3), k, np.uint8))
        if k == 20:
            subprocess.run(["xdotool", "search", "--name", "AIMV", "windowfocus", "key", "q"], check=True)
        if window.quit:
            break
        time.sleep(0.01)
    print("quit" if window.quit else "still open")
"""


@pytest.mark.skipif(not (shutil.which("xvfb-run") and shutil.which("xdotool")), reason="needs Xvfb and xdotool")
def test_q_closes_it() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    said = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", SHOW],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert said.stdout.strip() == "quit", said.stderr
