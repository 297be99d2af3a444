"""The order in which letters are set: Arabic joined, right-to-left words turned round.

OpenCV sets one glyph a character from left to right. Arabic letters change with their neighbours; Unicode has each
of their forms as a character of its own (Arabic Presentation Forms), found here from its decompositions.
"""

import itertools
import unicodedata

_FORMS: dict[tuple[str, str], str] = {}  # (base characters, form) -> character
for _code in itertools.chain(range(0xFB50, 0xFE00), range(0xFE70, 0xFF00)):
    _parts = unicodedata.decomposition(chr(_code)).split()
    if _parts and _parts[0] in ("<isolated>", "<initial>", "<medial>", "<final>"):
        _base = "".join(chr(int(each, 16)) for each in _parts[1:])
        _FORMS.setdefault((_base, _parts[0][1:-1]), chr(_code))


def visual(text: str) -> str:
    """`text` as characters to be set from left to right.

    Words follow one another by the Unicode bidirectional algorithm in so far as a sung line needs it: a text whose
    first strong letter is right-to-left runs from right to left, what is left-to-right in it keeps its own order.
    """
    text = unicodedata.normalize("NFC", text)
    runs = [("".join(run), right) for right, run in itertools.groupby(text, _is_right_to_left)]
    if not any(right for _, right in runs):
        return text
    words = [_shaped(word) if any(map(_is_right_to_left, word)) else word for word in text.split(" ")]
    turned = ["".join(reversed(_clusters(word))) if any(map(_is_right_to_left, word)) else word for word in words]
    first = next(character for character in text if unicodedata.bidirectional(character) in ("L", "R", "AL"))
    return " ".join(reversed(turned) if _is_right_to_left(first) else turned)


def _is_right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL")


def _clusters(word: str) -> list[str]:
    """Letters with the marks that stand on them."""
    clusters: list[str] = []
    for character in word:
        if clusters and unicodedata.combining(character):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _shaped(word: str) -> str:
    """The word with each Arabic letter in the form that its neighbours ask for; lam and alef become one."""
    letters = _clusters(word)
    joined: list[str] = []
    index = 0
    while index < len(letters):
        letter = letters[index]
        pair = letter + letters[index + 1] if index + 1 < len(letters) else ""
        both = (pair, "isolated") in _FORMS and len(pair) == 2
        base, marks = (pair, "") if both else (letter[0], letter[1:])
        before = _joins_next(letters[index - 1][0]) if index else False
        following = letters[index + 2 if both else index + 1][0] if index + (2 if both else 1) < len(letters) else ""
        after = _joins_next(base) and (following, "final") in _FORMS
        form = {(False, False): "isolated", (False, True): "initial", (True, True): "medial", (True, False): "final"}
        joined.append(_FORMS.get((base, form[before, after]), base) + marks)
        index += 2 if both else 1
    return "".join(joined)


def _joins_next(letter: str) -> bool:
    """Whether an Arabic letter reaches out to the one after it."""
    return (letter, "initial") in _FORMS
