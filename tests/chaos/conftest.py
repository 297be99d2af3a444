"""The fault matrix: each module is a row, each injected fault is counted, and a long form injects many more.

`make chaos` sets AIMV_CHAOS=long and names in AIMV_CHAOS_TALLY the file that gets one JSON line a module.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from engine.render.cache import has_valid_checksum
from tests.conftest import tone

LONG = os.environ.get("AIMV_CHAOS") == "long"
PATIENCE_S = 900.0  # a test that takes longer hangs; a busy machine may starve the process under test


def rounds(short: int, long: int) -> int:
    """How many faults this run injects."""
    return long if LONG else short


class Tally:
    """The row's count."""

    def __init__(self) -> None:
        self.tried = self.survived = 0

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """One injected fault; survived if the block ends without an exception."""
        self.tried += 1
        yield
        self.survived += 1

    def add(self, tried: int, lost: int) -> None:
        """Faults that were counted elsewhere; any that lost something fails the test."""
        self.tried += tried
        self.survived += tried - lost
        assert lost == 0


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts the faults of the module, whose ROW names them."""
    tally = Tally()
    yield tally
    if path := os.environ.get("AIMV_CHAOS_TALLY"):
        row = {"row": request.module.ROW, "tried": tally.tried, "survived": tally.survived}
        with Path(path).open("a") as file:
            file.write(json.dumps(row | {"lost": tally.tried - tally.survived}) + "\n")


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a tone."""
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    soundfile.write(path, tone(3), 44100)
    return path


class Command:
    """The `aimv` command in a process of its own, with a cache of its own."""

    def __init__(self, arguments: list[str], cache: Path, **options: object) -> None:
        self._cache = cache
        environment = {**os.environ, "AIMV_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        environment |= options.pop("env", {})  # type: ignore[arg-type]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aimv", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,  # type: ignore[call-overload]
        )

    def end(self) -> tuple[int, list[str]]:
        """Its exit status, as a shell has it, and the lines that report how it ended."""
        _, err = self.process.communicate(timeout=PATIENCE_S)
        code = int(self.process.returncode)
        lines = [line for line in err.splitlines() if line.startswith("aimv: ") or "Traceback" in line]
        self.output = "\n".join([err, *(path.read_text("utf-8") for path in self._cache.glob("crashes/*"))])
        return (128 - code if code < 0 else code), lines

    def stop_after(self, seconds: float, how: signal.Signals) -> tuple[int, list[str]]:
        """Send it a signal at that moment of its life, unless it has ended by then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.end()


@pytest.fixture
def aimv_process(tmp_path: Path) -> Callable[..., Command]:
    """Start `aimv` with arguments; `cache=` names another cache than the test's own."""

    def start(*arguments: object, cache: Path | None = None, **options: object) -> Command:
        return Command([str(each) for each in arguments], cache or tmp_path / "cache", **options)

    return start


def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 16 MB, in `folder`."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill the disk up to that many bytes."""
    filler = disk / "filler"
    status = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return filler


def assert_clean(cache: Path, out: Path) -> None:
    """No half of anything: every clip whole, every score readable to its end, nothing temporary beside the outputs."""
    for clip in (cache / "clips").glob("*.mp4"):
        assert has_valid_checksum(clip), clip
    for kept in (cache / "exports").glob("*.jsonl"):
        for line in kept.read_text("utf-8").splitlines():
            json.loads(line)
    assert [path.name for path in out.iterdir() if path.name.startswith(".") or path.suffix == ".part"] == []


def assert_gone(pids: list[int]) -> None:
    """None of these processes lives on."""
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Chance, the same in each run of the same test."""
    return random.Random(request.node.name)
