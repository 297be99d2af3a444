"""`aimv play` end to end: a window on a virtual screen, a real audio server with a null sink."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran, tone


def test_a_song_is_played_to_its_end(audio_server: dict[str, str], wav: Callable[..., Path]) -> None:
    song = wav(tone(6.0))
    ran = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-m", "aimv", "play", str(song), "--size", "160x90", "--fps", "10"],
        env={**os.environ, **audio_server},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    match = re.search(r"(\d+) pictures, (\d+) late, (\d+) skipped", ran.stderr)
    assert match, ran.stderr
    drawn, _, skipped = map(int, match.groups())
    assert 55 <= drawn + skipped <= 61
    assert drawn >= 30
    account = re.search(
        r"([\d.]+) s fresh, ([\d.]+) s stretched, ([\d.]+) s reused, ([\d.]+) s frozen, ([\d.]+) s late", ran.stderr
    )
    assert account, ran.stderr
    assert sum(map(float, account.groups())) == pytest.approx(6.0, abs=0.3)


def test_a_missing_display_is_an_error_with_a_hint(
    aimv: Callable[..., Ran], wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    ran = aimv("play", wav(tone(1)), "--size", "64x64")
    assert ran.status == 1
    assert ran.err.splitlines()[-1].startswith("aimv: there is no screen")
    assert "Traceback" not in ran.err


def test_without_sounddevice_the_extra_is_named(
    aimv: Callable[..., Ran], wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ran = aimv("play", wav(tone(1)), "--size", "64x64")
    assert ran.status == 2
    assert "'live' extra: in a clone of AIMV, pip install '.[live]'" in ran.err
