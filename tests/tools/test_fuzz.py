"""A short run of the fuzzer finds no fault, and injected faults are detected."""

from pathlib import Path

import pytest

pytest.importorskip("pythonosc", reason="needs the control extra")

from tools.stress.fuzz import cases, media, workers
from tools.stress.fuzz.workers import run


def test_damaged_input_of_every_kind_is_read_or_refused() -> None:
    report = run((kind, number) for number in range(25) for kind in cases.TARGETS)
    assert report.faults == []
    assert report.outcomes["refused"] > report.outcomes["sound"] > 0


def test_the_same_number_gives_the_same_case(tmp_path: Path) -> None:
    first = [media.case("ogg", number, tmp_path) for number in range(5)]
    assert first == [media.case("ogg", number, tmp_path) for number in range(5)]


def test_a_silent_truncation_is_detected(tmp_path: Path) -> None:
    good = media.seed("wav", tmp_path)
    path = tmp_path / "a.wav"
    path.write_bytes(good.data)
    assert media.verdict(path, good.seconds) == "sound"
    assert media.verdict(path, good.seconds + 1).startswith("silent truncation")


def test_a_crash_a_hang_and_excessive_memory_are_detected_and_the_run_goes_on() -> None:
    report = run([("test crash", 0), ("test raise", 0), ("test hang", 0), ("test eat", 0), ("key", 1)])
    whats = [fault.what for fault in report.faults]
    assert [what[:18] for what in whats] == [
        "crash: the process",
        "crash: ZeroDivisio",
        "hang: ended after ",
        "crash: MemoryError",
    ]
    assert report.outcomes.total() == 5


def test_the_limits_are_those_promised() -> None:
    assert (workers.HANG_S, workers.MEMORY_BYTES) == (1.0, 1 << 30)
