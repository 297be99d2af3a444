"""What a show states of itself: the readout over its picture, telemetry, a health line, and Prometheus metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from aimv.app.logs import log_event
from aimv.app.show import Show, SoundState
from engine.colour import hex_of_name, rgb_of_hex
from engine.errors import UsageError, import_extra
from engine.outputs.window import Readout


def make_readout(show: Show) -> Readout:
    """The show as its performer sees it now."""
    sound, control, outputs = show.sound(), show.control, show.outputs
    switches = [name for name in ("hold", "blackout") if getattr(control, name)]
    seed = f", seed {control.seed}" if control.accepts("seed") else ""
    return Readout(
        title=" · ".join([sound.title, *switches]),
        warning=_warning(show, sound),
        sentence=_sentence(show),
        words=sound.words,
        bars=sound.bars,
        colour=sound.colour,
        rgb=rgb_of_hex(hex_of_name(sound.hex)) if sound.hex else (0, 0, 0),
        level_db=sound.level_db,
        phase=sound.phase,
        beat=sound.beat,
        tempo=sound.tempo,
        rows=(
            *sound.rows,
            ("pictures", f"{outputs.fps:.1f} a second"),
            ("late", f"{show.stats.late}, {show.stats.skipped} skipped, {outputs.dropped} dropped"),
            ("worker", ", ".join(filter(None, (control.generator, _worker(show))))),
            ("control", f"react {control.reaction:g}, flashes {control.flashes}{seed}"),
            *((("style", control.style),) if control.style else ()),
            *(
                (each.name.rsplit("/", 1)[-1][:12], f"{each.state}, {each.written} pictures")
                for each in outputs.outputs
            ),
        ),
    )


def make_telemetry(show: Show) -> dict[str, Any]:
    """The show as plain values: times in s, level in dBFS; None for what this kind of show does not have."""
    sound, control, outputs = show.sound(), show.control, show.outputs
    return {
        "time": round(show.position(), 2),
        "sentence": _sentence(show),
        "instruments": list(sound.instruments),
        "words": sound.words,
        "colour": sound.colour,
        "hex": sound.hex,
        "bpm": _rounded(sound.bpm),
        "beat_from": sound.beat_from,
        "level_db": _rounded(sound.level_db),
        "silent": sound.silent,
        "input": sound.state,
        "xruns": sound.xruns,
        "lead_s": _rounded(sound.lead_s),
        "fps": round(outputs.fps, 1),
        "late": show.stats.late,
        "skipped": show.stats.skipped,
        "dropped": outputs.dropped,
        "silenced": outputs.audio_dropped,
        "refused": control.refused,
        "passed_over": sound.passed_over,
        "latency_p95_ms": _rounded(sound.latency_p95_ms),
        "worker": show.worker.state if show.worker else "starting",
        "generator": control.generator,
        "style": control.style if control.accepts("style") else None,
        "seed": control.seed if control.accepts("seed") else None,
        "react": control.reaction,
        "flashes": control.flashes,
        "hold": control.hold,
        "blackout": control.blackout,
        "warning": _warning(show, sound),
    }


def _warning(show: Show, sound: SoundState) -> str:
    """What the performer should know at once, if anything, the most urgent first."""
    failed = next((each.reason for each in show.outputs.outputs if each.state != "open"), "")
    lost = sound.warning if sound.state == "lost" else ""
    return lost or show.control.notice or sound.warning or failed or show.service.error


def _sentence(show: Show) -> str:
    return show.on_screen[1] if show.on_screen else ""


def _worker(show: Show) -> str:
    state = show.worker.state if show.worker else "starting"
    return f"{state} {show.progress:.0%}" if state == "rendering" and show.progress else state


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


INTERVAL_S = 1.0
_LINE_INTERVAL_S = 10

# Prometheus name, that of a counter with _total -> (key of the telemetry, help)
_METRICS = {
    "aimv_show_seconds": ("time", "Seconds of sound captured"),
    "aimv_pictures_per_second": ("fps", "Pictures per second, recently"),
    "aimv_pictures_late_total": ("late", "Pictures shown more than a frame late"),
    "aimv_pictures_skipped_total": ("skipped", "Pictures not drawn because their time was past"),
    "aimv_pictures_dropped_total": ("dropped", "Pictures dropped because the queue of an output was full"),
    "aimv_sound_blocks_dropped_total": ("silenced", "Blocks of sound dropped because the queue of an output was full"),
    "aimv_commands_refused_total": ("refused", "Commands that were refused"),
    "aimv_shots_passed_over_total": ("passed_over", "Shots replaced by newer ones before they were planned"),
    "aimv_input_xruns_total": ("xruns", "Times that the sound input lost sound"),
    "aimv_input_level_dbfs": ("level_db", "Peak level of the input"),
    "aimv_latency_p95_ms": ("latency_p95_ms", "Latency from the arrival of an onset to its picture"),
    "aimv_beats_per_minute": ("bpm", "Tempo of the beat"),
    "aimv_input_open": ("input_open", "Whether the sound input is open"),
    "aimv_worker_lost": ("worker_lost", "Whether the render process is lost"),
}


def health_line(telemetry: Mapping[str, Any]) -> str:
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
        self._library = import_extra("prometheus_client", "metrics for Prometheus", "metrics")
        self._host, self.port = host, port
        self._telemetry: Mapping[str, Any] = {}
        self._registry = self._library.CollectorRegistry()
        self._registry.register(self)

    def update(self, telemetry: Mapping[str, Any]) -> None:
        """Serve these numbers from now on."""
        states = {"input_open": telemetry["input"] == "open", "worker_lost": telemetry["worker"] == "lost"}
        self._telemetry = {**telemetry, **states}

    def collect(self) -> Iterator[Any]:
        """The metrics for the client, which calls this in its server's thread."""
        now, core = self._telemetry, self._library.metrics_core
        for name, (key, about) in _METRICS.items() if now else ():
            family = core.CounterMetricFamily if name.endswith("_total") else core.GaugeMetricFamily
            yield family(name, about, value=float(now[key] or 0.0))

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
async def report_health(telemetry: Callable[[], Mapping[str, Any]], metrics: Metrics | None) -> AsyncIterator[None]:
    """Log the health line every 10 s and keep `metrics` up to date while the block runs.

    Raises:
        UsageError: the port cannot be had.
    """

    async def watch() -> None:
        seconds = 0
        while True:
            await asyncio.sleep(INTERVAL_S)
            seconds += 1
            now = telemetry()
            if metrics:
                metrics.update(now)
            if seconds % _LINE_INTERVAL_S == 0:
                log_event("health", line=health_line(now))

    with metrics or contextlib.nullcontext():
        watching = asyncio.create_task(watch(), name="health")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
