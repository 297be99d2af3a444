"""The content tuple of a window or a shot: its three instruments, its words, its colour and its abstractions."""

import msgspec

from aimv.language.abstraction import abstractions
from aimv.language.sentence import Content
from engine.analysis.instruments import Confusion
from engine.analysis.windows import WindowAnalysis
from engine.audio.loudness import SILENCE_LUFS
from engine.colour import SILENT_HEX, colour_name, hex_of_frequency

_COUNT = 3  # instruments in the tuple


class InstrumentChoice(msgspec.Struct, frozen=True):
    """The instruments chosen for the content tuple."""

    names: tuple[str, ...]  # three, or fewer if the classifier knows fewer labels
    confident: int  # how many of them, from the first, passed the threshold


def choose_instruments(
    probabilities: dict[str, float], confusion: Confusion, threshold: float = 0.7
) -> InstrumentChoice:
    """The three instruments of the tuple.

    Those with at least `threshold`, most confident first. If they are fewer than three, the rest are second and
    third guesses of those: what the classifier mistakes each for (`confusion[label][other]`, measured on validation
    data), weighted by the probability in this window. Without a confident one, the three most probable, none confident.
    """
    ranked = sorted(probabilities, key=lambda label: -probabilities[label])
    confident = [label for label in ranked if probabilities[label] >= threshold][:_COUNT]
    if not confident:
        return InstrumentChoice(tuple(ranked[:_COUNT]), 0)

    def mistaken_for(label: str) -> float:
        confusions = sum(probabilities[known] * confusion.get(known, {}).get(label, 0.0) for known in confident)
        return confusions * (0.1 + probabilities[label])

    others = [label for label in ranked if label not in confident and label != "speech"]
    others.sort(key=lambda label: (-mistaken_for(label), -probabilities[label]))
    return InstrumentChoice(tuple([*confident, *others][:_COUNT]), len(confident))


def make_content(
    analysis: WindowAnalysis, confusion: Confusion, threshold: float = 0.7
) -> tuple[Content, InstrumentChoice, str]:
    """The content tuple of a window or a span, the instruments chosen for it and its colour as "#rrggbb".

    In silence the tuple has neither instruments nor abstractions; where nothing is confident it has abstractions of
    the best guesses but names no instrument.
    """
    silent = analysis.lufs <= SILENCE_LUFS
    choice = choose_instruments(analysis.probabilities, confusion, threshold)
    hex_colour = SILENT_HEX if silent else hex_of_frequency(analysis.frequency_hz)
    content = Content(
        loudness="loud" if analysis.loud else "quiet",
        words=analysis.text or None,
        instruments=() if silent or not choice.confident else choice.names,
        colour=colour_name(hex_colour),
        abstractions=() if silent else abstractions(choice.names),
        english=analysis.english,
    )
    return content, choice, hex_colour
