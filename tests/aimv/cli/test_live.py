"""`aimv live` for real: another program's sound through a real audio server, a window on a screen, keys and OSC."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pythonosc.udp_client import SimpleUDPClient

from aimv.language.score import Score
from tests.aimv.cli.conftest import ENDS_WITH_US
from tests.conftest import Ran, clicks, tone
from tests.support.virtual_desktop import press, screenshot

WIDTH, HEIGHT = 320, 180


def light_of(seen: Path, seconds: float) -> NDArray[np.float64]:
    """How light the part of the window is that the readout leaves free, 20 times a second."""
    lights = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or not lights:
        lights.append(screenshot(seen)[180:300, 490:620].mean())
        time.sleep(0.04)
    return np.array(lights)


class Show:
    """A running `aimv live` and what can be done to it from outside."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.recording = folder / "show.mp4"
        self.process = subprocess.Popen(
            [
                *ENDS_WITH_US,
                *(sys.executable, "-m", "aimv", "live", "--no-words", "--generator", "shader", "--hud", "--fullscreen"),
                *("--size", f"{WIDTH}x{HEIGHT}", "--fps", "15"),
                *("--record", str(self.recording), "--osc", str(self.port)),
            ],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.osc = SimpleUDPClient("127.0.0.1", self.port)
        self.run("xdotool", "search", "--sync", "--name", "AIMV live")

    def run(self, *command: str) -> str:
        return subprocess.run(
            command, env={**os.environ, **self.environment}, check=True, timeout=60, capture_output=True, text=True
        ).stdout

    def play(self, sound: NDArray[np.float32], wait: bool = False) -> None:
        import soundfile  # noqa: PLC0415

        path = self.folder / f"{time.monotonic()}.wav"
        soundfile.write(path, sound, 44100)
        player = subprocess.Popen(["paplay", str(path)], env={**os.environ, **self.environment})
        if wait:
            player.wait()

    def end(self) -> str:
        press(self.environment, "AIMV live", "q")
        _, told = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, told
        return told


@pytest.fixture
def show(audio_server: dict[str, str], screen: tuple[dict[str, str], Path], tmp_path: Path) -> Iterator[Show]:
    running = Show({**audio_server, **screen[0]}, tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def test_a_show_from_beginning_to_end(
    show: Show, screen: tuple[dict[str, str], Path], aimv: Callable[..., Ran]
) -> None:
    seen = screen[1]
    time.sleep(4.0)  # an idle monitor takes seconds to its first sound
    song = clicks([0.4 + 0.9 * k for k in range(12)], 11.0) + 0.2 * tone(11.0, 220.0)
    show.play(song)
    light = light_of(seen, 6.0)
    assert light.std() > 0.5, "the picture moves"
    assert np.diff(light).max() > 3.0, "and answers"
    words = screenshot(seen)[70:400, :460]
    assert (words.max(axis=2) > 200).sum() > 150, "the readout"

    show.osc.send_message("/aimv/blackout", True)
    time.sleep(1.5)
    assert light_of(seen, 0.2).max() < 6.0
    show.osc.send_message("/aimv/blackout", False)
    show.osc.send_message("/aimv/next", [])
    time.sleep(1.5)
    assert light_of(seen, 0.2).max() > 6.0

    press(show.environment, "AIMV live", "Return", *"neon", "Return", "n")

    module = show.run("pactl", "list", "short", "modules")
    number = next(line.split()[0] for line in module.splitlines() if "null-sink" in line)
    show.run("pactl", "unload-module", number)
    time.sleep(3.0)
    assert show.process.poll() is None
    show.run("pactl", "load-module", "module-null-sink", "sink_name=aimv")
    time.sleep(5.0)
    show.play(song[: 5 * 44100], wait=True)
    told = show.end()

    drawn, _, skipped = map(int, re.search(r"(\d+) pictures, (\d+) late, (\d+) skipped", told).groups())  # type: ignore[union-attr]
    written, dropped = map(int, re.search(r"mp4: (\d+) pictures, (\d+) dropped", told).groups())  # type: ignore[union-attr]
    assert (written, dropped) == (drawn, 0), "the recording has every picture of the show"
    assert "1 losses" in told
    with av.open(str(show.recording)) as file:
        times = [float(frame.time or 0.0) for frame in file.decode(video=0)]
    with av.open(str(show.recording)) as file:
        parts = [np.abs(frame.to_ndarray()).max() for frame in file.decode(audio=0)]
        sounding = np.flatnonzero(np.array(parts) > 0.1) * 1024 / 48000
    assert len(times) == drawn
    assert times[-1] == pytest.approx((drawn + skipped - 1) / 15.0, abs=0.2)
    assert np.diff(sounding).max() > 3.0, "silence while the device was gone"
    assert sounding[-1] > sounding[0] + 12.0, "and sound after it came back"

    score = show.recording.with_name("show.score.jsonl")
    shots = Score.load(score).shots
    assert len(shots) >= 3
    assert "neon" not in shots[0].sentence
    assert any(shot.sentence.endswith(" neon") for shot in shots), "the style that was typed"
    again = show.recording.with_name("again.mp4")
    ran = aimv("export", score, "-o", again, "--size", "128x72", "--duration", "4", "--generator", "shader")
    assert ran.status == 0, ran.err
    with av.open(str(again)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 96
        assert file.streams.audio


def test_a_show_whose_terminal_goes_ends_cleanly(
    audio_server: dict[str, str], screen: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    recording = tmp_path / "show.mp4"
    master, terminal = pty.openpty()
    show = subprocess.Popen(
        [
            *("setsid", "--ctty", sys.executable, "-m", "aimv", "live", "--no-words", "--generator", "shader"),
            *("--size", "160x90", "--fps", "10", "--record", str(recording)),
        ],
        env={**os.environ, **audio_server, **screen[0]},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    try:
        os.close(terminal)
        ends = time.monotonic() + 60.0
        children: list[psutil.Process] = []
        while time.monotonic() < ends and not (children and list(tmp_path.glob("*.part*"))):
            time.sleep(0.1)
            children = psutil.Process(show.pid).children(recursive=True)
        time.sleep(8.0)  # for a shot, which is what a score is made of
        os.set_blocking(master, False)
        assert children, ("the render process", show.poll(), os.read(master, 1 << 16))
        os.close(master)
        assert show.wait(timeout=60) == 128 + signal.SIGHUP
    finally:
        show.kill()
        show.wait()
    psutil.wait_procs(children, timeout=30)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    with av.open(str(recording)) as file:
        assert sum(1 for _ in file.decode(video=0)) > 10
    assert Score.load(recording.with_name("show.score.jsonl")).shots


def test_an_input_that_is_not_there_names_the_nearest(audio_server: dict[str, str], aimv: Callable[..., Ran]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "aimv", "live", "--input", "pulze"],
        env={**os.environ, **audio_server},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.strip() == "aimv: there is no input 'pulze': did you mean 'pulse'?"


def test_the_inputs_are_listed(audio_server: dict[str, str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "aimv", "inputs"],
        env={**os.environ, **audio_server},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"pulse +ALSA +\d+ +\d+ Hz", ran.stdout), ran.stdout
    assert "MIDI" in ran.stdout
    assert not ran.stderr
