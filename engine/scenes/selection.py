"""Which scene a shot is drawn with: the one that pictures its words, most important word first."""

import hashlib
from collections.abc import Sequence

from engine.scenes.isf import Scene


def select_scene(scenes: Sequence[Scene], keywords: Sequence[str], seed: int) -> Scene:
    """The scene for `keywords` (most important first) and `seed`; the same on every machine.

    Each keyword that a scene pictures gives that scene a chance, a quarter of the one before it; the seed draws.
    Where no scene pictures any of the words, a hash of the first word decides, so that a word keeps its scene.

    Raises:
        ValueError: no scenes.
    """
    if not scenes:
        raise ValueError("no scenes to choose from")
    words = list(dict.fromkeys(_stem(word) for word in keywords if word.strip()))
    chances = [0.0] * len(scenes)
    for rank, word in enumerate(words):
        picturing = [index for index, scene in enumerate(scenes) if word in {_stem(each) for each in scene.keywords}]
        for index in picturing:
            chances[index] += 0.25**rank / len(picturing)
    total = sum(chances)
    if total == 0.0:
        return scenes[_number(words[0] if words else str(seed)) % len(scenes)]
    left = _number(f"{seed}:{' '.join(words)}") / 2**64 * total
    for scene, chance in zip(scenes, chances, strict=True):
        left -= chance
        if left < 0.0:
            return scene
    return scenes[max(range(len(scenes)), key=lambda index: chances[index])]


def _stem(word: str) -> str:
    """The word without the ending that its use in a sentence gave it: techy, bouncey, golden, waves, floating."""
    word = word.strip().lower()
    for ending in ("ing", "ey", "y", "en", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
