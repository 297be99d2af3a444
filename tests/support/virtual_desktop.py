"""A stage without hardware, for benches and tests: a PulseAudio server with a null sink, and a virtual screen.

Needs Debian's pulseaudio, pulseaudio-utils, libasound2-plugins xvfb and x11-utils, and xdotool to press keys.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SINK = "aimv"


@contextlib.contextmanager
def sound_server(folder: Path) -> Iterator[dict[str, str]]:
    """A running server whose state is in `folder`; gives the environment to find it by, also through ALSA."""
    socket = folder / "socket"
    (folder / "asound.conf").write_text(
        "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
    )
    server = subprocess.Popen(
        [
            "pulseaudio",
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            f"--load=module-null-sink sink_name={SINK}",
            f"--load=module-native-protocol-unix socket={socket} auth-anonymous=1",
        ],
        env={**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(500):
            if socket.exists():
                break
            time.sleep(0.02)
        yield {"PULSE_SERVER": f"unix:{socket}", "ALSA_CONFIG_PATH": str(folder / "asound.conf"), "HOME": str(folder)}
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def virtual_screen(size: str = "1280x720", seen: Path | None = None) -> Iterator[dict[str, str]]:
    """A running X server of that size, with a window manager where openbox is installed; gives its environment.

    What stands on it can be read by `screenshot` from the folder `seen`.
    """
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"),
            *(("-fbdir", str(seen)) if seen else ()),
        ],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    manager: subprocess.Popen[bytes] | None = None
    try:
        os.close(writing)
        with os.fdopen(reading) as display_number:
            display = {"DISPLAY": f":{display_number.readline().strip()}"}
        with contextlib.suppress(FileNotFoundError):
            manager = subprocess.Popen(
                ["openbox"], env={**os.environ, **display}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            wait_for_manager(display)
        yield display
    finally:
        for each in (manager, server):
            if each:
                each.terminate()
                each.wait()


def wait_for_manager(environment: dict[str, str]) -> None:
    """Wait until a window manager has the screen, which it says on the root window."""
    ends = time.monotonic() + 60.0
    while time.monotonic() < ends:
        checked = subprocess.run(
            ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"],
            env={**os.environ, **environment},
            capture_output=True,
            timeout=60,
            check=False,
        )
        if b"window id" in checked.stdout:
            return
        time.sleep(0.02)
    raise AssertionError("the window manager does not start")


def press(environment: dict[str, str], window: str, *keys: str) -> None:
    """Press keys one after another in the window of that name, once it is there; OpenCV tells of one a picture.

    The keys are sent to the screen, not to the window: one that a key closes is gone before the key is let go, and
    a key that was never let go is pressed in the next window.
    """
    for command in (
        ("search", "--sync", "--onlyvisible", "--name", window, "windowfocus", "--sync"),
        ("key", "--delay", "400", *keys),
    ):
        subprocess.run(("xdotool", *command), env={**os.environ, **environment}, check=True, timeout=60)


def screenshot(seen: Path) -> NDArray[np.uint8]:
    """What stands on the screen, height x width x 3, RGB: Xvfb keeps it in a file in X's window dump format."""
    data = (seen / "Xvfb_screen0").read_bytes()
    fields = np.frombuffer(data, ">u4", 25)
    begins = int(fields[0] + 12 * fields[19])  # the header, then 12 bytes for each colour of the map
    width, height, line = int(fields[4]), int(fields[5]), int(fields[12])
    pixels = np.frombuffer(data, np.uint8, height * line, begins).reshape(height, line)[:, : width * 4]
    return np.ascontiguousarray(pixels.reshape(height, width, 4)[..., 2::-1])
