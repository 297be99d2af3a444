"""`aimv render`, `aimv keys` and `aimv models`, with two processes in place of two hosts."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.render.pool import WorkerPool
from tests.conftest import Ran, tone

Aimv = Callable[..., Ran]


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


class Hosts:
    """The keys of two hosts that know each other, and the process that renders on the second."""

    def __init__(self, folder: Path) -> None:
        self.here, self.there, self.cache = folder / "here", folder / "there", folder / "cache"
        self.address = free_address()
        for keys in (self.here, self.there):
            subprocess.run([sys.executable, "-m", "aimv", "keys", "--keys", str(keys)], check=True)
        shutil.copy(self.here / "own.key", self.there / "others" / "here.key")
        shutil.copy(self.there / "own.key", self.here / "others" / "there.key")
        command = [sys.executable, "-m", "aimv", "render", "--bind", self.address, "--generator", "shader"]
        self.process = subprocess.Popen(
            [*command, "--keys", str(self.there)],
            env={**os.environ, "AIMV_CACHE": str(self.cache)},
            stderr=subprocess.PIPE,
            text=True,
        )
        stderr = self.process.stderr
        assert stderr
        assert any("waiting for work" in line for line in iter(stderr.readline, ""))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    hosts = Hosts(tmp_path_factory.mktemp("hosts"))
    yield hosts
    hosts.process.kill()
    hosts.process.wait()


def test_a_song_is_exported_with_clips_from_another_host(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, hosts: Hosts
) -> None:
    options = ("--generator", "shader", "--size", "64x64", "--workers", "0", "--worker", hosts.address)
    ran = aimv("export", wav(tone(5)), "-o", tmp_path / "a.mp4", *options, "--keys", hosts.here)
    assert ran.status == 0, ran.err
    assert list((hosts.cache / "clips").glob("*.mp4"))
    assert hosts.process.poll() is None


def test_a_host_with_another_model_is_not_used_and_reports_its_model(
    aimv: Aimv, wav: Callable[..., Path], tmp_path: Path, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WorkerPool.__init__.__kwdefaults__, "connect_timeout", 4.0)
    options = ("--generator", "cogvideox", "--model", "some/model", "--size", "64x64", "--worker", hosts.address)
    ran = aimv("export", wav(tone(2)), "-o", tmp_path / "a.mp4", *options, "--keys", hosts.here)
    assert ran.status == 1
    assert "not cogvideox some/model" in ran.err
    assert "no render process that could be used has answered" in ran.err.splitlines()[-1]
    assert not (tmp_path / "a.mp4").exists()


def test_keys_made_twice_are_the_same_keys(aimv: Aimv, tmp_path: Path) -> None:
    first = aimv("keys", "--keys", tmp_path)
    made = (tmp_path / "own.key").read_text()
    assert first.status == aimv("keys", "--keys", tmp_path).status == 0
    assert (tmp_path / "own.key").read_text() == made
    assert (tmp_path / "own.key_secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("render", "--bind", "tcp://127.0.0.1:1"), "there are no keys"),
        (("export", "x.wav", "--worker", "tcp://gpu:1"), "there is no key for gpu"),
        (("export", "x.wav", "--worker", "gpu"), "give tcp://HOST:PORT"),
        (("export", "x.wav", "--worker", "tcp://gpu:port"), "give tcp://HOST:PORT"),
        (("export", "x.wav", "--workers", "0"), "no render process"),
        (("export", "x.wav", "--workers", "99"), "choose from 0 to 16"),
        (("export", "x.wav", "--preset", "fastest"), "no preset is called 'fastest'; there are"),
    ],
)
def test_usage_errors_are_one_line(aimv: Aimv, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = aimv(*arguments, "--keys", tmp_path)
    assert ran.status == 2
    assert message in ran.err.splitlines()[-1]


def test_a_host_without_allowed_keys_is_an_error(aimv: Aimv, tmp_path: Path) -> None:
    aimv("keys", "--keys", tmp_path)
    ran = aimv("render", "--bind", free_address(), "--keys", tmp_path)
    assert ran.status == 2
    assert "this host may render for no other yet" in ran.err


def test_an_address_that_cannot_be_bound_is_an_error_in_one_line(aimv: Aimv, hosts: Hosts) -> None:
    ran = aimv("render", "--bind", "tcp://192.0.2.1:5", "--generator", "shader", "--keys", hosts.there)
    assert ran.status == 2
    assert "cannot bind tcp://192.0.2.1:5" in ran.err


def test_models_are_found_and_checked(aimv: Aimv) -> None:
    ran = aimv("models")
    assert ran.status == 0
    lines = {line.split()[1]: line for line in ran.out.splitlines() if line.startswith(("✓", "·"))}
    assert {"instruments", "base", "tiny.en", "shader"} <= {name for name, line in lines.items() if line[0] == "✓"}
    assert any(numbers in lines["base"] for numbers in ("int8", "float16"))
    assert lines["large-v3"].startswith("·")
    assert ran.out.count("as published") == 3
