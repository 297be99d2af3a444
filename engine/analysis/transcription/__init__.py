"""Sung words: Whisper over a whole song or a stream, with filters against what nobody sang."""
