"""Ground truth of the demo song: sections, words, beats and notes in seconds, as plain JSON values."""

from __future__ import annotations

from typing import Any

from tools.release.demo.arrangement import BEATS_IN_BAR, BPM, SECTIONS, Track, duration_s, seconds
from tools.release.demo.voice import HUM, Sung
from tools.synthesis import Note

# Audible decay of percussion in s; other notes end with their key.
DECAY_S = {"kick": 0.25, "tom": 0.4, "crash": 1.0, "splash": 0.5}
TITLE = "Heart"


def truth(tracks: tuple[Track, ...], voice: list[Sung], sample_rate: int) -> dict[str, Any]:
    """Sections, words, beats and notes in seconds of the song; labels as the instrument classifier names them."""
    words = [_span(s.start_s, s.end_s) | {"text": s.text} for s in voice if s.text != HUM]
    beats = sum(s.bars for s in SECTIONS) * BEATS_IN_BAR + 1
    return {
        "title": TITLE,
        "bpm": BPM,
        "duration_s": round(duration_s(), 3),
        "sample_rate": sample_rate,
        "sections": _sections(words),
        "words": words,
        "beats": [round(seconds(beat), 4) for beat in range(beats)],
        "instruments": _instruments(tracks, voice),
    }


def _span(start_s: float, end_s: float) -> dict[str, Any]:
    return {"start_s": round(start_s, 3), "end_s": round(end_s, 3)}


def _sections(words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    out = []
    for index, section in enumerate(SECTIONS):
        start = 0.0 if index == 0 else seconds(section.first_bar * BEATS_IN_BAR)
        last = index == len(SECTIONS) - 1
        end = duration_s() if last else seconds((section.first_bar + section.bars) * BEATS_IN_BAR)
        inside = sorted({w["text"] for w in words if start <= (w["start_s"] + w["end_s"]) / 2 < end})
        about = {"instruments": list(section.instruments), "voice": section.voice, "words": inside}
        out.append({"name": section.name} | _span(start, end) | about | {"loudness": section.loudness})
    return out


def _instruments(tracks: tuple[Track, ...], voice: list[Sung]) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for track in tracks:
        out.setdefault(track.label, []).extend(_span(seconds(n.start), _end_s(track, n)) for n in track.notes)
    out["vocal"] = [_span(s.start_s, s.end_s) for s in voice]
    return {label: sorted(spans, key=lambda s: (s["start_s"], s["end_s"])) for label, spans in out.items()}


def _end_s(track: Track, note: Note) -> float:
    decay = DECAY_S.get(track.label)
    end = seconds(note.start + note.length) if decay is None else seconds(note.start) + decay
    return min(end, duration_s())
