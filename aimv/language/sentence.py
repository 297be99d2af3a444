"""The grammar of the content language: one content tuple as one sentence."""

import hashlib
import random
from collections.abc import Sequence

from aimv.language.content import Content, is_adjective, read_data
from aimv.language.lyrics import article, sung_object, with_article

NONE = "N/A"
ACTIONS = ("holding", "looking at", "running at", "reaching for", "dancing around", "chasing", "dreaming of")

# (one does, several do), by family of instruments; the others play. Names and families: data/vocabulary.json.
_VERBS = {
    "drum": ("hits", "hit"),
    "guitar": ("picks", "pick"),
    "vocal": ("sings", "sing"),
    "speech": ("speaks", "speak"),
}
_PLAYS = ("plays", "play")
_WITHOUT_STICK = ("kick", "clap")  # the drums that a foot or two hands play


def sentence(content: Content, seed: int = 0) -> str:
    """The sentence of `content`; the same for the same seed number, always.

    With a voice: "Person loudly sings, holding a heart, alongside a Crash and Splash hit with a foreground techy
    synth wave impact, the scene has a crimson color palette." Without: "Kick hits and Bass plays in the background.
    In the foreground a bouncey tom deep canon, the scene has a crimson color palette."
    """
    palette = f"the scene has {article(content.colour)} {content.colour} color palette."
    foreground = _foreground(content)
    sung = sung_object(content.words, content.english)
    if sung is None:
        if not foreground:
            return f"Silence, {palette}"
        background = _background(content.instruments[:2])
        opening = f"{background} in the background. In" if background else "In"
        return f"{opening} the foreground {article(foreground)} {foreground}, {palette}"
    person = f"Person {_voice(content)}, {_action(sung, seed)} {with_article(sung)}"
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


def _action(sung: str, seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {sung}".encode()).digest()
    return random.Random(digest).choice(ACTIONS)


def _verbs(instrument: str) -> tuple[str, str]:
    families = read_data("vocabulary.json")["families"]
    return next((verbs for family, verbs in _VERBS.items() if instrument in families[family]), _PLAYS)


def _has_stick(instrument: str) -> bool:
    return _verbs(instrument) == _VERBS["drum"] and instrument not in _WITHOUT_STICK


def _title(instrument: str) -> str:
    return instrument[:1].upper() + instrument[1:]


def _together(names: Sequence[str]) -> str | None:
    """ "Crash and Splash hit": two with one verb share its plural."""
    if len(names) != 2 or _verbs(names[0]) != _verbs(names[1]):
        return None
    return f"{_title(names[0])} and {_title(names[1])} {_verbs(names[0])[1]}"


def _background(names: Sequence[str]) -> str:
    """ "Kick hits and Bass plays"; a drum with a verb of its own is struck by a stick."""
    return _together(names) or " and ".join(
        f"Drum stick strikes {_title(name)}" if _has_stick(name) else f"{_title(name)} {_verbs(name)[0]}"
        for name in names
    )


def _alongside(names: Sequence[str]) -> str:
    """ "a Crash and Splash hit"; with two verbs "a Kick that hits and a Bass that plays"."""
    if together := _together(names):
        return f"{article(names[0])} {together}"
    return " and ".join(
        f"a Drum stick that strikes {article(name)} {_title(name)}"
        if _has_stick(name)
        else f"{article(name)} {_title(name)} that {_verbs(name)[0]}"
        for name in names
    )
