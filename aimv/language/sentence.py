"""The grammar: one content tuple as one sentence."""

import hashlib
import random

import msgspec

from aimv.language.abstraction import is_adjective
from aimv.language.lyrics import article, sung_object, with_article

NONE = "N/A"
ACTIONS = ("holding", "looking at", "running at", "reaching for", "dancing around", "chasing", "dreaming of")

DRUMS = frozenset({"kick", "snare", "rimshot", "tom", "hi-hat", "crash", "splash", "ride", "clap", "drum", "cymbal"})
_WITHOUT_STICK = frozenset({"kick", "clap"})  # a foot and two hands
# (one does, several do), by category of instrument; everything else plays.
_VERBS = {
    "drum": ("hits", "hit"),
    "guitar": ("picks", "pick"),
    "vocal": ("sings", "sing"),
    "speech": ("speaks", "speak"),
}
_PLAYS = ("plays", "play")


class Content(msgspec.Struct, frozen=True):
    """What a stretch of sound says: the content tuple, in its order.

    `instruments` has three names, or none when nothing could be named with confidence; `abstractions` has three
    words, or none in silence.
    """

    loudness: str  # "loud" | "quiet"
    words: str | None  # what is sung, as sung
    instruments: tuple[str, ...]
    colour: str  # a named colour
    abstractions: tuple[str, ...]
    english: str | None = None  # `words` in English where another language is sung


def sentence(content: Content, seed: int = 0) -> str:
    """The sentence of `content`; the same for the same seed number, always.

    With a voice: "Person loudly sings, holding a heart, alongside a Crash and Splash hit with a foreground techy
    synth wave impact, the scene has a crimson color palette." Without: "Kick hits and Bass plays in the background.
    In the foreground a bouncey tom deep canon, the scene has a crimson color palette."
    """
    palette = f"the scene has {article(content.colour)} {content.colour} color palette."
    foreground = _foreground(content)
    thing = sung_object(content.words, content.english)
    if thing is None:
        if not foreground:
            return f"Silence, {palette}"
        background = _background(content.instruments[:2])
        opening = f"{background} in the background. In" if background else "In"
        return f"{opening} the foreground {article(foreground)} {foreground}, {palette}"
    voice = _voice(content)
    person = f"Person {voice}, {_action(thing, seed)} {with_article(thing)}"
    beside = [name for name in content.instruments[:2] if name not in ("vocal", "speech")]
    alongside = f"alongside {_alongside(beside)} " if beside else ""
    return f"{person}, {alongside}with a foreground {foreground}, {palette}" if foreground else f"{person}, {palette}"


def adjective(word: str) -> str:
    """`word` as an adjective: tech -> techy, bounce -> bouncey; one that is an adjective stays."""
    return word if is_adjective(word) else f"{word}y"


def _foreground(content: Content) -> str:
    """The least likely instrument among the abstractions: (a3 as adjective) t3 a2 a1."""
    if not content.abstractions:
        return ""
    first, second, third = content.abstractions
    named = content.instruments[2:3]
    return " ".join([adjective(third), *named, second, first])


def _voice(content: Content) -> str:
    loud = content.loudness == "loud"
    if "speech" in content.instruments:
        return "yelling" if loud else "whispering"
    return "loudly sings" if loud else "softly sings"


def _action(thing: str, seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {thing}".encode()).digest()
    return random.Random(digest).choice(ACTIONS)


def _verbs(instrument: str) -> tuple[str, str]:
    return _VERBS["drum"] if instrument in DRUMS else _VERBS.get(instrument, _PLAYS)


def _title(instrument: str) -> str:
    return instrument[:1].upper() + instrument[1:]


def _background(names: tuple[str, ...]) -> str:
    """ "Kick hits and Bass plays"; two of one kind share the plural; a drum struck alone shows its stick."""
    if len(names) == 2 and _verbs(names[0]) == _verbs(names[1]):
        return f"{_title(names[0])} and {_title(names[1])} {_verbs(names[0])[1]}"
    return " and ".join(
        f"Drum stick strikes {_title(name)}" if name in DRUMS - _WITHOUT_STICK else f"{_title(name)} {_verbs(name)[0]}"
        for name in names
    )


def _alongside(names: list[str]) -> str:
    """ "a Crash and Splash hit"; of two kinds: "a Kick that hits and a Bass that plays"."""
    if len(names) == 2 and _verbs(names[0]) == _verbs(names[1]):
        return f"{article(names[0])} {_title(names[0])} and {_title(names[1])} {_verbs(names[0])[1]}"
    return " and ".join(
        f"a Drum stick that strikes {article(name)} {_title(name)}"
        if name in DRUMS - _WITHOUT_STICK
        else f"{article(name)} {_title(name)} that {_verbs(name)[0]}"
        for name in names
    )
