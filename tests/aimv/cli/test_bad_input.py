"""Errors in files and paths: one line, the right status, no leftovers."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Ran, tone

Aimv = Callable[..., Ran]
COMMANDS = {"listen": (), "score": ("-o", "OUT.score.jsonl"), "export": ("-o", "OUT.mp4", "--size", "64x64")}


def damaged(kind: str, folder: Path, wav: Callable[..., Path]) -> Path:
    """A file that cannot be used, by what is wrong with it."""
    path = folder / "bad.wav"
    sound = tone(1)
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not a song\n" * 100)
    elif kind == "truncated":
        path = wav(tone(3), "bad.wav")
        path.write_bytes(path.read_bytes()[:60_000])
    elif kind in ("nan", "inf"):
        sound[100] = float(kind)
        path = wav(sound, "bad.wav", subtype="FLOAT")
    elif kind == "rate":
        path = wav(sound, "bad.wav", rate=4000)
    elif kind == "no samples":
        path = wav(np.zeros(0, np.float32), "bad.wav")
    return path


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("missing", 2),
        ("folder", 2),
        ("empty", 1),
        ("text", 1),
        ("truncated", 1),
        ("nan", 1),
        ("inf", 1),
        ("rate", 1),
        ("no samples", 1),
    ],
)
def test_unusable_songs(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, command: str, kind: str, status: int
) -> None:
    bad = damaged(kind, tmp_path, wav)
    out = tmp_path / "out"
    out.mkdir()
    options = [str(out / option) if option.startswith("OUT") else option for option in COMMANDS[command]]
    ran = aimv(command, bad, *options)
    error = [line for line in ran.err.splitlines() if not line.startswith("generator: ")]
    assert ran.status == status
    assert len(error) == 1
    assert error[0].startswith("aimv: ")
    assert str(bad.name) in error[0]
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--size", "641x360"), 2, "even"),
        (("--size", "0x0"), 2, "not possible"),
        (("--size", "100000x2"), 2, "not possible"),
        (("--size", "big"), 2, "WIDTHxHEIGHT"),
        (("--fps", "0"), 2, "frames a second"),
        (("--fps", "nan"), 2, "frames a second"),
        (("--start", "99"), 2, "--start"),
        (("--start", "-1"), 2, "--start"),
        (("--duration", "0"), 2, "--duration"),
        (("--generator", "crayons"), 2, "crayons"),
        (("--generator", "cogvideox", "--model", "/no/such/folder"), 1, "/no/such/folder"),
        (("--seed", str(10**23)), 2, "from 0 to 2147483647 (see --seed)"),
        (("--seed", "10^23"), 2, "--seed"),
        (("--language", "cz"), 2, "(see --language)"),
        (("-o", "out.avi"), 2, ".mp4 (see -o)"),
        (("-o", "/no/such/folder/out.mp4"), 2, "choose another (see -o)"),
        (("-o", "/proc/out.mp4"), 1, "/proc"),
    ],
)
def test_impossible_exports(
    aimv: Aimv, wav: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...],
    status: int, words: str,
) -> None:  # fmt: skip
    song = wav(tone(2))
    monkeypatch.chdir(tmp_path)
    ran = aimv("export", song, *options)
    error = [line for line in ran.err.splitlines() if not line.startswith("generator: ")]
    assert (ran.status, len(error)) == (status, 1), ran.err
    assert words in error[0]
    assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]


def test_the_song_is_never_written_over(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    song = wav(tone(2)).rename(tmp_path / "song.mp4")
    before = song.read_bytes()
    ran = aimv("export", song, "-o", song)
    assert ran.status == 2
    assert "is what the video is made from" in ran.err
    assert song.read_bytes() == before


def test_a_full_disk(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    """A limit on file size stands in for the disk: libav meets the same failed write."""
    song, out = wav(tone(4)), tmp_path / "out"
    out.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        ran = aimv("export", song, "-o", out / "a.mp4", "--size", "320x240")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ran.status == 1
    assert "aimv: " in ran.err
    assert "Traceback" not in ran.err
    assert list(out.iterdir()) == []


def test_a_score_with_a_fault_names_its_line(aimv: Aimv, wav: Callable[..., Path], tmp_path: Path) -> None:
    path = tmp_path / "a.score.jsonl"
    path.write_text("{]\n")
    ran = aimv("export", path)
    assert ran.status == 2
    assert "line 1" in ran.err
    assert [file.name for file in tmp_path.iterdir()] == ["a.score.jsonl"]


def test_a_full_disk_while_printing_is_an_error_in_one_line() -> None:
    command = [sys.executable, "-m", "aimv", "sentence", "loud", "heart", "crash", "splash", "synth", "crimson"]
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("aimv: no room left") and len(ran.stderr.splitlines()) == 1
