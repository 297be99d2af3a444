"""Strike AIMV in every way of the fault matrix, many times, and then feed it damaged input: what was lost?

    python tools/chaos.py [--rows PATTERN] [--cases 10000] [--json FILE]

Runs the long form of tests/chaos and the fuzzer, prints the matrix and, last, one JSON line of the totals; exit status
1 if anything was lost, or if it took longer than the half hour that it is meant for.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
LIMIT_S = 1800


def main() -> None:
    """Run the rows, then the fuzzer; print what came of them."""
    parser = argparse.ArgumentParser(description="The fault matrix, long form, and the fuzzer.")
    parser.add_argument("--rows", default="", help="only the modules whose names hold this")
    parser.add_argument("--cases", type=int, default=10_000, help="damaged inputs for the fuzzer; 0 leaves it out")
    parser.add_argument("--json", type=Path, help="a file that gets one more JSON line")
    options = parser.parse_args()
    begun = time.monotonic()
    rows, failed = _strike(options.rows)
    if options.cases:
        rows.append(_fuzz(options.cases))
    seconds = round(time.monotonic() - begun)
    table = Table(title=f"Fault matrix, {seconds} s")
    for column in ("blow", "tried", "survived", "lost"):
        table.add_column(column, justify="left" if column == "blow" else "right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("row", "tried", "survived", "lost")))
    Console().print(table)
    totals = {key: sum(int(row[key]) for row in rows) for key in ("tried", "survived", "lost")}
    line = json.dumps({**totals, "failed_tests": failed, "seconds": seconds})
    if options.json:
        with options.json.open("a") as file:
            file.write(line + "\n")
    print(line)
    sys.exit(1 if totals["lost"] or failed or not rows or seconds > LIMIT_S else 0)


def _strike(pattern: str) -> tuple[list[dict[str, int | str]], int]:
    """The rows of tests/chaos that ran, and whether pytest failed (0 or 1)."""
    modules = sorted(path for path in (ROOT / "tests" / "chaos").glob("test_*.py") if pattern in path.name)
    with tempfile.TemporaryDirectory() as folder:
        tally = Path(folder, "tally.jsonl")
        tally.touch()
        environment = {**os.environ, "AIMV_CHAOS": "long", "AIMV_CHAOS_TALLY": str(tally), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *map(str, modules)]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        return [json.loads(line) for line in tally.read_text().splitlines()], int(done.returncode != 0)


def _fuzz(cases: int) -> dict[str, int | str]:
    command = [sys.executable, "-m", "tools.fuzz", "--cases", str(cases)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout)
    report = json.loads(done.stdout.splitlines()[-1])
    tried = int(report["mutations"])
    lost = sum(int(report[key]) for key in ("crashes", "hangs", "silent_truncations", "other_faults"))
    return {
        "row": "hostile media, scores, scenes, keys, messages",
        "tried": tried,
        "survived": tried - lost,
        "lost": lost,
    }


if __name__ == "__main__":
    main()
