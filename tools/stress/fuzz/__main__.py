"""Fuzz AIMV with thousands of damaged files and messages: each must be read, or rejected in one line.

    python -m tools.stress.fuzz [--cases 10000] [--seed 0] [--only wav,score] [--again wav:123]

Cases are spread evenly over the kinds of media; every mutation depends on the kind and its number alone, so
that `--again` repeats one. Each runs in a process with a memory limit, which is ended when it takes longer than 1 s of
processor time. Prints a table and, last, one JSON line; exit status 1 if there was a fault.
"""

import argparse
import json
import sys
import time

from rich.console import Console
from rich.table import Table

from tools.stress.fuzz.cases import TARGETS
from tools.stress.fuzz.media import KINDS
from tools.stress.fuzz.workers import Report, run

SHOWN = 20


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description="Damaged media, scores, scenes and messages by the thousand.")
    parser.add_argument("--cases", type=int, default=10_000, help="for media, and again for everything else")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case of each kind")
    parser.add_argument("--only", default="", help=f"a comma-separated choice of {', '.join(TARGETS)}")
    parser.add_argument("--again", default="", help="repeat one case: KIND:NUMBER")
    options = parser.parse_args()
    if options.again:
        name, _, number = options.again.partition(":")
        print(run([(name, int(number))]).faults or "no fault")
        return
    chosen = options.only.split(",") if options.only else list(TARGETS)
    started = time.monotonic()
    totals: dict[str, Report] = {}
    for group in ([kind for kind in chosen if kind in KINDS], [kind for kind in chosen if kind not in KINDS]):
        for index, kind in enumerate(group):
            count = len(range(index, options.cases, len(group)))
            totals[kind] = run((kind, options.seed + number) for number in range(count))
    _print(totals, time.monotonic() - started)
    sys.exit(1 if any(report.faults for report in totals.values()) else 0)


def _print(totals: dict[str, Report], seconds: float) -> None:
    table = Table(title="Damaged input")
    for column in ("kind", "cases", "read", "refused", "faults", "slowest, ms", "peak, MB"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, report in totals.items():
        count = report.outcomes
        read = count["sound"] + count["read"]
        numbers = (count.total(), read, count["refused"], len(report.faults), round(1000 * report.slowest_s))
        table.add_row(kind, *map(str, numbers), str(report.peak_bytes >> 20))
    Console().print(table)
    faults = [fault for report in totals.values() for fault in report.faults]
    for fault in faults[:SHOWN]:
        print(f"{fault.target}:{fault.number}: {fault.what}")
    print(
        json.dumps(
            {
                "mutations": sum(report.outcomes.total() for report in totals.values()),
                "crashes": sum(fault.what.startswith("crash") for fault in faults),
                "hangs": sum(fault.what.startswith("hang") for fault in faults),
                "silent_truncations": sum(fault.what.startswith("silent truncation") for fault in faults),
                "other_faults": sum(not fault.what.startswith(("crash", "hang", "silent")) for fault in faults),
                "slowest_s": round(max(report.slowest_s for report in totals.values()), 3),
                "peak_mb": max(report.peak_bytes for report in totals.values()) >> 20,
                "seconds": round(seconds, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
