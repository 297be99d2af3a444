"""Supply chain: lock file, reproducible build, SBOM, and a test of the installed package on every supported Python.

    python -m tools.release.supply lock                        # write requirements.lock, with SHA-256
    python -m tools.release.supply check [--pythons 3.11,3.12,3.13] [--out build/supply]

`check` builds sdist and wheel twice and compares them, then, for each Python, creates an environment, installs the
locked packages (with hashes) and the wheel, and analyzes and exports a song outside the checkout. The
first of them gives the SBOM (CycloneDX, sbom.json). Prints a table and one JSON line; exit status 1 if anything failed.
Needs uv, build and cyclonedx-bom (the `dev` extra) and those Pythons on the PATH or in pyenv.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
SINCE = "1735689600"  # time stamp of all files in the archives: 2025-01-01
PYTHONS = "3.11,3.12,3.13"


def lock() -> None:
    """Write requirements.lock for the default install on all platforms and Pythons; it names no index."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--upgrade"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "-q", "-o", LOCK.name]
    _run(command, cwd=ROOT)


def build(out: Path) -> dict[str, str]:
    """Build sdist and wheel into `out`; their SHA-256 by name."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SINCE}
    _run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], env=environment)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}


def install_and_run(python: str, wheel: Path, place: Path, sbom: Path | None) -> str:
    """Install the lock and `wheel` with that Python into an empty environment, use it; what failed, "" if nothing."""
    interpreter = _interpreter(python)
    if interpreter is None:
        return "this Python is not here"
    try:
        _run([interpreter, "-m", "venv", str(place / "venv")])
        own = place / "venv" / "bin"
        pip = [str(own / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "--require-hashes", "-r", str(LOCK)])
        _run([*pip, "--no-deps", str(wheel)])
        _use(own, place)
        if sbom:
            _run(["cyclonedx-py", "environment", str(own / "python"), "--pyproject", str(ROOT / "pyproject.toml"),
                  "--output-reproducible", "--of", "JSON", "-o", str(sbom)])  # fmt: skip
    except subprocess.CalledProcessError as error:
        return f"{' '.join(map(str, error.cmd))[:80]}: {(error.stderr or b'').decode(errors='replace').strip()[-300:]}"
    return ""


def _use(own: Path, place: Path) -> None:
    """What the README promises, far from the checkout and with nothing of it in reach."""
    song = place / "song.wav"
    shutil.copy(ROOT / "examples" / "heart.wav", song)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"AIMV_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    aimv = str(own / "aimv")
    _run([aimv, "sentence", "loud", "heart", "crash", "splash", "synth", "crimson"], cwd=place, env=environment)
    export = [aimv, "export", "song.wav", "-o", "song.mp4", "--size", "160x90", "--duration", "2"]
    _run(export, cwd=place, env=environment)
    if not (place / "song.mp4").stat().st_size:
        raise subprocess.CalledProcessError(1, export)


def _interpreter(python: str) -> str | None:
    """The command of that Python, from the PATH or from pyenv."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin/python"))
    return str(pyenv[-1]) if pyenv else shutil.which(f"python{python}")


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command whose tools may lie beside this Python; its output is kept for the error."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, cwd=cwd, env={**(env or os.environ), "PATH": beside}, capture_output=True, check=True)


def check(pythons: list[str], out: Path) -> bool:
    """Build, compare, install, run; print the results."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder, "again")
        first, second = build(out), build(again)
        wheel = next(out.glob("*.whl"))
        results: dict[str, str] = {}
        for number, python in enumerate(pythons):
            place = Path(folder, python)
            place.mkdir()
            results[python] = install_and_run(python, wheel, place, None if number else out / "sbom.json")
            shutil.rmtree(place)
    table = Table(title="Supply")
    table.add_column("what")
    table.add_column("result")
    table.add_row("sdist and wheel, twice", "the same bytes" if first == second else "they differ")
    for python, failure in results.items():
        table.add_row(f"locked install and export, Python {python}", failure or "works")
    Console().print(table)
    works = [python for python, failure in results.items() if not failure]
    print(json.dumps({"reproducible": first == second, "installs": works, "sha256": first}))
    return first == second and len(works) == len(pythons)


def main() -> None:
    """Read the arguments, lock or check."""
    parser = argparse.ArgumentParser(description="Lock, build, list and try what a user installs.")
    parser.add_argument("what", choices=("lock", "check"))
    parser.add_argument("--pythons", default=PYTHONS)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "supply")
    options = parser.parse_args()
    if options.what == "lock":
        lock()
    elif not check(options.pythons.split(","), options.out):
        sys.exit(1)


if __name__ == "__main__":
    main()
