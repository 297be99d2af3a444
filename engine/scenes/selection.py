"""Selection of the scene for a shot by its keywords."""

import hashlib
from collections.abc import Sequence

from engine.scenes.isf import Scene


def select_scene(scenes: Sequence[Scene], keywords: Sequence[str], seed: int) -> Scene:
    """The scene for `keywords` (most important first) and `seed`; the same on every machine.

    Each keyword adds weight to the scenes that have it, a quarter of the keyword's before it, and the seed draws by
    weight. Where no scene has any of the words, a hash of the first word decides, so that a word keeps its scene.

    Raises:
        ValueError: no scenes.
    """
    if not scenes:
        raise ValueError("no scenes to select from")
    words = list(dict.fromkeys(_stem(word) for word in keywords if word.strip()))
    weights = [0.0] * len(scenes)
    for rank, word in enumerate(words):
        matching = [index for index, scene in enumerate(scenes) if word in {_stem(each) for each in scene.keywords}]
        for index in matching:
            weights[index] += 0.25**rank / len(matching)
    total = sum(weights)
    if total == 0.0:
        return scenes[_hash(words[0] if words else str(seed)) % len(scenes)]
    remaining = _hash(f"{seed}:{' '.join(words)}") / 2**64 * total
    for scene, weight in zip(scenes, weights, strict=True):
        remaining -= weight
        if remaining < 0.0:
            return scene
    return scenes[max(range(len(scenes)), key=lambda index: weights[index])]


def _stem(word: str) -> str:
    """The word without the ending of its use in a sentence: techy, bouncey, golden, waves, floating."""
    word = word.strip().lower()
    for ending in ("ing", "ey", "y", "en", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
