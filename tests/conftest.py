"""Shared fixtures: the command line in this process, test sounds, a temporary cache."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from numpy.typing import NDArray

from aimv.app.listen import Analyzer
from aimv.cli.main import main
from aimv.options import WHISPER, AnalysisSettings
from engine.analysis.instruments import OnnxClassifier, load_classifier
from engine.analysis.transcription.models import load_whisper

settings.register_profile("aimv", deadline=None)  # no test asserts wall time
settings.load_profile("aimv")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell starts background commands so, and children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
HEART = ROOT / "examples" / "heart.wav"


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole run, so that joined models and clips are made once."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["AIMV_CACHE"] = str(folder)
    os.environ["AIMV_CONFIG"] = str(folder / "config.toml")  # not the user's
    return folder


@pytest.fixture(scope="session")
def classifier() -> OnnxClassifier:
    """The shipped classifier, loaded once for all tests: whoever loads it meanwhile gets this one."""
    return load_classifier()


@pytest.fixture(scope="session")
def whisper(user_cache: Path) -> Any:
    """The default Whisper model, loaded once for all tests."""
    return load_whisper(WHISPER)


@pytest.fixture(scope="session")
def analyzer(classifier: OnnxClassifier, whisper: Any) -> Analyzer:
    """An analyzer of the default settings, with the models of the fixtures."""
    return Analyzer.shared(AnalysisSettings())


class Ran:
    """What a run of `aimv` printed and how it exited."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err


@pytest.fixture
def aimv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the `aimv` command in this process, from its arguments to its exit status."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["aimv", *map(str, arguments)])
        capsys.readouterr()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.raises(SystemExit) as ended:
            main()
        for number, handler in before.items():
            signal.signal(number, handler)
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run


def tone(seconds: float, hz: float = 440.0, rate: int = 44100, level: float = 0.3) -> NDArray[np.float32]:
    """A sine, [n]."""
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def clicks(times: list[float], seconds: float, rate: int = 44100) -> NDArray[np.float32]:
    """Silence with 5 ms bursts of noise at `times`, [n]."""
    sound = np.zeros(round(seconds * rate), np.float32)
    burst = np.random.default_rng(1).normal(0, 0.4, rate // 200).astype(np.float32).clip(-0.99, 0.99)
    for time in times:
        at = round(time * rate)
        sound[at : at + len(burst)] = burst
    return sound


@pytest.fixture
def wav(tmp_path: Path) -> Callable[..., Path]:
    """Write samples to a wav file and give its path."""

    def write(samples: NDArray[np.float32], name: str = "song.wav", rate: int = 44100, subtype: str = "PCM_16") -> Path:
        soundfile.write(tmp_path / name, samples, rate, subtype=subtype)
        return tmp_path / name

    return write
