"""Single drum strokes by kit and piece: recorded kits, Hydrogen kits, soundfont kits, synthesized percussion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soxr

from tools.synthesis import Note
from tools.train.labels import SAMPLE_RATE
from tools.train.midi import Part, render
from tools.train.sound import Sound, add, fade_out, read, rms, starting_at_onset, to_peak

OTHER = "other"
"""Percussion without a label, as negative examples."""
SHAKEN = "other shaken"
"""Tambourines and shakers, which play hi-hat patterns and have no label either."""
OPEN = "hi-hat open"
"""An open hi-hat: labelled hi-hat, and silenced by the next closed one."""

SECONDS = {"crash": 2.5, "ride": 2.0, "splash": 1.5, OPEN: 1.5, "tom": 1.2, "kick": 0.9}

GENERAL_MIDI = {
    35: "kick", 36: "kick", 37: "rimshot", 38: "snare", 39: "clap", 40: "snare", 41: "tom", 42: "hi-hat", 43: "tom",
    44: "hi-hat", 45: "tom", 46: OPEN, 47: "tom", 48: "tom", 49: "crash", 50: "tom", 51: "ride", 52: "crash",
    53: "ride", 54: SHAKEN, 55: "splash", 56: OTHER, 57: "crash", 59: "ride", 60: OTHER, 61: OTHER, 62: OTHER,
    63: OTHER, 64: OTHER, 69: SHAKEN, 70: SHAKEN, 75: OTHER, 76: OTHER, 80: OTHER,
}  # fmt: skip
BRUSH = {39: "snare", 40: ""}
"""Where a brush kit differs: a slap on the snare; a swirl, which is no stroke."""
FONT_KITS = {0: GENERAL_MIDI, 8: GENERAL_MIDI, 16: GENERAL_MIDI, 24: GENERAL_MIDI, 25: GENERAL_MIDI, 32: GENERAL_MIDI,
             40: GENERAL_MIDI | BRUSH}  # fmt: skip
"""The pieces on the keys of each drum kit program (General MIDI 2)."""
LAYERED = (("timgm", 8),)
"""Kits that sound a kick under other keys too."""
SAME = 0.99
"""Correlation from which two strokes of a font count as the same recording."""
VELOCITIES = (50, 85, 120)
HIT_SPACING = 2.6

HYDROGEN = (
    (r"rimshot.*pearl|snare.*rimshot", "snare"), (r"rim ?click|side ?stick|^stick$|c#3 - stick", "rimshot"),
    (r"tambourine|maraca|shaker", SHAKEN),
    (r"cajon|djembe|bongo|conga|cowbell|clave|woodblock|agogo|finger|sangban|dununba|kenkeni", OTHER),
    (r"roll|zap|fx|whistle|glass|click|drum \d|swish|choke|^c\d|redo", ""),
    (r"splash", "splash"), (r"crash/ride b(ell|ow)", "ride"), (r"ride-crash|cymbal", ""), (r"china|crash", "crash"),
    (r"ride", "ride"), (r"clap", "clap"),
    (r"(hat|hh).*(open|op\b|ring)|open hh|side ohh|\bop\b|semiopen", OPEN), (r"hat|hh", "hi-hat"),
    (r"kick|bass ?drum", "kick"),
    (r"snare", "snare"), (r"tom", "tom"),
)  # fmt: skip
MULDJORD = {
    "KdrumL": "kick", "KdrumR": "kick", "Snare": "snare", "HihatClosed": "hi-hat", "HihatOpen": OPEN, "China": "crash",
    "CrashL": "crash", "CrashR": "crash", "RideL": "ride", "RideR": "ride", "RideLBell": "ride", "RideRBell": "ride",
    "Tom1": "tom", "Tom2": "tom", "Tom3": "tom", "Tom4": "tom",
}  # fmt: skip
CLOSE = {"kick": "Kdrum", "snare": "Snare_top", "tom": "Tom", "hi-hat": "Hihat", OPEN: "Hihat", "ride": "Ride"}
GOGODZE = {
    "ks": "kick", "sc": "snare", "se": "snare", "ss": "rimshot", "hc": "hi-hat", "hf": "hi-hat", "hh": OPEN, "hl": OPEN,
    "ho": OPEN, "ht": "hi-hat", "th": "tom", "tl": "tom", "tm": "tom",
}  # fmt: skip
FRANKENSNARE = {"sn": "snare", "sr": "snare", "sm": "snare", "sb": "snare", "ss": "rimshot"}
"""Pieces by the first letters of the file names; a cross-stick is a rimshot, a rim shot on the head a snare."""
BODY = {"handclap": "clap", "fingerclap": "clap", "stomp": OTHER, "heel": OTHER, "snap": OTHER, "chestthump": OTHER}
SONIC_PI = (
    (r"bd_|drum_bass|drum_heavy_kick|elec_(hollow|soft)_kick", "kick"), (r"drum_snare|sn_|elec_.*snare", "snare"),
    (r"drum_tom|elec_fuzz_tom", "tom"), (r"drum_cymbal_(closed|pedal)", "hi-hat"), (r"drum_cymbal_open", OPEN),
    (r"drum_splash", "splash"), (r"drum_cowbell|perc_snap|elec_(wood|tick|twip|plip)", OTHER),
)  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """One stroke: the kit, the piece (a drum label, :data:`OPEN` or :data:`OTHER`), how hard from 0 to 1."""

    kit: str
    piece: str
    force: float
    sound: Sound


def finish(kit: str, piece: str, force: float, sound: Sound) -> Hit | None:
    """A stroke that begins at its onset, lasts no longer than its kind does, at peak 0.9; None when it is silent."""
    if rms(sound) < 1e-5:
        return None
    kept = starting_at_onset(sound)[: int(SECONDS.get(piece, 0.8) * SAMPLE_RATE)]
    return Hit(kit, piece, force, to_peak(fade_out(kept, 0.08)))


def piece_named(name: str) -> str:
    """The piece named by a Hydrogen instrument, "" if none."""
    for pattern, piece in HYDROGEN:
        if re.search(pattern, name.lower()):
            return piece
    return ""


def hydrogen(folder: Path) -> Iterator[Hit]:
    """Strokes of a hydrogen kit: one folder with drumkit.xml."""
    text = re.sub(r'\sxmlns="[^"]+"', "", (folder / "drumkit.xml").read_text(encoding="utf-8", errors="replace"))
    for instrument in ElementTree.fromstring(text).iter("instrument"):
        piece = piece_named(instrument.findtext("name") or "")
        layers = [layer.findtext("filename") for layer in instrument.iter("layer")] or [instrument.findtext("filename")]
        files = [folder / name for name in layers if name and (folder / name).exists()]
        for i, file in enumerate(files[:: max(1, len(files) // 5)] if piece else []):
            hit = finish(folder.name, piece, 0.3 + 0.7 * (i + 1) / len(files), read(file, seconds=3.0))
            if hit:
                yield hit


def muldjord(folder: Path, random: np.random.Generator) -> Iterator[Hit]:
    """Strokes of the MuldjordKit, overheads with more or less of the close and the room microphones."""
    for name, piece in MULDJORD.items():
        takes = sorted({int(f.name.split("-")[0]) for f in (folder / name).glob(f"*-{name}-OHL.flac")})
        for take in takes[:: max(1, len(takes) // 24)]:
            close = f"{CLOSE.get(piece, 'OH')}*" if piece in CLOSE else "OH*"
            if piece == "tom":
                close = f"{name}*"
            for room in (0.0, float(random.uniform(0.3, 1.2))):
                over = [read(f, seconds=2.6) for f in sorted((folder / name).glob(f"{take}-{name}-OH*.flac"))]
                near = [read(f, seconds=2.6) for f in sorted((folder / name).glob(f"{take}-{name}-{close}.flac"))]
                far = [read(f, seconds=2.6) for f in sorted((folder / name).glob(f"{take}-{name}-Amb*.flac"))]
                weights = [1.0] * len(over) + [float(random.uniform(0.2, 1.0))] * len(near) + [room] * len(far)
                hit = finish("MuldjordKit", piece, 0.2 + 0.8 * take / max(takes), blend([*over, *near, *far], weights))
                if hit:
                    yield hit


def blend(sounds: list[Sound], weights: list[float]) -> Sound:
    """Microphones added, each at its own level times its weight."""
    out = np.zeros(max(len(s) for s in sounds), np.float32)
    for sound, weight in zip(sounds, weights, strict=True):
        out[: len(sound)] += np.float32(weight) * sound
    return out


def gogodze(folder: Path, random: np.random.Generator) -> Iterator[Hit]:
    """Strokes of the Gogodze kit (a 1970s set without cymbals), several microphones blended two ways."""
    for code, piece in GOGODZE.items():
        for file in sorted((folder / "oh_mic").glob(f"{code}_vl*.wav"))[::2]:
            layer = int(re.findall(r"vl(\d+)", file.stem)[0])
            microphones = [m / file.name for m in sorted(folder.iterdir()) if (m / file.name).exists()]
            sounds = [read(f, seconds=1.6) for f in microphones]
            for _ in range(2):
                weights = [float(w) for w in random.dirichlet(np.full(len(sounds), 0.7))]
                hit = finish("Gogodze", piece, min(1.0, 0.15 + layer / 6), blend(sounds, weights))
                if hit:
                    yield hit


def frankensnare(folder: Path, random: np.random.Generator) -> Iterator[Hit]:
    """Strokes on snares of many sizes, each a kit of its own, three microphones blended anew each time; and claps."""
    for room in sorted(folder.glob("[12]*_*/top")):
        if room.parent.name.endswith(("prep", "tamb", "spring")):
            continue
        for file in sorted(room.glob("s*_vl*.flac"))[::2]:
            layer = int(re.findall(r"vl(\d+)", file.stem)[0])
            microphones = [room.parent / name / file.name for name in ("oh", "top", "btm")]
            sounds = [read(f, seconds=1.2) for f in microphones if f.exists()]
            weights = [1.0, *random.uniform(0.1, 1.0, len(sounds) - 1)]
            force = min(1.0, 0.2 + layer / 8)
            hit = finish(f"Frankensnare {room.parent.name}", FRANKENSNARE[file.name[:2]], force, blend(sounds, weights))
            if hit:
                yield hit
    for file in sorted((folder / "xtra_claps").rglob("clap*.flac")):
        hit = finish("Frankensnare", "clap", 0.8, read(file, seconds=1.2))
        if hit:
            yield hit


def body(folder: Path) -> Iterator[Hit]:
    """Hand claps, and other body percussion, which has no label."""
    for name, piece in BODY.items():
        for file in sorted(folder.glob(f"{name}*.wav")):
            hit = finish("Body", piece, 0.8, read(file, seconds=1.2))
            if hit:
                yield hit


def sonic_pi(folder: Path) -> Iterator[Hit]:
    """Single strokes among Sonic Pi's samples."""
    for file in sorted(folder.glob("*.flac")):
        piece = next((piece for pattern, piece in SONIC_PI if re.match(pattern, file.stem)), "")
        hit = finish("Sonic Pi", piece, 0.8, read(file, seconds=2.5)) if piece else None
        if hit:
            yield hit


def splash_from_crash(crash: Hit, random: np.random.Generator) -> Hit:
    """A splash derived from a crash: up to an octave higher, with a shorter decay."""
    higher = np.asarray(soxr.resample(crash.sound, float(random.uniform(1.4, 2.0)), 1.0), dtype=np.float32)
    rings = np.exp(-np.arange(len(higher)) / SAMPLE_RATE / float(random.uniform(0.12, 0.4)))
    sound = fade_out(np.asarray(higher * rings, dtype=np.float32)[: int(SECONDS["splash"] * SAMPLE_RATE)], 0.08)
    return Hit(f"{crash.kit} made small", "splash", crash.force, to_peak(sound))


def soundfont(font: Path, name: str, programs: tuple[int, ...] = tuple(FONT_KITS)) -> Iterator[Hit]:
    """Strokes of a soundfont's General MIDI drum kits, three velocities each, without duplicates."""
    programs = tuple(program for program in programs if (name, program) not in LAYERED)
    notes = [(p, key, v) for p in programs for key, piece in FONT_KITS[p].items() if piece for v in VELOCITIES]
    parts = [Part(p, (Note(0.05, 1.0, key, v),), drums=True) for p, key, v in notes]
    had: dict[str, list[Sound]] = {}
    for (program, key, velocity), sound in zip(notes, render(font, parts, HIT_SPACING), strict=False):
        piece = FONT_KITS[program][key]
        hit = finish(f"{name}/{program}", piece, velocity / 127, sound)
        if hit and not any(is_same_recording(hit.sound, other) for other in had.get(piece, ())):
            had.setdefault(piece, []).append(hit.sound)
            yield hit


def is_same_recording(one: Sound, other: Sound) -> bool:
    """Whether two strokes, both from their onsets, are the same recording at any gain."""
    count = min(len(one), len(other), SAMPLE_RATE // 4)
    one, other = one[:count], other[:count]
    return float(one @ other) > SAME * count * rms(one) * rms(other)


def hand_percussion(folder: Path) -> Iterator[Hit]:
    """Orchestral and hand percussion of the Philharmonia's samples, as strokes without a label."""
    shaken = ("tambourine", "cabasa", "sleigh bells", "banana shaker", "lemon shaker", "strawberry shaker")
    kinds = ("cowbell", "castanets", "woodblock", "triangle", "agogo bells", "guiro", "vibraslap", "washboard",
             "djembe", "surdo")  # fmt: skip
    for kind in (*shaken, *kinds):
        for file in sorted((folder / kind).glob("*.mp3")):
            hit = finish("Philharmonia", SHAKEN if kind in shaken else OTHER, 0.7, read(file, seconds=1.5))
            if hit:
                yield hit


def jingles(random: np.random.Generator, name: str) -> Iterator[Hit]:
    """Synthesized tambourines and shakers: short bursts of resonances or noise grains."""
    time = np.arange(int(0.7 * SAMPLE_RATE)) / SAMPLE_RATE
    for _ in range(6):
        out = np.zeros(len(time), np.float32)
        plates, decay = float(random.uniform(4000, 9000)), float(random.uniform(0.02, 0.13))
        for _ in range(int(random.integers(4, 16))):
            hertz = plates * random.uniform(0.8, 1.7, 5)
            turns = np.outer(2 * np.pi * hertz, time) + random.uniform(0, 2 * np.pi, (5, 1))
            ring = np.sin(turns).sum(0) * np.exp(-time / (decay * random.uniform(0.6, 1.4)))
            add(
                out,
                np.asarray(random.uniform(0.2, 1) * ring, dtype=np.float32),
                int(random.exponential(0.02) * SAMPLE_RATE),
            )
        grains = random.standard_normal(len(time)) * np.exp(
            -(((time - 0.03) / float(random.uniform(0.015, 0.05))) ** 2)
        )
        spectrum = np.fft.rfft(grains)
        spectrum[np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE) < random.uniform(2500, 6000)] = 0
        shaker = np.asarray(np.fft.irfft(spectrum, len(time)), dtype=np.float32)
        share = float(random.choice([0.0, 0.3, 1.0]))
        hit = finish(name, SHAKEN, float(random.uniform(0.4, 1)), (1 - share) * to_peak(out) + share * to_peak(shaker))
        if hit:
            yield hit


def machine(random: np.random.Generator, name: str) -> Iterator[Hit]:
    """Synthesized analogue drum machine: swept sines, filtered noise, square-wave clusters."""
    time = np.arange(int(1.5 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = random.standard_normal(len(time))

    def swept(high: float, low: float, drop: float, decay: float) -> Sound:
        phase = 2 * np.pi * (low * time + (high - low) * drop * (1 - np.exp(-time / drop)))
        return np.asarray(np.sin(phase) * np.exp(-time / decay), dtype=np.float32)

    def hiss(low: float, high: float, decay: float) -> Sound:
        spectrum = np.fft.rfft(noise)
        hertz = np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE)
        spectrum[(hertz < low) | (hertz > high)] = 0
        return np.asarray(np.fft.irfft(spectrum, len(time)) * np.exp(-time / decay), dtype=np.float32)

    cluster = np.sign(np.sin(2 * np.pi * np.outer(random.uniform(3000, 9000, 6), time))).sum(0)
    metal = np.asarray(cluster * 0.2, dtype=np.float32)
    uniform = random.uniform
    clap = sum(np.roll(hiss(700, 3500, 0.008), int(d * SAMPLE_RATE)) for d in (0.0, 0.011, 0.023))
    made: list[tuple[str, Sound]] = [
        ("kick", swept(uniform(120, 400), uniform(40, 65), 0.03, uniform(0.1, 0.5))),
        ("snare", 0.6 * swept(330, uniform(160, 240), 0.02, 0.09) + hiss(800, 15000, uniform(0.06, 0.2))),
        ("tom", swept(uniform(150, 260), uniform(80, 140), 0.06, uniform(0.15, 0.4))),
        ("hi-hat", (metal + hiss(6000, 16000, 1)) * np.exp(-time / uniform(0.015, 0.05)).astype(np.float32)),
        (OPEN, (metal + hiss(6000, 16000, 2)) * np.exp(-time / uniform(0.2, 0.5)).astype(np.float32)),
        ("crash", hiss(2500, 16000, uniform(0.5, 0.9)) + 0.3 * metal * np.exp(-time / 0.6).astype(np.float32)),
        ("clap", np.asarray(clap, dtype=np.float32) + 0.5 * np.roll(hiss(700, 4000, 0.1), int(0.03 * SAMPLE_RATE))),
        ("rimshot", swept(1700, uniform(800, 1700), 0.01, 0.015)),
    ]
    for piece, sound in made:
        hit = finish(name, piece, 0.8, sound)
        if hit:
            yield hit
