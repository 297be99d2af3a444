"""Sound as numbers: decoding, capture, windows, loudness, pitch, features, beats and structure."""
