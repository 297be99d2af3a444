"""Evaluation of transcription: cases with ground truth, peers to compare with, and scores."""
