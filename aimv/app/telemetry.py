"""How a live show is: one line for the log, numbers for Prometheus.

What a live show tells of itself: the readout over its picture, and telemetry for other programs.
"""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from aimv.app.live import LiveShow
from aimv.app.logs import tell
from engine.colour import rgb_of_hex
from engine.errors import MissingExtra, UsageError
from engine.outputs.base import QueuedOutput
from engine.outputs.hud import Readout

_BARS = 5


def readout_of(show: LiveShow, wires: str = "") -> Readout:
    """The show as its player sees it now; `wires` says what it should be steered by and is not."""
    now = show.input.time()
    phase, beat = show.tempo.at(now)
    row, outputs = show.row, show.outputs
    heard = sorted(row.analysis.probabilities.items(), key=lambda item: -item[1])[:_BARS] if row else []
    on_screen = show.on_screen
    switches = [name for name in ("hold", "blackout") if getattr(show.control, name)]
    rows = [
        ("prompt", f"{now - on_screen[0]:.1f} s old" if on_screen else "none yet"),
        ("pictures", f"{outputs.fps:.1f} a second" if outputs else ""),
        ("late", f"{show.tally.late}, {show.tally.skipped} skipped, {outputs.dropped if outputs else 0} dropped"),
        ("latency", _latency(show)),
        ("worker", _worker(show)),
        ("input", f"{show.input.xruns} xruns, {show.input.losses} losses"),
        ("control", f"react {show.control.reaction:g}, flashes {show.control.flashes}, seed {show.control.seed}"),
    ]
    if show.control.style:
        rows.append(("style", show.control.style))
    rows += [(each.name.rsplit("/", 1)[-1][:12], f"{each.state}, {each.written} pictures") for each in _queued(show)]
    return Readout(
        title=" · ".join([show.input.device.name, f"{show.input.device.rate / 1000:g} kHz", *switches]),
        warning=warning_of(show) or wires,
        sentence=on_screen[1] if on_screen else "",
        words=" ".join(show.words),
        bars=tuple(heard),
        colour=row.content.colour if row else "",
        rgb=rgb_of_hex(row.hex) if row else (0, 0, 0),
        level_db=show.input.meter.peak_db,
        phase=phase,
        beat=beat,
        tempo=f"{show.tempo.bpm:.0f} bpm, {show.tempo.source}" if show.tempo.bpm else "no beat",
        rows=tuple(rows),
    )


def warning_of(show: LiveShow) -> str:
    """What the player should know at once, if anything."""
    if show.input.state == "lost":
        return f"the input is gone: {show.input.why or 'waiting for it'}"
    if show.control.notice:
        return show.control.notice
    if show.input.meter.silent:
        return "the input is silent: check the cable and the level"
    return next((each.reason for each in _queued(show) if each.state != "open"), "")


def telemetry_of(show: LiveShow) -> dict[str, Any]:
    """The show as plain values: times in s, level in dBFS."""
    row, outputs, on_screen = show.row, show.outputs, show.on_screen
    latency = outputs.latency(0.95) if outputs else None
    return {
        "time": round(show.input.time(), 2),
        "sentence": on_screen[1] if on_screen else "",
        "instruments": list(row.instruments.names[: row.instruments.confident]) if row else [],
        "words": " ".join(show.words),
        "colour": row.content.colour if row else "",
        "hex": row.hex if row else "",
        "bpm": round(show.tempo.bpm, 1) if show.tempo.bpm else None,
        "beat_from": show.tempo.source,
        "level_db": round(show.input.meter.peak_db, 1),
        "silent": show.input.meter.silent,
        "input": show.input.state,
        "xruns": show.input.xruns,
        "fps": round(outputs.fps, 1) if outputs else 0.0,
        "late": show.tally.late,
        "skipped": show.tally.skipped,
        "dropped": outputs.dropped if outputs else 0,
        "silenced": sum(each.audio_dropped for each in _queued(show)),
        "refused": show.control.refused,
        "passed_over": show.passed_over,
        "latency_p95_ms": round(1000 * latency, 1) if latency is not None else None,
        "worker": show.worker.state if show.worker else "starting",
        "generator": show.selection.generator,
        "style": show.control.style,
        "seed": show.control.seed,
        "react": show.control.reaction,
        "flashes": show.control.flashes,
        "hold": show.control.hold,
        "blackout": show.control.blackout,
        "warning": warning_of(show),
    }


def _queued(show: LiveShow) -> tuple[QueuedOutput, ...]:
    return show.outputs.outputs if show.outputs else ()


def _latency(show: LiveShow) -> str:
    median = show.outputs.latency(0.5) if show.outputs else None
    late = show.outputs.latency(0.95) if show.outputs else None
    if median is None or late is None:
        return "no attack yet"
    return f"{1000 * median:.0f} ms, p95 {1000 * late:.0f} ms"


def _worker(show: LiveShow) -> str:
    state = show.worker.state if show.worker else "starting"
    return f"{show.selection.generator}, {state}" + (f" {show.share:.0%}" if state == "rendering" else "")


_EVERY_S = 1.0
_LINES_S = 10

# Prometheus name -> (key of the telemetry, help, whether it only ever grows)
_NUMBERS = {
    "aimv_show_seconds": ("time", "Seconds of sound captured", False),
    "aimv_pictures_per_second": ("fps", "Pictures a second, of late", False),
    "aimv_pictures_late_total": ("late", "Pictures shown more than a frame late", True),
    "aimv_pictures_skipped_total": ("skipped", "Pictures never drawn, their time being past", True),
    "aimv_pictures_dropped_total": ("dropped", "Pictures that an output had no room for", True),
    "aimv_sound_blocks_dropped_total": ("silenced", "Blocks of sound that an output had no room for", True),
    "aimv_commands_refused_total": ("refused", "Commands that could not be followed", True),
    "aimv_shots_passed_over_total": ("passed_over", "Shots that newer ones overtook before they were planned", True),
    "aimv_input_xruns_total": ("xruns", "Times that the sound input lost sound", True),
    "aimv_input_level_dbfs": ("level_db", "Level of the input", False),
    "aimv_latency_p95_ms": ("latency_p95_ms", "From an attack's arrival to its picture", False),
    "aimv_beats_per_minute": ("bpm", "Tempo that is followed", False),
}
_STATES = {
    "aimv_input_open": ("input", "open", "Whether the sound input is there"),
    "aimv_worker_lost": ("worker", "lost", "Whether the render process is gone just now"),
}


def line_of(telemetry: Mapping[str, Any]) -> str:
    """The show's health in one line."""
    good = not telemetry["warning"] and telemetry["input"] == "open" and telemetry["worker"] != "lost"
    return (
        f"{'well' if good else 'unwell'}: {telemetry['time']:.0f} s, {telemetry['fps']:.1f} pictures a second, "
        f"{telemetry['late']} late, {telemetry['skipped']} skipped, {telemetry['dropped']} dropped; "
        f"input {telemetry['input']}, {telemetry['xruns']} xruns; render process {telemetry['worker']}; "
        f"{telemetry['refused']} commands refused, {telemetry['passed_over']} shots passed over"
        + (f"; {telemetry['warning']}" if telemetry["warning"] else "")
    )


class Metrics:
    """Serves the show's numbers to Prometheus at `host`:`port` while entered, by its standard client."""

    def __init__(self, host: str, port: int) -> None:
        """Raises MissingExtra if prometheus_client is not installed."""
        try:
            self._library: Any = importlib.import_module("prometheus_client")
        except ImportError:
            raise MissingExtra("metrics for Prometheus", "metrics") from None
        self._host, self.port = host, port
        self._registry = self._library.CollectorRegistry()
        self._told: dict[str, float] = {}
        self._numbers = {
            name: (self._library.Counter if grows else self._library.Gauge)(name, about, registry=self._registry)
            for name, (_, about, grows) in _NUMBERS.items()
        }
        self._states = {
            name: self._library.Gauge(name, about, registry=self._registry) for name, (_, _, about) in _STATES.items()
        }

    def update(self, telemetry: Mapping[str, Any]) -> None:
        """Take the numbers as they are now."""
        for name, (key, _, grows) in _NUMBERS.items():
            value = float(telemetry[key] or 0.0)
            if grows:
                self._numbers[name].inc(max(0.0, value - self._told.get(name, 0.0)))
                self._told[name] = value
            else:
                self._numbers[name].set(value)
        for name, (key, state, _) in _STATES.items():
            self._states[name].set(float(telemetry[key] == state))

    def __enter__(self) -> "Metrics":
        try:
            self._server, self._thread = self._library.start_http_server(
                self.port, addr=self._host, registry=self._registry
            )
        except OSError as error:
            raise UsageError(
                f"metrics cannot be served at {self._host}:{self.port} ({error.strerror or error}): choose another port"
            ) from None
        self.port = self._server.server_port
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.asynccontextmanager
async def watched(telemetry: Callable[[], Mapping[str, Any]], metrics: Metrics | None) -> AsyncIterator[None]:
    """Log the health line every 10 s and keep `metrics` up to date while the block runs.

    Raises:
        UsageError: the port cannot be had.
    """

    async def watch() -> None:
        seconds = 0
        while True:
            await asyncio.sleep(_EVERY_S)
            seconds += 1
            now = telemetry()
            if metrics:
                metrics.update(now)
            if seconds % _LINES_S == 0:
                tell("health", line=line_of(now))

    with metrics or contextlib.nullcontext():
        watching = asyncio.create_task(watch(), name="health")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
