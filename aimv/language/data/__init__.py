"""Data of the content language: named colours, the vocabulary and its word vectors, words that are not shown."""
