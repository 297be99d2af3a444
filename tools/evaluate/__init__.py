"""Evaluation of the classifier, beats, onsets and transcription on recordings and public data sets."""
