"""A sound server and a screen without hardware, for the commands that need them."""

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.virtual_desktop import sound_server, virtual_screen

# Before a command that would outlive a test that is killed (util-linux).
ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


@pytest.fixture(scope="module")
def audio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A PulseAudio of our own with a null sink; gives the environment to find it by."""
    if not shutil.which("pulseaudio") or not find_spec("sounddevice"):
        pytest.skip("needs PulseAudio and the live extra")
    with sound_server(tmp_path_factory.mktemp("pulse")) as environment:
        yield environment


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    """A virtual screen of 640x480; gives the environment to find it by, and the folder for `screenshot`."""
    if not all(map(shutil.which, ("Xvfb", "xdotool", "xprop"))):
        pytest.skip("needs Xvfb, xdotool and xprop")
    folder = tmp_path_factory.mktemp("screen")
    with virtual_screen("640x480", folder) as environment:
        yield environment, folder
