"""A control state, and a real broker with a password and TLS."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.audio.beats import Tempo
from engine.control.commands import ControlState

USER, PASSWORD = "vj", "a secret"


async def until(true: Callable[[], bool]) -> None:
    """Wait for what another program or thread brings about."""
    async with asyncio.timeout(30.0):
        while not true():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)


class TapList(Tempo):
    """A tempo that lists the times of its taps."""

    def __init__(self) -> None:
        super().__init__()
        self.taps: list[float] = []

    def tap(self, time: float) -> None:
        self.taps.append(time)


@pytest.fixture
def state() -> ControlState:
    """The control state of a show at 12 s; `cuts` lists cuts and generators, `tempo.taps` the taps."""
    cuts: list[str] = []
    tempo = TapList()
    made = ControlState(tempo, lambda: 12.0, on_next=lambda: cuts.append("cut"), on_generator=cuts.append)
    made.cuts, made.tempo = cuts, tempo  # type: ignore[attr-defined]
    return made


class Mosquitto:
    """A broker of our own on a free port, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, folder / "ca.crt"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        subprocess.run(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
            f"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {folder}/key.pem -out {self.ca}".split(),
            check=True,
            capture_output=True,
        )
        command = shutil.which("mosquitto_passwd") or "mosquitto_passwd"
        subprocess.run([command, "-c", "-b", str(folder / "words"), USER, PASSWORD], check=True, capture_output=True)
        (folder / "words").chmod(0o644)
        (folder / "key.pem").chmod(0o644)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncertfile {self.ca}\nkeyfile {folder / 'key.pem'}\n"
            f"allow_anonymous false\npassword_file {folder / 'words'}\nuser root\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        assert command
        self.process = subprocess.Popen(
            [command, "-c", str(self.folder / "mosquitto.conf")], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        end = time.monotonic() + 20.0
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not start")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Mosquitto]]:
    """The running broker."""
    if not (shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")):
        pytest.skip("mosquitto is not installed")
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))

    def running() -> Mosquitto:
        if broker.process is None:
            broker.start()
        return broker

    yield running
    broker.kill()
