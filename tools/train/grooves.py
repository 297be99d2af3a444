"""Generated drum grooves: patterns of many styles with fills, accents, ghost notes and pieces left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.train.kits import OPEN, SHAKEN

Random = np.random.Generator


@dataclass(frozen=True)
class DrumNote:
    """A drum note: onset in seconds, piece, and force from 0 to 1."""

    time: float
    piece: str
    force: float


# Sixteen steps a bar, a line a piece: x accented, o plain, g ghost, - nothing; K kick S snare R rimshot H hat
# O open hat D ride C crash P clap T tom M tambourine or shaker.
STYLES: dict[str, dict[str, str]] = {
    "rock": {"K": "x-----o-x-------", "S": "----x-------x---", "H": "o-o-o-o-o-o-o-o-"},
    "rock two": {"K": "x--o--x---x-----", "S": "----x-------x--g", "H": "x-o-x-o-x-o-x-o-"},
    "open rock": {"K": "x-------x-x-----", "S": "----x-------x---", "O": "x-x-x-x-x-x-x-x-"},
    "crash rock": {"K": "x---o---x-o-----", "S": "----x-------x---", "C": "x---x---x---x---"},
    "punk": {"K": "x-x---x-x-x---x-", "S": "--x---x---x---x-", "H": "x-x-x-x-x-x-x-x-"},
    "punk open": {"K": "x---x---x---x---", "S": "--x---x---x---x-", "O": "x-x-x-x-x-x-x-x-"},
    "metal": {"K": "xxxxxxxxxxxxxxxx", "S": "----x-------x---", "D": "x---x---x---x---"},
    "blast": {"K": "x-x-x-x-x-x-x-x-", "S": "-x-x-x-x-x-x-x-x", "H": "x-x-x-x-x-x-x-x-"},
    "metal china": {"K": "xx-xx-xx-xx-xx-x", "S": "--------x-------", "C": "x---x---x---x---"},
    "disco": {"K": "x---x---x---x---", "S": "----x-------x---", "H": "o-------o-------", "O": "--x---x---x---x-"},
    "house": {"K": "x---x---x---x---", "P": "----x-------x---", "O": "--x---x---x---x-"},
    "funk": {"K": "x--x--o---x--x--", "S": "-g--x-g-gg--x-g-", "H": "oooooooooooooooo"},
    "reggae": {"K": "--------x-------", "R": "--------x-------", "H": "o-o-o-o-o-o-o-oo"},
    "reggae two": {"K": "--------x-------", "S": "--------x-------", "H": "--o---o---o---o-"},
    "train": {"K": "x---o---x---o---", "S": "ggxgggxgggxgggxg"},
    "country": {"K": "x-------x-------", "R": "----x-------x---", "H": "o-o-o-o-o-o-o-o-"},
    "country two": {"K": "x-------x-o-----", "R": "--o-x--o--o-x---", "H": "o-o-o-o-o-o-o-o-"},
    "country three": {"K": "x---o---x---o---", "R": "----x-------x---", "H": "o-o-o-o-o-o-o-o-"},
    "country soft": {"K": "x-------x-------", "R": "----o--o----o---", "H": "g-g-g-g-g-g-g-g-"},
    "rim ballad": {"K": "x-----o-x-------", "R": "----x-------x---", "D": "o---o---o---o---"},
    "rim alone": {"R": "x--x--x---x-x---"},
    "soft rock": {"K": "x-------x-o-----", "S": "----x-------x---", "H": "g-g-g-g-g-g-g-g-"},
    "snare alone": {"S": "----x-------x---"},
    "verse": {"K": "x-------x-------", "S": "----x-------x---", "T": "o---o-o-o---o-o-"},
    "jazz": {"D": "x---x--ox---x--o", "H": "----o-------o---", "K": "g---g---g---g---"},
    "jazz two": {"D": "x---x--ox---x--o", "S": "------g----g---g", "H": "----o-------o---"},
    "shuffle": {"K": "x-------x--o----", "S": "----x-------x---", "H": "x--ox--ox--ox--o"},
    "rockabilly": {"K": "x---x---x---x---", "S": "--x---x---x---x-", "D": "x-x-x-x-x-x-x-x-"},
    "swing snare": {"K": "x---x---x---x---", "S": "---ox--o---ox--o", "H": "x--ox--ox--ox--o"},
    "ballad": {"K": "x---------o-----", "S": "--------x-------", "H": "o---o---o---o---"},
    "half": {"K": "x-----o---------", "S": "--------x-------", "D": "x---x---x---x---"},
    "hip hop": {"K": "x--o--x---o-----", "S": "----x-------x---", "H": "o-o-o-ooo-o-o-o-"},
    "trap": {"K": "x------x--x-----", "P": "--------x-------", "H": "o-o-oooo-o-oo-oo"},
    "bossa": {"K": "x--ox--ox--ox--o", "R": "x--x--x---x--x--", "H": "o-o-o-o-o-o-o-o-"},
    "samba": {"K": "x--ox--ox--ox--o", "S": "x-gx-g-x-gx-gx-g", "D": "x-xx-x-x-xx-xx-x"},
    "toms": {"K": "x---x---x---x---", "T": "o-ooo-o-o-ooo-oo", "S": "----x-------x---"},
    "floor": {"T": "x-o-x-o-x-o-x-o-", "S": "------------x---"},
    "march": {"S": "x-ggxgggx-ggxgxg", "K": "x-------x-------"},
    "tambourine": {"K": "x-------x-------", "S": "----x-------x---", "M": "o-o-x-o-o-o-x-o-"},
    "tambourine eighths": {"K": "x-----o-x-o-----", "S": "----x-------x---", "M": "x-o-x-o-x-o-x-o-"},
    "tambourine sixteenths": {"K": "x-------x-------", "S": "----x-------x---", "M": "ooxoooxoooxoooxo"},
    "tambourine toms": {"K": "x---x---x---x---", "T": "o-o-o-o-o-o-o-o-", "M": "----x-------x---"},
    "tambourine hats": {
        "K": "x-----o-x-------",
        "S": "----x-------x---",
        "H": "o-o-o-o-o-o-o-o-",
        "M": "----x-------x---",
    },
    "tambourine crash": {
        "K": "x-----o-x-------",
        "S": "----x-------x---",
        "C": "x---x---x---x---",
        "M": "o-o-x-o-o-o-x-o-",
    },
    "tambourine ride": {
        "K": "x-------x-o-----",
        "S": "----x-------x---",
        "D": "x-o-x-o-x-o-x-o-",
        "M": "----x-------x---",
    },
    "crash two": {"K": "x-------x-------", "S": "----x-------x---", "C": "x-------o-------"},
    "hands": {"P": "----x-------x---", "M": "o-o-o-o-o-o-o-o-"},
    "ride rock": {"K": "x-----o-x-o-----", "S": "----x-------x---", "D": "x-o-x-o-x-o-x-o-"},
    "only hats": {"H": "x-o-x-o-x-o-x-o-"},
    "foot hats": {"H": "----x-------x---"},
    "only kick": {"K": "x---x---x---x---"},
    "shaker": {"M": "oooooooooooooooo", "K": "x-----x---x-----"},
}
PIECES = {
    "K": "kick", "S": "snare", "R": "rimshot", "H": "hi-hat", "O": OPEN, "D": "ride", "C": "crash", "P": "clap",
    "T": "tom", "M": SHAKEN,
}  # fmt: skip
RARE = ("tom", "tom", "rimshot", "splash", "splash", "splash", "clap", "crash", "ride")
"""Pieces added at random, so that each occurs often enough."""
FORCES = {"x": 0.9, "o": 0.62, "g": 0.22}


def groove(random: Random, seconds: float) -> list[DrumNote]:
    """Notes over ``seconds``, from a random place in the bar, with humanized timing and force."""
    pattern = dict(STYLES[str(random.choice(list(STYLES)))])
    for piece in list(pattern):
        if len(pattern) > 1 and random.random() < 0.12:
            del pattern[piece]
    if "S" in pattern and random.random() < 0.12:
        pattern.setdefault("R", pattern.pop("S"))
    if random.random() < 0.15:
        hats = str(random.choice(["D", "M"]))
        swap = {"H": hats, "D": "H", "O": "C", "S": "R", "R": "S", "K": "K", "P": "S", "C": "O", "T": "T", "M": "H"}
        piece = str(random.choice(list(pattern)))
        pattern.setdefault(swap[piece], pattern.pop(piece))
    step = 60.0 / float(random.uniform(72, 190)) / 4
    if len(pattern.get("K", "").replace("-", "")) > 10:
        step = max(step, 0.06)
    bar = 16 * step
    begin = float(random.uniform(0, 4 * bar))
    swing = float(random.choice([0, 0, 0, 0.2, 0.33]))
    fill_bar = int(random.integers(0, 4)) if random.random() < 0.35 else -1
    crash_bar = int(random.integers(0, 4)) if random.random() < 0.45 else -1
    drop, hard = float(random.choice([0, 0.05, 0.2])), float(random.uniform(0.6, 1.1))
    loose = float(random.uniform(0.001, 0.012))
    strokes: list[DrumNote] = []
    for number in range(int(begin / step), int((begin + seconds) / step) + 1):
        place, index = number % 16, number // 16 % 4
        time = number * step + (swing * step if number % 2 else 0.0) - begin
        for stroke in _step(random, pattern, place, index == fill_bar, index == crash_bar, drop):
            late = float(random.normal(0, loose))
            force = float(np.clip(stroke.force * hard * random.normal(1, 0.12), 0.08, 1))
            strokes.append(DrumNote(time + late, stroke.piece, force))
    if random.random() < 0.25:
        strokes += scattered(random, seconds, list(RARE))
    return sorted((s for s in strokes if 0 <= s.time < seconds), key=lambda s: s.time)


def _step(random: Random, pattern: dict[str, str], place: int, fill: bool, crash: bool, drop: float) -> list[DrumNote]:
    """The notes on one sixteenth."""
    if fill and place >= 8:
        kind = str(random.choice(["tom", "tom", "snare", "snare", "kick"]))
        strokes = [DrumNote(0, kind, float(random.uniform(0.5, 1)))] if random.random() < 0.75 else []
        return strokes + ([DrumNote(0, "splash", 0.8)] if random.random() < 0.06 else [])
    strokes = []
    for piece, line in pattern.items():
        mark = line[place]
        if mark != "-" and random.random() >= drop:
            strokes.append(DrumNote(0, PIECES[piece], FORCES[mark]))
    if crash and place == 0:
        kind = str(random.choice(["crash", "crash", "splash"]))
        strokes = [s for s in strokes if s.piece not in ("hi-hat", OPEN, "ride")] + [DrumNote(0, kind, 0.95)]
        if not any(s.piece == "kick" for s in strokes) and random.random() < 0.8:
            strokes.append(DrumNote(0, "kick", 0.9))
    return strokes


def scattered(random: Random, seconds: float, pieces: list[str]) -> list[DrumNote]:
    """A few single notes at random times."""
    count = int(random.choice([1, 1, 1, 2, 3, 4]))
    times = np.sort(random.uniform(0, seconds, count))
    return [DrumNote(float(time), str(random.choice(pieces)), float(random.uniform(0.4, 1))) for time in times]
