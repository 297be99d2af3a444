"""The benchmarks and endurance tests print a table and, last, one JSON line."""

import json
import sys

import msgspec
import pytest

from engine.generators.cogvideox import PRESETS
from tools.bench import workers
from tools.stress import simulate_show, soak_render

KEYS = {"fresh", "stretched", "reused", "frozen", "late", "blank", "own_section", "prompt_age_median_shots"}


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
    assert (totals["lost"], totals["partial_clips_seen"]) == (0, 0)


def test_the_bench_counts_the_published_model_and_times_a_tiny_one(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from tools.bench import cogvideox as bench_render  # noqa: PLC0415 - needs torch

    torch.set_num_threads(1)
    assert bench_render.pass_flops("2b") / bench_render.TERA == pytest.approx(120.0, abs=0.01)
    monkeypatch.setattr(bench_render, "STOCK_STEPS", 2)
    live, _ = bench_render.measure("tiny", [PRESETS["live"]], True, "cpu")
    times = [live[stage] for stage in ("encode_s", "denoise_s", "decode_s", "copy_s", "pace_s", "peak_gb")]
    assert all(time > 0 for time in times)
    assert 0 < live["matrix_share"] < 1


def test_the_operations_of_denoising_are_those_that_run():
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: PLC0415 - needs torch
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 - needs torch

    from tools.bench import cogvideox as bench_render  # noqa: PLC0415 - needs torch

    torch.set_num_threads(1)
    generator = bench_render.random_generator("tiny", "cpu")
    shape = {key: value for key, value in generator.pipeline.transformer.config.items() if not key.startswith("_")}
    for name, steps in (("draft", 4), ("24gb", 6)):
        row = msgspec.structs.replace(PRESETS[name], precision="", steps=steps)
        size = generator.size_for(row)
        generator.denoiser.encode("")
        generator.denoiser.encode("a")
        # The CPU's own kernel for attention is not counted; its plain sums are.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            generator.denoiser.latents("a", 49, *size, row, 0, lambda step: None)
        counted = bench_render.flops_by_layers(shape, row, size[1] // 8, size[0] // 8)
        assert counter.get_total_flops() == counted


async def test_several_processes_share_the_clips_of_a_song():
    assert await workers.throughput(4, 2) > 0
