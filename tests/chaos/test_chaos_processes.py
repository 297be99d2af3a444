"""Render processes that are killed, frozen or cut off in mid-clip: each is detected, replaced, and no job is lost."""

from pathlib import Path

from tests.chaos.conftest import Tally, rounds
from tools.stress.soak_render import FaultInjection

ROW = "render process killed, frozen, cut off"


async def test_killed_and_frozen(tmp_path: Path, tally: Tally) -> None:
    faults = FaultInjection(kills=rounds(4, 80), stops=rounds(1, 12))
    await faults.run(tmp_path, workers=2)
    tally.add(sum(map(len, faults.detected.values())), faults.lost + faults.partial)


async def test_cut_off(tmp_path: Path, tally: Tally) -> None:
    faults = FaultInjection(0, 0)
    await faults.run_partitions(tmp_path, partitions=rounds(1, 10))
    tally.add(len(faults.partitions_detected), faults.lost + faults.partial)
