"""All fuzzing targets by name."""

import os
from collections.abc import Callable
from pathlib import Path

from tools.stress.fuzz import media, texts

TARGETS: dict[str, Callable[[int, Path], str]] = {**media.CASES, **texts.CASES}


def run_case(target: str, number: int, folder: Path) -> str:
    """Run one case of a target; "warm up" runs one of each."""
    if target == "warm up":
        for each in TARGETS.values():
            each(0, folder)
        return "read"
    if target in _BAD:
        _BAD[target]()
    return TARGETS[target](number, folder)


def _loop() -> None:
    while True:
        pass


# Faults that the runner must detect; for its own tests.
_BAD: dict[str, Callable[[], object]] = {
    "test crash": os.abort,
    "test raise": lambda: 1 // 0,
    "test hang": _loop,
    "test eat": lambda: bytearray(3 << 30),
}
