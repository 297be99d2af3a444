"""The health line, telemetry, and Prometheus metrics on this host."""

import asyncio
import socket
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimv.app import telemetry
from aimv.app.show import Show, SoundState
from aimv.app.telemetry import Metrics, health_line, make_readout, make_telemetry, report_health
from engine.audio.beats import Tempo
from engine.audio.features import FeatureExtractor
from engine.control.commands import Command, ControlState
from engine.errors import UsageError
from engine.pipeline import PlannedClip
from engine.playback.compositor import Compositor
from engine.render.protocol import Job

TELEMETRY: dict[str, Any] = {
    "time": 12.5, "fps": 29.9, "late": 1, "skipped": 2, "dropped": 3, "silenced": 6, "refused": 7, "passed_over": 8,
    "xruns": 4, "level_db": -12.0, "bpm": None, "latency_p95_ms": 41.5, "input": "open", "worker": "ready",
    "warning": "",
}  # fmt: skip


def test_the_health_line() -> None:
    assert health_line(TELEMETRY).startswith("well: 12 s, 29.9 pictures a second, 1 late, 2 skipped, 3 dropped")
    assert health_line(TELEMETRY | {"worker": "lost"}).startswith("unwell")
    assert health_line(TELEMETRY | {"warning": "the input is gone"}).endswith("; the input is gone")
    assert health_line(TELEMETRY).endswith("render process ready; 7 commands refused, 8 shots passed over")
    assert "\n" not in health_line(TELEMETRY)


class Played(Show):
    """A show whose sound is given."""

    given = SoundState(title="song.wav", instruments=("kick",), words="my heart", colour="crimson", hex="#dc143c")

    def __init__(self, not_live: str = "") -> None:
        features = FeatureExtractor.of(np.zeros(22050, np.float32), 22050)
        control = ControlState(Tempo(), lambda: 3.0, seed=7, generator="shader", not_live=not_live)
        super().__init__(Compositor(64, 48, 24.0, features), control, Tempo(), lambda: 3.0)

    def sound(self) -> SoundState:
        return self.given


def test_telemetry_states_the_sound_the_sentence_on_screen_and_what_commands_have_set(tmp_path: Path) -> None:
    show = Played()
    show.control.apply(Command("flashes", 1))
    job = Job("fake", "", "A kick hits.", (), ("#ff0000",), 0, 64, 48, 8.0, 1.0)
    show.add_job(PlannedClip(2.0, 4.0, job), job)
    show.compositor.place(2.0, 4.0, tmp_path / f"{job.id}.mp4")
    telemetry = make_telemetry(show)
    assert (telemetry["time"], telemetry["sentence"], telemetry["words"]) == (3.0, "A kick hits.", "my heart")
    shown = [telemetry[name] for name in ("flashes", "seed", "generator", "warning")]
    assert shown == [1, 7, "shader", ""]
    assert health_line(telemetry).startswith("well: 3 s"), "all that the health line and the metrics need"
    assert not TELEMETRY.keys() - telemetry.keys()


def test_live_fields_of_a_song_are_none() -> None:
    telemetry = make_telemetry(Played(not_live="a song is known"))
    assert [telemetry[key] for key in ("seed", "style", "bpm", "level_db", "latency_p95_ms")] == [None] * 5


def test_the_most_urgent_warning_is_first() -> None:
    show = Played()
    assert make_readout(show).warning == ""
    show.given = SoundState(title="x", silent=True, warning="the input is silent")
    assert make_readout(show).warning == "the input is silent"
    show.control.notify("react takes a number")
    assert make_readout(show).warning == "react takes a number"
    show.given = SoundState(title="x", state="lost", warning="the input is gone")
    assert make_telemetry(show)["warning"] == "the input is gone"


def test_the_readout_has_the_rows_of_the_show_and_those_of_all_shows() -> None:
    show = Played()
    show.given = SoundState(title="x", rows=(("lead", "3.0 s"),))
    rows = dict(make_readout(show).rows)
    assert rows["lead"] == "3.0 s" and rows["worker"] == "shader, starting"
    assert rows["control"] == "react 1, flashes 3, seed 7"
    show.control.apply(Command("hold"))
    assert make_readout(show).title == "x · hold"


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}


prometheus = pytest.mark.skipif(find_spec("prometheus_client") is None, reason="needs the metrics extra")


@prometheus
def test_prometheus_reads_the_numbers_and_counters_only_grow() -> None:
    with Metrics("127.0.0.1", 0) as metrics:
        metrics.update(TELEMETRY)
        metrics.update(TELEMETRY | {"dropped": 5, "worker": "lost"})
        values = scraped(metrics.port)
    assert values["aimv_pictures_dropped_total"] == 5
    assert values["aimv_latency_p95_ms"] == 41.5
    lost = ("sound_blocks_dropped", "commands_refused", "shots_passed_over")
    assert [values[f"aimv_{each}_total"] for each in lost] == [6, 7, 8]
    assert (values["aimv_input_open"], values["aimv_worker_lost"]) == (1, 1)


@prometheus
def test_a_port_in_use_is_an_error_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"{port}.*another port"), Metrics("127.0.0.1", port):
            pass


async def test_the_health_of_a_show_is_reported_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "INTERVAL_S", 0.0)
    lines: list[str] = []
    enough = asyncio.Event()

    def log_event(event: str, line: str) -> None:
        lines.append(line)
        enough.set()

    monkeypatch.setattr(telemetry, "log_event", log_event)
    metrics = Metrics("127.0.0.1", 0)
    async with report_health(lambda: TELEMETRY, metrics):
        await enough.wait()
        assert (await asyncio.to_thread(scraped, metrics.port))["aimv_show_seconds"] == 12.5
    assert lines[0].startswith("well")
