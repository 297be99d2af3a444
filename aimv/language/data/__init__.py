"""Data of the content language: the vocabulary, each instrument's nearest words, words that are never shown."""
