"""The content language: what is heard becomes a sentence. Values in, values out."""
