"""Render processes that are killed, frozen or cut off in mid-clip: each is noticed, replaced, and no job is lost."""

from pathlib import Path

from tests.chaos.conftest import Tally, rounds
from tools.stress.soak_render import Soak

ROW = "render process killed, frozen, cut off"


async def test_killed_and_frozen(tmp_path: Path, tally: Tally) -> None:
    soak = Soak(kills=rounds(4, 80), stops=rounds(1, 12))
    await soak.run(tmp_path, workers=2)
    tally.add(sum(map(len, soak.noticed.values())), soak.lost + soak.half)


async def test_cut_off(tmp_path: Path, tally: Tally) -> None:
    soak = Soak(0, 0)
    await soak.run_cut_off(tmp_path, partitions=rounds(1, 10))
    tally.add(len(soak.cut_noticed), soak.lost + soak.half)
