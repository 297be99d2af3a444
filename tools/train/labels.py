"""The labels of the instrument classifier, in the order of its output."""

LABELS: tuple[str, ...] = (
    "kick",
    "snare",
    "rimshot",
    "tom",
    "hi-hat",
    "crash",
    "splash",
    "ride",
    "clap",
    "bass",
    "guitar",
    "piano",
    "organ",
    "violin",
    "cello",
    "flute",
    "sax",
    "brass",
    "synth",
    "vocal",
    "speech",
)

TARGETS: tuple[str, ...] = (*LABELS, "shaken", "struck")
"""Training targets: the labels, and two that have no output but are easily confused with them."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "drum": LABELS[:9],
    "cymbal": ("hi-hat", "crash", "splash", "ride"),
    "bass": ("bass",),
    "guitar": ("guitar",),
    "keyboard": ("piano", "organ"),
    "strings": ("violin", "cello"),
    "wind": ("flute", "sax", "brass"),
    "synth": ("synth",),
    "vocal": ("vocal",),
    "speech": ("speech",),
}
"""Label families; cymbals are drums as well."""

DRUMS: tuple[str, ...] = FAMILIES["drum"]
SUSTAINED: tuple[str, ...] = LABELS[9:]

INDEX: dict[str, int] = {label: i for i, label in enumerate(TARGETS)}

SAMPLE_RATE = 32_000
"""Samples a second of the classifier's input: cymbals differ above 10 kHz."""

WINDOW_SECONDS = 1.0
WINDOW = int(SAMPLE_RATE * WINDOW_SECONDS)

DRUM_SPAN = 0.9
"""A drum counts as present with an onset in the first so many seconds of the window."""

AUDIBLE_DB = -20.0
"""A sustained source counts as present when its level is at least this much relative to the mix."""
