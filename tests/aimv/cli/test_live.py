"""`aimv live` end to end: a real audio server, a window on a virtual screen, keys and OSC."""

import math
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
import soundfile
from numpy.typing import NDArray

from aimv.language.score import Score
from tests.aimv.cli.conftest import ENDS_WITH_US
from tests.conftest import Ran, clicks, tone
from tests.support.virtual_desktop import press, screenshot

SimpleUDPClient = pytest.importorskip("pythonosc.udp_client", reason="needs the control extra").SimpleUDPClient
pytest.importorskip("prometheus_client", reason="needs the metrics extra")

WIDTH, HEIGHT = 320, 180


def light_of(seen: Path) -> float:
    """How light the part of the window is that the readout leaves free."""
    return float(screenshot(seen)[180:300, 490:620].mean())


def until(true: Callable[[], bool], what: str, process: subprocess.Popen[str] | None = None) -> None:
    """Wait for what another program brings about."""
    ends = time.monotonic() + 90.0
    while not true():
        assert time.monotonic() < ends and (process is None or process.poll() is None), what
        time.sleep(0.04)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Show:
    """A running `aimv live` and what can be done to it from outside."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.port, self.metrics_port = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.recording = folder / "show.mp4"
        self.process = subprocess.Popen(
            [
                *ENDS_WITH_US,
                *(sys.executable, "-m", "aimv", "live", "--no-words", "--generator", "shader", "--hud", "--fullscreen"),
                *("--size", f"{WIDTH}x{HEIGHT}", "--fps", "15"),
                *("--record", str(self.recording), "--osc", str(self.port)),
                *("--metrics", str(self.metrics_port)),
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

    def play(self, sound: NDArray[np.float32]) -> subprocess.Popen[bytes]:
        path = self.folder / f"{time.monotonic()}.wav"
        soundfile.write(path, sound, 44100)
        return subprocess.Popen(["paplay", str(path)], env={**os.environ, **self.environment})

    def metric(self, name: str) -> float:
        """A number that the show gives to Prometheus once a second."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20) as answer:
            found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else math.nan

    def until(self, true: Callable[[], bool], what: str) -> None:
        until(true, what, self.process)

    def end(self) -> str:
        press(self.environment, "AIMV live", "q")
        _, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, stderr
        return stderr


@pytest.fixture
def show(audio_server: dict[str, str], screen: tuple[dict[str, str], Path], tmp_path: Path) -> Iterator[Show]:
    running = Show({**audio_server, **screen[0]}, tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def the_score_makes_the_show_again(show: Show, aimv: Callable[..., Ran]) -> None:
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


def test_a_show_from_beginning_to_end(
    show: Show, screen: tuple[dict[str, str], Path], aimv: Callable[..., Ran]
) -> None:
    seen, lights = screen[1], [0.0]
    song = clicks([0.4 + 0.9 * k for k in range(12)], 11.0) + 0.2 * tone(11.0, 220.0)
    player = show.play(song)

    def answers() -> bool:
        """Whether the picture has moved with the sound so far; an idle monitor takes seconds to its first sound."""
        nonlocal player
        if player.poll() is not None:
            player = show.play(song)
        lights.append(light_of(seen))
        return np.std(lights[1:]) > 0.5 and np.diff(lights[1:]).max() > 3.0

    show.until(answers, "the picture moves, and answers")
    show.until(lambda: (screenshot(seen)[70:400, :460].max(axis=2) > 200).sum() > 150, "the readout")
    show.osc.send_message("/aimv/blackout", True)
    show.until(lambda: light_of(seen) < 6.0, "black")
    show.osc.send_message("/aimv/blackout", False)
    show.osc.send_message("/aimv/next", [])
    show.until(lambda: light_of(seen) > 6.0, "light again")

    press(show.environment, "AIMV live", "Return", *"neon", "Return", "n")
    player.wait()

    module = show.run("pactl", "list", "short", "modules")
    number = next(line.split()[0] for line in module.splitlines() if "null-sink" in line)
    show.run("pactl", "unload-module", number)
    show.until(lambda: show.metric("aimv_input_open") == 0.0, "the device is missed")
    show.run("pactl", "load-module", "module-null-sink", "sink_name=aimv")
    show.until(lambda: show.metric("aimv_input_open") == 1.0, "the device is opened again")
    before = show.metric("aimv_show_seconds")
    player = show.play(song[: 5 * 44100])
    show.until(lambda: show.metric("aimv_show_seconds") > before + 5.0, "its sound is captured")
    player.wait()
    stderr = show.end()

    drawn, _, skipped = map(int, re.search(r"(\d+) pictures, (\d+) late, (\d+) skipped", stderr).groups())  # type: ignore[union-attr]
    written, dropped = map(int, re.search(r"mp4: (\d+) pictures, (\d+) dropped", stderr).groups())  # type: ignore[union-attr]
    assert (written, dropped) == (drawn, 0), "the recording has every picture of the show"
    assert "1 losses" in stderr
    with av.open(str(show.recording)) as file:
        times = [float(frame.time or 0.0) for frame in file.decode(video=0)]
    with av.open(str(show.recording)) as file:
        parts = [np.abs(frame.to_ndarray()).max() for frame in file.decode(audio=0)]
        sounding = np.flatnonzero(np.array(parts) > 0.1) * 1024 / 48000
    assert len(times) == drawn and times[-1] == pytest.approx((drawn + skipped - 1) / 15.0, abs=0.2)
    assert np.diff(sounding).max() > 0.5, "silence while the device was gone, and sound after it came back"
    the_score_makes_the_show_again(show, aimv)


def playable(path: Path) -> int:
    """How many pictures of an unfinished recording can be seen; 0 for none yet."""
    try:
        with av.open(str(path)) as file:
            return sum(1 for _ in file.decode(video=0))
    except (av.FFmpegError, IndexError):
        return 0


def test_a_show_ends_cleanly_after_a_hangup(
    audio_server: dict[str, str], screen: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    recording, log = tmp_path / "show.mp4", tmp_path / "log.jsonl"
    master, terminal = pty.openpty()
    show = subprocess.Popen(
        [
            *("setsid", "--ctty", sys.executable, "-m", "aimv", "--log", str(log), "live", "--no-words"),
            *("--generator", "shader", "--size", "160x90", "--fps", "10", "--record", str(recording)),
        ],
        env={**os.environ, **audio_server, **screen[0]},
        text=True,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    try:
        os.close(terminal)
        until(lambda: log.exists() and '"rendering"' in log.read_text(), "a clip of a first shot is rendered", show)
        until(lambda: any(map(playable, tmp_path.glob(".show-*.part"))), "some pictures are recorded", show)
        children = psutil.Process(show.pid).children(recursive=True)
        assert children, "the render process"
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


def test_an_unknown_input_is_an_error_with_the_nearest_name(
    audio_server: dict[str, str], aimv: Callable[..., Ran]
) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "aimv", "live", "--input", "pulze"],
        env={**os.environ, **audio_server},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("aimv: there is no input 'pulze': did you mean 'pulse'?")


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
