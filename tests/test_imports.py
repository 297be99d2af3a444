"""Which modules import which libraries, and in which order."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"av", "cv2", "ctranslate2", "faster_whisper", "gensim", "matplotlib", "moderngl", "numpy", "onnxruntime",
         "scipy", "soundfile", "soxr", "torch", "zmq"}  # fmt: skip
RUN = "from aimv.cli.main import main; sys.argv = "
WITH_PYAV = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("aimv", "engine")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if any(line.startswith(("import av", "from av")) for line in path.read_text("utf-8").splitlines())
]


def modules_after(code: str, *arguments: str) -> list[str]:
    """The modules that are loaded once `code` has run in a new process, in order."""
    report = "import sys, atexit; atexit.register(lambda: print('\\n' + ' '.join(sys.modules)))\n"
    command = [sys.executable, "-c", report + code, *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()[-1].split()


WHISPER = "from engine.analysis.transcription.models import find; find('small')"
LIBAV = (
    "import contextlib; from engine.audio.song import load_song\nwith contextlib.suppress(Exception): load_song(path)"
)


@pytest.mark.parametrize("code", [*(f"import {module}" for module in WITH_PYAV), WHISPER, LIBAV])
def test_opencv_is_loaded_before_pyav(code: str) -> None:
    loaded = modules_after(f"from pathlib import Path; path = Path('README.md')\n{code}")
    assert loaded.index("cv2") < loaded.index("av")


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import aimv", ()),
        ("import aimv.app.listen", ("numpy", "soundfile", "soxr")),
        ("import engine.analysis.transcription.languages", ()),
        ("import aimv.cli.signals", ()),
        (f"{RUN}'aimv --help'.split(); main()", ()),
        (f"{RUN}'aimv export --help'.split(); main()", ()),
        (f"{RUN}'aimv config'.split(); main()", ()),
        (f"{RUN}'aimv sentence quiet N/A cello flute harp teal'.split(); main()", ("numpy",)),
    ],
)
def test_commands_without_sound_load_no_media_library(code: str, needed: tuple[str, ...]) -> None:
    assert HEAVY.intersection(modules_after(code)) <= set(needed)


def test_the_entry_loads_next_to_nothing_before_it_handles_signals() -> None:
    loaded = {module.partition(".")[0] for module in modules_after("import aimv.cli.signals")}
    assert not loaded & {"asyncio", "dataclasses", "engine", "logging", "msgspec", "pathlib", "rich", "typer", "typing"}
