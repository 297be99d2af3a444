"""The health line says how a show is; Prometheus reads its numbers from this host."""

import asyncio
import socket
import urllib.request
from typing import Any

import pytest

from aimv.app import telemetry
from aimv.app.telemetry import Metrics, health_line, report_health
from engine.errors import UsageError

TELEMETRY: dict[str, Any] = {
    "time": 12.5, "fps": 29.9, "late": 1, "skipped": 2, "dropped": 3, "silenced": 6, "refused": 7, "passed_over": 8,
    "xruns": 4, "level_db": -12.0, "bpm": None, "latency_p95_ms": 41.5, "input": "open", "worker": "ready",
    "warning": "",
}  # fmt: skip


def test_one_line_says_whether_all_is_well() -> None:
    assert health_line(TELEMETRY).startswith("well: 12 s, 29.9 pictures a second, 1 late, 2 skipped, 3 dropped")
    assert health_line(TELEMETRY | {"worker": "lost"}).startswith("unwell")
    assert health_line(TELEMETRY | {"warning": "the input is gone"}).endswith("; the input is gone")
    assert health_line(TELEMETRY).endswith("render process ready; 7 commands refused, 8 shots passed over")
    assert "\n" not in health_line(TELEMETRY)


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}


def test_prometheus_reads_the_numbers_and_counters_only_grow() -> None:
    with Metrics("127.0.0.1", 0) as metrics:
        metrics.update(TELEMETRY)
        metrics.update(TELEMETRY | {"dropped": 5, "worker": "lost"})
        told = scraped(metrics.port)
    assert told["aimv_pictures_dropped_total"] == 5
    assert told["aimv_latency_p95_ms"] == 41.5
    lost = ("sound_blocks_dropped", "commands_refused", "shots_passed_over")
    assert [told[f"aimv_{each}_total"] for each in lost] == [6, 7, 8]
    assert (told["aimv_input_open"], told["aimv_worker_lost"]) == (1, 1)


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"{port}.*another port"), Metrics("127.0.0.1", port):
            pass


async def test_a_show_is_report_health_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "INTERVAL_S", 0.0)
    told: list[str] = []
    enough = asyncio.Event()

    def tell(event: str, line: str) -> None:
        told.append(line)
        enough.set()

    monkeypatch.setattr(telemetry, "tell", tell)
    metrics = Metrics("127.0.0.1", 0)
    async with report_health(lambda: TELEMETRY, metrics):
        await enough.wait()
        assert (await asyncio.to_thread(scraped, metrics.port))["aimv_show_seconds"] == 12.5
    assert told[0].startswith("well")
