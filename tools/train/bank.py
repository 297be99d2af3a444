"""The bank of stems and drum strokes: rendered once, stored as 16-bit PCM with a description of each.

A stem is one instrument playing alone for 8 s. Which are rendered, and every note of them, depends on the seed alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.train import kits, synths, voices
from tools.train.labels import SAMPLE_RATE
from tools.train.midi import Part, render
from tools.train.phrases import phrase
from tools.train.sound import Sound, from_int16, rms, to_int16, to_peak
from tools.train.sources import DRUM_FONTS, FONTS, HYDROGEN, PROGRAMS, RECORDED, SONIC_PI, held_out, program

SECONDS = 8.0
LENGTH = int(SECONDS * SAMPLE_RATE)


@dataclass(frozen=True)
class Stem:
    """Description of a stem: ``unknown`` labels are excluded from the loss; ``raw`` needs an amplifier simulation."""

    name: str
    label: str
    unknown: tuple[str, ...]
    held_out: bool
    raw: bool
    level: float


@dataclass(frozen=True)
class Stroke:
    """Description of a drum stroke, and its place in the file of strokes in samples."""

    kit: str
    piece: str
    force: float
    held_out: bool
    start: int
    length: int


@dataclass
class Bank:
    """Stems [count, 8 s] and strokes [samples], memory-mapped, with their descriptions."""

    stems: list[Stem]
    strokes: list[Stroke]
    stem_sound: NDArray[np.int16]
    stroke_sound: NDArray[np.int16]

    def stroke(self, stroke: Stroke) -> Sound:
        """A stroke's sound, peak 0.9."""
        return from_int16(self.stroke_sound[stroke.start : stroke.start + stroke.length])


RenderedStem = tuple[Stem, Sound]


def stem(
    name: str, label: str, unknown: tuple[str, ...], is_held_out: bool, raw: bool, sound: Sound
) -> RenderedStem | None:
    """A stem at peak 0.9 and exact length; None when (nearly) silent."""
    if rms(sound) < 1e-4:
        return None
    fitted = np.zeros(LENGTH, np.float32)
    fitted[: min(LENGTH, len(sound))] = sound[:LENGTH]
    fitted = to_peak(fitted)
    return Stem(name, label, unknown, is_held_out, raw, rms(fitted)), fitted


def font_stems(name: str, seed: int, share: float) -> list[RenderedStem]:
    """Phrases rendered by a soundfont, balanced between labels with few and with many programs."""
    random = np.random.default_rng([seed, *name.encode()])
    numbers = [n for first, last, _, _ in PROGRAMS for n in range(first, last + 1)]
    chosen: list[int] = []
    for label in sorted({(program(n) or ("", ()))[0] for n in numbers}):
        own = [n for n in numbers if (program(n) or ("", ()))[0] == label]
        count = int({"guitar": 90, "synth": 120, "bass": 70, "": 70, "piano": 110}.get(label, 48) * share)
        chosen += [own[i % len(own)] for i in range(max(count, len(own)))]
    parts = [Part(n, phrase(random, (program(n) or ("", ()))[0], SECONDS)) for n in chosen]
    made: list[RenderedStem | None] = []
    for wet in (False, True):
        half = slice(int(wet), None, 2)
        for number, sound in zip(chosen[half], render(FONTS[name], parts[half], SECONDS, reverb=wet), strict=False):
            label, unknown = program(number) or ("", ())
            made.append(stem(f"{name}/{number}", label, unknown, held_out(name), False, sound))
    return [m for m in made if m]


def recorded_stems(sources: Path, seed: int, share: float) -> list[RenderedStem]:
    """Phrases played on recorded notes."""
    made = []
    for instrument in RECORDED:
        random = np.random.default_rng([seed, *instrument.name.encode()])
        sampler = instrument.sampler(sources)
        for _ in range(max(1, int(share * (24 if instrument.label == "" else 50)))):
            sound = sampler.play(random, phrase(random, instrument.label, SECONDS), SECONDS)
            is_held_out = held_out(instrument.name)
            made.append(stem(instrument.name, instrument.label, instrument.unknown, is_held_out, instrument.raw, sound))
    return [m for m in made if m]


def computed_stems(seed: int, share: float) -> list[RenderedStem]:
    """Phrases on software synthesizers and electric pianos, each stem with a new patch."""
    made = []
    makers = (("synth", "synth", 240, synths.synthesizer), ("electric piano", "piano", 70, synths.electric_piano))
    for name, label, count, voice in makers:
        random = np.random.default_rng([seed, 96, count])
        for i in range(max(1, int(share * count))):
            sound = synths.play(voice(random), phrase(random, label, SECONDS), SECONDS)
            own = f"computed {name}/{i % 5}"
            made.append(stem(own, label, (), held_out(own), False, sound))
    return [m for m in made if m]


def voice_stems(sources: Path, seed: int, share: float) -> list[RenderedStem]:
    """Singing, choirs and speech, from recorded and synthetic speakers."""
    random = np.random.default_rng([seed, 77])
    utterances = voices.recorded(sources) + voices.synthetic(random)
    analysed = [v for v in map(voices.analyse, utterances) if (v.pitch > 0).sum() > 40]
    made = []
    for is_held_out, count in ((False, 560), (True, 120)):
        own = [v for v in analysed if v.held_out == is_held_out]
        spoken = [u for u in utterances if u.held_out == is_held_out]
        real = [v for v in own if not v.name.startswith(("espeak", "flite"))]
        for i in range(int(count * share)):
            if i % 4 == 3:
                sound = voices.speak(random, spoken, SECONDS)
                made.append(stem("speech", "speech", (), is_held_out, False, sound))
                continue
            pool = real if real and random.random() < 0.5 else own
            many = i % 8 == 6
            voice = pool[int(random.integers(0, len(pool)))]
            sound = voices.choir(random, pool, SECONDS) if many else voices.sing(random, voice, SECONDS)
            made.append(stem(f"sung/{'choir' if many else voice.name}", "vocal", (), is_held_out, False, sound))
    return [m for m in made if m]


def with_splashes(hits: Iterator[kits.Hit], seed: int) -> Iterator[kits.Hit]:
    """The strokes, and splashes derived from most crashes that are not held out: recorded splashes are rare."""
    random = np.random.default_rng([seed, 97])
    for hit in hits:
        yield hit
        if hit.piece == "crash" and not held_out(hit.kit) and random.random() < 0.6:
            yield kits.splash_from_crash(hit, random)


def all_strokes(sources: Path, seed: int) -> Iterator[kits.Hit]:
    """Every drum stroke of every kit."""
    random = np.random.default_rng([seed, 99])
    made = np.random.default_rng([seed, 98])
    yield from kits.muldjord(sources / "DrumGizmo.MuldjordKit/DrumGizmo/MuldjordKit/Samples", random)
    yield from kits.frankensnare(sources / "karoryfer.frankensnare/Samples", random)
    yield from kits.body(sources / "body_percussion/Samples/body")
    yield from kits.sonic_pi(SONIC_PI)
    yield from kits.gogodze(sources / "karoryfer.gogodze-phu-vol-ii/Samples", random)
    yield from kits.hand_percussion(sources / "philharmonia-samples/audio/percussion")
    for folder in sorted(HYDROGEN.iterdir()):
        yield from kits.hydrogen(folder)
    for name, font in FONTS.items():
        yield from kits.soundfont(font, name)
    for name, font in DRUM_FONTS.items():
        yield from kits.soundfont(font, name, programs=(0,))
    for number in range(10):
        yield from kits.machine(random, f"machine {number}")
        yield from kits.jingles(made, f"machine {number}")


def build(folder: Path, sources: Path, seed: int, share: float = 1.0) -> None:
    """Render everything into ``folder``; ``share`` below 1 renders less of it (for trials)."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[Callable[..., list[RenderedStem]], tuple[object, ...]]] = [
        (voice_stems, (sources, seed, share)),
        (recorded_stems, (sources, seed, share)),
        (computed_stems, (seed, share)),
        *((font_stems, (name, seed, share * (0.4 if held_out(name) else 1.0))) for name in FONTS),
    ]
    described: list[Stem] = []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool, (folder / "stems.pcm").open("wb") as file:
        running = [pool.submit(job, *arguments) for job, arguments in jobs]
        for done in running:
            for description, sound in done.result():
                described.append(description)
                file.write(to_int16(sound).tobytes())
    strokes: list[Stroke] = []
    with (folder / "strokes.pcm").open("wb") as file:
        start = 0
        for hit in with_splashes(all_strokes(sources, seed), seed):
            file.write(to_int16(hit.sound).tobytes())
            strokes.append(Stroke(hit.kit, hit.piece, hit.force, held_out(hit.kit), start, len(hit.sound)))
            start += len(hit.sound)
    rows = {"stems": [asdict(s) for s in described], "strokes": [asdict(s) for s in strokes]}
    (folder / "bank.json").write_text(json.dumps(rows))


def load(folder: Path) -> Bank:
    """The bank that :func:`build` wrote. Raises FileNotFoundError when there is none."""
    rows = json.loads((folder / "bank.json").read_text())
    stems = [Stem(**{**row, "unknown": tuple(row["unknown"])}) for row in rows["stems"]]
    sound = np.memmap(folder / "stems.pcm", np.int16, "r", shape=(len(stems), LENGTH))
    return Bank(stems, [Stroke(**r) for r in rows["strokes"]], sound, np.memmap(folder / "strokes.pcm", np.int16, "r"))
