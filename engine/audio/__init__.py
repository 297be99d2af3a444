"""Sound as numbers: decoding, windows, loudness, spectrum, onsets and beats."""
