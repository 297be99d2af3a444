"""`aimv play` on stage: HUD and keys in full screen, OSC, and a complete recording."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.aimv.cli.conftest import ENDS_WITH_US
from tests.conftest import clicks, tone
from tests.support.virtual_desktop import press, screenshot

SimpleUDPClient = pytest.importorskip("pythonosc.udp_client", reason="needs the control extra").SimpleUDPClient


def test_readout_keys_osc_and_recording(
    audio_server: dict[str, str], screen: tuple[dict[str, str], Path], wav: Callable[..., Path], tmp_path: Path
) -> None:
    song = wav(clicks([0.5 * k for k in range(1, 40)], 20.0) + 0.1 * tone(20.0))
    environment = {**os.environ, **audio_server, **screen[0]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    playing = subprocess.Popen(
        [
            *(
                *ENDS_WITH_US,
                sys.executable,
                "-m",
                "aimv",
                "play",
                str(song),
                "--generator",
                "shader",
                "--size",
                "320x180",
            ),
            *("--fps", "10", "--fullscreen", "--record", str(tmp_path / "show.mp4"), "--osc", str(port)),
        ],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )

    def key(name: str) -> None:
        press(environment, "AIMV: song", name)

    def light() -> float:
        return float(screenshot(screen[1])[180:300, 490:620].mean())

    def until(true: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + 60.0
        while not true():
            assert time.monotonic() < ends and playing.poll() is None, what
            time.sleep(0.05)

    def stands_still() -> bool:
        before = screenshot(screen[1])[180:300, 490:620]
        time.sleep(0.5)  # five pictures
        return np.array_equal(before, screenshot(screen[1])[180:300, 490:620])

    try:
        until(lambda: screenshot(screen[1])[80:400].mean() > 8.0, "a picture fills the screen")
        key("h")
        until(lambda: (screenshot(screen[1])[70:400, :460].max(axis=2) > 200).sum() > 150, "the readout")
        osc = SimpleUDPClient("127.0.0.1", port)
        osc.send_message("/aimv/blackout", True)
        until(lambda: light() < 6.0, "black by OSC")
        key("b")
        until(lambda: light() > 6.0, "and light again by key")
        key("space")
        until(stands_still, "space pauses")
        key("space")
        _, stderr = playing.communicate(timeout=90)
    finally:
        playing.kill()
        playing.wait()
    assert playing.returncode == 0, stderr
    match = re.search(r"(\d+) pictures, (\d+) late, (\d+) skipped", stderr)
    assert match, stderr
    drawn = int(match[1])
    with av.open(str(tmp_path / "show.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == drawn
    with av.open(str(tmp_path / "show.mp4")) as file:
        parts = np.concatenate([np.abs(frame.to_ndarray()).max(axis=0) for frame in file.decode(audio=0)])
    assert len(parts) / 48000 == pytest.approx(20.0, abs=0.3), "the song, without the pause"
