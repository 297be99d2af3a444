"""What a live show tells of itself: the readout over its picture, and telemetry for other programs."""

from typing import Any

from aimv.colour import rgb_of_hex
from aimv.live import LiveShow
from engine.play.hud import Readout
from engine.play.tap import Tap

_BARS = 5


def readout_of(show: LiveShow, wires: str = "") -> Readout:
    """The show as its player sees it now; `wires` says what it should be steered by and is not."""
    now = show.input.time()
    phase, beat = show.tempo.at(now)
    row, outputs = show.row, show.outputs
    heard = sorted(row.heard.probabilities.items(), key=lambda item: -item[1])[:_BARS] if row else []
    on_screen = show.on_screen
    switches = [name for name in ("hold", "blackout") if getattr(show.desk, name)]
    rows = [
        ("prompt", f"{now - on_screen[0]:.1f} s old" if on_screen else "none yet"),
        ("pictures", f"{outputs.fps:.1f} a second" if outputs else ""),
        ("late", f"{show.tally.late}, {show.tally.skipped} skipped, {outputs.dropped if outputs else 0} dropped"),
        ("latency", _latency(show)),
        ("worker", _worker(show)),
        ("input", f"{show.input.xruns} xruns, {show.input.losses} losses"),
        ("desk", f"react {show.desk.react:g}, flashes {show.desk.flashes}, seed {show.desk.seed}"),
    ]
    if show.desk.style:
        rows.append(("style", show.desk.style))
    rows += [(tap.name.rsplit("/", 1)[-1][:12], f"{tap.state}, {tap.written} pictures") for tap in _taps(show)]
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
    if show.desk.note:
        return show.desk.note
    if show.input.meter.silent:
        return "the input is silent: check the cable and the level"
    return next((tap.why for tap in _taps(show) if tap.state != "open"), "")


def telemetry_of(show: LiveShow) -> dict[str, Any]:
    """The show as plain values: times in s, level in dBFS."""
    row, outputs, on_screen = show.row, show.outputs, show.on_screen
    latency = outputs.latency(0.95) if outputs else None
    return {
        "time": round(show.input.time(), 2),
        "sentence": on_screen[1] if on_screen else "",
        "instruments": list(row.chosen.names[: row.chosen.confident]) if row else [],
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
        "silenced": sum(tap.silenced for tap in _taps(show)),
        "refused": show.desk.refused,
        "passed_over": show.passed_over,
        "latency_p95_ms": round(1000 * latency, 1) if latency is not None else None,
        "worker": show.worker.state if show.worker else "starting",
        "generator": show.choice.generator,
        "style": show.desk.style,
        "seed": show.desk.seed,
        "react": show.desk.react,
        "flashes": show.desk.flashes,
        "hold": show.desk.hold,
        "blackout": show.desk.blackout,
        "warning": warning_of(show),
    }


def _taps(show: LiveShow) -> tuple[Tap, ...]:
    return show.outputs.taps if show.outputs else ()


def _latency(show: LiveShow) -> str:
    median = show.outputs.latency(0.5) if show.outputs else None
    late = show.outputs.latency(0.95) if show.outputs else None
    if median is None or late is None:
        return "no attack yet"
    return f"{1000 * median:.0f} ms, p95 {1000 * late:.0f} ms"


def _worker(show: LiveShow) -> str:
    state = show.worker.state if show.worker else "starting"
    return f"{show.choice.generator}, {state}" + (f" {show.share:.0%}" if state == "rendering" else "")
