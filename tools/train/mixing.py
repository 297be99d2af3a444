"""Training windows: random mixes of stems and drums from the bank, with effects and labels.

Window i of a split depends on (seed, split, i) alone, so any process can make any window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.train import effects
from tools.train.bank import LENGTH, Bank, Stem, Stroke
from tools.train.grooves import DrumNote, groove, scattered
from tools.train.kits import OPEN, OTHER, SHAKEN
from tools.train.labels import AUDIBLE_DB, DRUM_SPAN, DRUMS, INDEX, SAMPLE_RATE, SUSTAINED, TARGETS, WINDOW
from tools.train.sound import Sound, add, at_speed, decibels, fade_out, from_int16, gain, rms

Random = np.random.Generator
Labels = NDArray[np.int8]

UNKNOWN = -1
GHOST_FORCE = 0.3
"""Force below which a snare is labelled unknown."""
PREROLL = int(1.2 * SAMPLE_RATE)
"""Samples rendered before the window, so that decay and reverb reach into it."""
SPAN = PREROLL + WINDOW
PIECES = (*DRUMS, OPEN, OTHER, SHAKEN)
PIECE_DB = {
    "hi-hat": -10.0, OPEN: -8.0, "crash": -4.0, "ride": -9.0, "splash": -6.0, "clap": -4.0, "rimshot": -5.0,
    OTHER: -9.0, SHAKEN: -8.0,
}  # fmt: skip
TARGET_OF_PIECE = {OPEN: "hi-hat", SHAKEN: "shaken", OTHER: "struck"}
"""The target of pieces whose name is no target."""
PART_DB = {"vocal": 1.0, "speech": 1.0, "guitar": -1.0, "bass": -1.0, "piano": -3.0, "organ": -4.0, "synth": -3.0}
CYMBALS = ("hi-hat", OPEN, "crash", "splash", "ride")
KIT_WEIGHTS = {"MuldjordKit": 10.0, "Gogodze": 6.0, "avl red/0": 6.0, "BJA_Pacific": 6.0, "ForzeeStereo": 6.0}
"""Recorded kits are played more often."""
MACHINE_WEIGHT = 0.35
"""Computed kits are played less often."""
Band = tuple[tuple[str, float], ...]


def _band(guitars: tuple[float, ...], synths: tuple[float, ...]) -> Band:
    """The probability of each instrument in a window of a song; an instrument listed twice may play twice."""
    return (
        ("bass", 0.7), *(("guitar", chance) for chance in guitars), ("vocal", 0.5), ("vocal", 0.08), ("piano", 0.42),
        ("organ", 0.13), *(("synth", chance) for chance in synths), ("sax", 0.1), ("brass", 0.1), ("violin", 0.1),
        ("cello", 0.08), ("flute", 0.08), ("", 0.08), ("speech", 0.03),
    )  # fmt: skip


BANDS = (_band((0.72, 0.3), (0.5,)), _band((0.64, 0.25), (0.5, 0.12)))
"""One per ensemble member: the first favours hi-hats, the second separates synthesizers from guitars."""


@dataclass(frozen=True)
class MixPart:
    """One source of a window: its sound over preroll and window, its label, and labels it leaves unknown."""

    label: str
    unknown: tuple[str, ...]
    sound: Sound


@dataclass(frozen=True)
class DrumChannel:
    """Processing of one drum of a kit before the kit's sum: ``second`` is another cymbal mixed to each stroke."""

    tuned: float
    equal: int | None
    muffled: float
    second: Sound | None

    def process(self, sound: Sound) -> Sound:
        """One stroke, processed; every stroke of a track alike."""
        if self.second is not None:
            both = np.zeros(max(len(sound), len(self.second)), np.float32)
            add(both, sound, 0)
            add(both, self.second, 0)
            sound = both
        sound = at_speed(sound, self.tuned)
        if self.muffled:
            sound = sound * np.exp(-np.arange(len(sound)) / (self.muffled * SAMPLE_RATE)).astype(np.float32)
        return sound if self.equal is None else effects.equalise(np.random.default_rng(self.equal), sound, 4.0)


class Mixer:
    """Makes windows of one split (training or held out) from a bank, alternating between the bands."""

    def __init__(self, bank: Bank, held_out: bool, seed: int, bands: Sequence[Band] = BANDS) -> None:
        self.bank, self.held_out, self.seed, self.bands = bank, held_out, seed, bands
        self.stems: dict[str, list[int]] = {}
        families: dict[tuple[str, str], list[int]] = {}
        for i, stem in enumerate(bank.stems):
            if stem.held_out == held_out:
                self.stems.setdefault(stem.label, []).append(i)
                families.setdefault((stem.label, stem.name.split("/")[0]), []).append(i)
        self.families: dict[str, list[list[int]]] = {}
        for (label, _), members in sorted(families.items()):
            self.families.setdefault(label, []).append(members)
        self.strokes: dict[str, dict[str, list[Stroke]]] = {}
        for stroke in bank.strokes:
            if stroke.held_out == held_out:
                self.strokes.setdefault(stroke.kit, {}).setdefault(stroke.piece, []).append(stroke)
        self.kits = [k for k, p in self.strokes.items() if {"kick", "snare", "hi-hat"} <= set(p) and "/48" not in k]
        self.pieces = [piece for piece in PIECES if any(piece in held for held in self.strokes.values())]
        weights = np.array([MACHINE_WEIGHT if "machine" in kit else KIT_WEIGHTS.get(kit, 1.0) for kit in self.kits])
        self.kit_weights = weights / weights.sum()

    def window(self, number: int) -> tuple[Sound, Labels]:
        """Window ``number``: sound [32000] and a label vector of 1 (present), 0 (absent), -1 (unknown)."""
        random = np.random.default_rng([self.seed, int(self.held_out), number])
        plan = float(random.random())
        parts: list[MixPart] = []
        notes: list[DrumNote] = []
        drums = self.silence()
        if plan < 0.44:
            names = [label for label, chance in self.bands[number % len(self.bands)] if random.random() < chance]
            drumming = random.random() < 0.72
        elif plan < 0.65:
            names = [str(random.choice(["", *SUSTAINED])) for _ in range(int(random.integers(1, 4)))]
            drumming = random.random() < 0.3
        elif plan < 0.79:
            names, drumming = [], True
        elif plan < 0.90:
            notes, drums = self.single_stroke(random)
            return self.mix(random, [], notes, drums)
        else:
            names, drumming = [str(random.choice(["", "vocal", *SUSTAINED]))], False
        if drumming or not names:
            notes, drums = self.drumming(random)
        for name in names:
            part = self.part(random, name)
            if part:
                parts.append(part)
        return self.mix(random, parts, notes, drums)

    def part(self, random: Random, label: str) -> MixPart | None:
        """A random excerpt of a stem with that label, with effects."""
        if label not in self.families:
            return None
        members = self.families[label][int(random.integers(0, len(self.families[label])))]
        if random.random() < 0.5:
            members = self.stems[label]
        number = members[int(random.integers(0, len(members)))]
        stem = self.bank.stems[number]
        speed = float(random.uniform(0.94, 1.06)) if random.random() < 0.3 else 1.0
        start = int(random.integers(0, LENGTH - int(SPAN * 1.07)))
        raw = from_int16(self.bank.stem_sound[number, start : start + int(SPAN * speed) + 2])
        raw = at_speed(raw, speed)[:SPAN]
        raw = np.pad(raw, (0, SPAN - len(raw))).astype(np.float32)
        if rms(raw) < 1e-4:
            return None
        sound = add_effects(random, stem, raw)
        share = rms(raw) / stem.level
        level = gain(PART_DB.get(label, -2.0) + float(random.normal(0, 4.5))) * min(1.8, share)
        return MixPart(label, stem.unknown, np.asarray(sound * (level / rms(sound)), dtype=np.float32))

    def silence(self) -> Sound:
        """The drums of a window without any."""
        return np.zeros(SPAN, np.float32)

    def drumming(self, random: Random) -> tuple[list[DrumNote], Sound]:
        """A random groove: notes with times from the window's start, and their sound at RMS 1."""
        seconds = SPAN / SAMPLE_RATE
        kind = float(random.random())
        if kind < 0.62:
            notes = [s for s in groove(random, seconds) if s.piece in self.pieces]
        else:
            pieces = self.pieces if kind < 0.9 else [str(random.choice(self.pieces))]
            notes = scattered(random, seconds, pieces)
        if random.random() < 0.2:
            alone = set(random.choice(self.pieces, int(random.integers(1, 4)), replace=False))
            notes = [s for s in notes if s.piece in alone] or notes
        return self.render_drums(random, notes)

    def single_stroke(self, random: Random) -> tuple[list[DrumNote], Sound]:
        """One stroke in a silent window, every piece with equal probability."""
        at = (PREROLL + int(random.uniform(0.0, 0.5) * SAMPLE_RATE)) / SAMPLE_RATE
        stroke = DrumNote(at, str(random.choice(self.pieces)), float(random.uniform(0.3, 1)))
        return self.render_drums(random, [stroke], foreign=0.6)

    def render_drums(
        self, random: Random, notes: list[DrumNote], foreign: float = 0.15
    ) -> tuple[list[DrumNote], Sound]:
        """Notes rendered on a random kit with random effects: times from the window's start, and sound at RMS 1.

        ``foreign`` is the probability that a piece is taken from another kit.
        """
        kit = self.kits[int(random.choice(len(self.kits), p=self.kit_weights))]
        speed = float(random.uniform(0.9, 1.12)) if random.random() < 0.5 else 1.0
        names = sorted({s.piece for s in notes})
        chosen = {piece: self.choose(random, kit, piece, foreign) for piece in names}
        tracks = {piece: self.track(random, kit, piece) for piece in names}
        trims = {piece: PIECE_DB.get(piece, 0.0) + float(random.normal(0, 4.5)) for piece in chosen}
        out = np.zeros(SPAN, np.float32)
        for i, stroke in enumerate(notes):
            options = chosen[stroke.piece]
            order = sorted(options, key=lambda o: abs(o.force - stroke.force))[:3]
            sound = self.bank.stroke(order[int(random.integers(0, len(order)))])
            sound = tracks[stroke.piece].process(at_speed(sound, speed))
            if stroke.piece == OPEN:
                later = [s.time for s in notes[i + 1 :] if s.piece == "hi-hat"]
                if later:
                    sound = fade_out(sound[: max(400, int((later[0] - stroke.time) * SAMPLE_RATE))], 0.01)
            add(out, sound * np.float32(stroke.force**1.4 * gain(trims[stroke.piece])), int(stroke.time * SAMPLE_RATE))
        if random.random() < 0.5:
            out = effects.equalise(random, out, 4.0)
        if random.random() < 0.45:
            out = effects.compress(random, out)
        if random.random() < 0.55:
            out = effects.reverberate(random, out, float(random.choice([0.05, 0.15, 0.3, 0.6])))
        if random.random() < 0.2:
            out = effects.drive(random, out)
        moved = [DrumNote(s.time - PREROLL / SAMPLE_RATE, s.piece, s.force) for s in notes]
        return moved, np.asarray(out / max(rms(out), 1e-3), dtype=np.float32)

    def track(self, random: Random, kit: str, piece: str) -> DrumChannel:
        """Random processing of one drum; every third cymbal is layered with another of its kind."""
        tuned = float(random.uniform(0.88, 1.14)) if random.random() < 0.7 else 1.0
        equal = int(random.integers(0, 2**31)) if random.random() < 0.35 else None
        muffled = (
            float(random.uniform(0.06, 0.25)) if piece in ("kick", "snare", "tom") and random.random() < 0.15 else 0.0
        )
        second = None
        if piece in CYMBALS and random.random() < 0.35:
            other = self.choose(random, kit, piece, 1.0)
            second = self.bank.stroke(other[int(random.integers(0, len(other)))]) * np.float32(random.uniform(0.3, 1.0))
        return DrumChannel(tuned, equal, muffled, second)

    def choose(self, random: Random, kit: str, piece: str, foreign: float) -> list[Stroke]:
        """Strokes of one drum of a kit; of another kit with probability ``foreign`` or if this one lacks the piece."""
        own = self.strokes[kit].get(piece)
        if not own or random.random() < foreign:
            holders = [k for k, pieces in self.strokes.items() if piece in pieces]
            weights = np.array([MACHINE_WEIGHT if "machine" in kit else 1.0 for kit in holders])
            own = self.strokes[str(random.choice(holders, p=weights / weights.sum()))][piece]
        if piece == "tom" or len(own) < 3:
            return own
        first = int(random.integers(0, len(own)))
        return [*own[first : first + 8], *own[: max(0, first + 8 - len(own))]]

    def mix(self, random: Random, parts: list[MixPart], notes: list[DrumNote], drums: Sound) -> tuple[Sound, Labels]:
        """The sum of all sources with mastering, and its labels."""
        level = gain(float(random.normal(1.5, 4.5)))
        total = drums * np.float32(level)
        for part in parts:
            total = total + part.sound
        window = total[PREROLL:]
        labels = np.zeros(len(TARGETS), np.int8)
        loudness = rms(window)
        for part in parts:
            here = decibels(rms(part.sound[PREROLL:]) / loudness) if loudness > 1e-5 else -99.0
            label_part(labels, part, here)
        label_drums(labels, notes, decibels(level * rms(drums[PREROLL:]) / loudness) if loudness > 1e-5 else -99.0)
        return master(random, total)[PREROLL:], labels


def label_part(labels: Labels, part: MixPart, db: float) -> None:
    """Set the labels of a part at ``db`` relative to the mix: present from -18 dB, absent below -24."""
    if db < AUDIBLE_DB - 4:
        return
    names = [part.label] if part.label else []
    if part.label == "speech":
        names.append("vocal")
    for name in names:
        value = 1 if db >= AUDIBLE_DB + 2 else UNKNOWN
        labels[INDEX[name]] = value if labels[INDEX[name]] != 1 else 1
    for name in part.unknown:
        if labels[INDEX[name]] == 0:
            labels[INDEX[name]] = UNKNOWN


def label_drums(labels: Labels, notes: list[DrumNote], db: float) -> None:
    """Set the labels of drums with an onset in the first DRUM_SPAN s; soft notes and those near its end are unknown."""
    for stroke in notes:
        piece = TARGET_OF_PIECE.get(stroke.piece, stroke.piece)
        if not -0.01 <= stroke.time < DRUM_SPAN + 0.04:
            continue
        soft = stroke.force < (GHOST_FORCE if piece == "snare" else 0.1) or db < -24
        sure = 0.0 <= stroke.time < DRUM_SPAN - 0.03 and not soft
        if sure:
            labels[INDEX[piece]] = 1
        elif labels[INDEX[piece]] == 0:
            labels[INDEX[piece]] = UNKNOWN


def add_effects(random: Random, stem: Stem, sound: Sound) -> Sound:
    """A stem with effects that are usual for its instrument."""
    label = stem.label
    if label == "guitar" and random.random() < (0.85 if stem.raw else 0.15):
        sound = effects.amplifier(random, sound)
    if label in ("bass", "organ", "synth", "vocal", "sax") and random.random() < 0.15:
        sound = effects.drive(random, sound)
    if label in ("vocal", "speech"):
        if random.random() < 0.2:
            doubled = at_speed(np.pad(sound, (0, SPAN // 50)), float(random.uniform(0.994, 1.006)))[:SPAN]
            sound = sound + np.float32(0.8) * np.roll(doubled, int(random.uniform(0.01, 0.03) * SAMPLE_RATE))
        if random.random() < 0.5:
            sound = effects.cut(sound, "highpass", float(random.uniform(70, 220)))
    if label in ("guitar", "organ", "synth", "piano", "vocal") and random.random() < 0.2:
        sound = effects.modulate(random, sound)
    if label in ("organ", "guitar", "synth") and random.random() < 0.08:
        sound = effects.tremolo(random, sound)
    if random.random() < 0.6:
        sound = effects.equalise(random, sound, 5.0)
    if random.random() < (0.6 if label in ("vocal", "bass") else 0.25):
        sound = effects.compress(random, sound)
    if random.random() < 0.5:
        sound = effects.reverberate(random, sound, float(random.choice([0.05, 0.15, 0.3, 0.6])))
    return sound


def master(random: Random, total: Sound) -> Sound:
    """Random mastering: equalizer, compression, limiting, low-pass, noise, loudness."""
    if random.random() < 0.5:
        total = effects.equalise(random, total, 3.0)
    if random.random() < 0.4:
        total = effects.compress(random, total)
    if random.random() < 0.3:
        total = effects.limit(random, total)
    if random.random() < 0.15:
        total = effects.cut(total, "lowpass", float(random.choice([5000, 8000, 11000, 13000])), 6)
    if random.random() < 0.2:
        hiss = effects.noise(random, len(total))
        total = total + hiss * np.float32(max(rms(total), 1e-4) * gain(-float(random.uniform(15, 55))))
    level = gain(float(random.uniform(-30, -3))) * 0.25
    return np.asarray(total * (level / max(rms(total), 1e-4)), dtype=np.float32)
