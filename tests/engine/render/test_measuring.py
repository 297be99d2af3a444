"""The measuring tools print a table for people and, last, one JSON line."""

import json
import sys

import pytest

from engine.render.generators.cogvideox_presets import PRESETS
from tools import bench_workers, simulate_show, soak_render

KEYS = {"fresh", "stretched", "reused", "held", "late", "blank", "own_section", "prompt_age_median_shots"}


def last_line(monkeypatch, capsys, main, *arguments):
    monkeypatch.setattr(sys, "argv", ["tool", *arguments])
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize("mode", ["file", "live"])
def test_the_simulator_accounts_for_the_whole_show(monkeypatch, capsys, mode):
    arguments = ("--rtf", "2", "--minutes", "1", "--mode", mode, "--stalls", "1", "--deaths", "1")
    totals = last_line(monkeypatch, capsys, simulate_show.main, *arguments)
    assert set(totals) >= KEYS
    assert sum(totals[kind] for kind in simulate_show.KINDS) == pytest.approx(1.0, abs=0.001)


def test_the_soak_counts_what_it_did(monkeypatch, capsys):
    arguments = ("--kills", "2", "--stops", "0", "--partitions", "0")
    totals = last_line(monkeypatch, capsys, soak_render.main, *arguments)
    assert (totals["kills"], totals["stops"], totals["partitions"]) == (2, 0, 0)
    assert (totals["lost"], totals["half_clips_seen"]) == (0, 0)


def test_the_bench_counts_the_published_model_and_times_a_tiny_one():
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tools.bench_render import TERA, measure, pass_flops  # noqa: PLC0415 - needs torch

    torch.set_num_threads(1)
    assert pass_flops("2b") / TERA == pytest.approx(120.0, abs=0.01)
    (live,) = measure("tiny", [PRESETS["live"]], False, "cpu")
    assert live["rtf"] > 0


async def test_several_processes_share_the_clips_of_a_song():
    assert await bench_workers.throughput(4, 2) > 0
