"""The content language: the analysis of a span of sound becomes a sentence. Values in, values out."""
