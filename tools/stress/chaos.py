"""Run the long form of the fault matrix and the fuzzer, and report what was lost.

    python -m tools.stress.chaos [--rows PATTERN] [--cases 10000] [--json FILE]

Runs tests/chaos and the fuzzer, prints the matrix and, last, one JSON line of the totals; exit status 1 if anything was
lost, or if it took longer than half an hour.
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
LIMIT_S = 1800
PARALLEL = 2  # rows, which mostly wait
SLOWEST = ("signals", "broker", "memory", "processes", "disk_full", "clock")
COLUMNS = ("row", "tried", "survived", "lost", "seconds")

Row = dict[str, int | str]


def main() -> None:
    """Run the rows and the fuzzer; print the results."""
    parser = argparse.ArgumentParser(description="The fault matrix, long form, and the fuzzer.")
    parser.add_argument("--rows", default="", help="only modules whose names contain this")
    parser.add_argument("--cases", type=int, default=10_000, help="damaged inputs for the fuzzer; 0 skips it")
    parser.add_argument("--json", type=Path, help="a file that gets one more JSON line")
    options = parser.parse_args()
    started = time.monotonic()
    jobs: list[Callable[[], tuple[list[Row], int]]] = [
        functools.partial(_run_row, path)
        for path in sorted((ROOT / "tests" / "chaos").glob("test_*.py"), key=_order)
        if options.rows in path.name
    ]
    if options.cases:
        jobs.insert(1, functools.partial(_fuzz, options.cases))
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = list(pool.map(lambda job: job(), jobs))
    rows = sorted((row for of, _ in results for row in of), key=lambda row: str(row["row"]))
    failed = sum(failure for _, failure in results)
    seconds = round(time.monotonic() - started)
    table = Table(title=f"Fault matrix, {seconds} s")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "row" else "right")
    for row in rows:
        table.add_row(*(str(row[column]) for column in COLUMNS))
    Console().print(table)
    totals = {key: sum(int(row[key]) for row in rows) for key in ("tried", "survived", "lost")}
    line = json.dumps({**totals, "failed_modules": failed, "seconds": seconds})
    if options.json:
        with options.json.open("a") as file:
            file.write(line + "\n")
    print(line)
    sys.exit(1 if totals["lost"] or failed or not rows or seconds > LIMIT_S else 0)


def _order(path: Path) -> int:
    """Sort key: the slowest rows first, so that all end at about the same time."""
    name = path.stem.removeprefix("test_chaos_")
    return SLOWEST.index(name) if name in SLOWEST else len(SLOWEST)


def _run_row(path: Path) -> tuple[list[Row], int]:
    """The row of a module of tests/chaos, and whether any of its tests failed (0 or 1)."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder, "tally.jsonl")
        tally.touch()
        environment = {**os.environ, "AIMV_CHAOS": "long", "AIMV_CHAOS_TALLY": str(tally), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(path)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        rows = [json.loads(line) for line in tally.read_text().splitlines()]
    print(f"{path.name}\n{done.stdout}", flush=True)
    return [{**row, "seconds": round(time.monotonic() - started)} for row in rows], int(done.returncode != 0)


def _fuzz(cases: int) -> tuple[list[Row], int]:
    """The fuzzer's row, and whether it found a fault (0 or 1)."""
    command = [sys.executable, "-m", "tools.stress.fuzz", "--cases", str(cases)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    report = json.loads(done.stdout.splitlines()[-1])
    tried = int(report["mutations"])
    lost = sum(int(report[key]) for key in ("crashes", "hangs", "silent_truncations", "other_faults"))
    row: Row = {
        "row": "hostile media, scores, scenes, configs, keys, messages",
        "tried": tried,
        "survived": tried - lost,
        "lost": lost,
        "seconds": round(float(report["seconds"])),
    }
    return [row], int(done.returncode != 0)


if __name__ == "__main__":
    main()
