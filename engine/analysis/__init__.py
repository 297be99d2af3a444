"""Analysis by models: instruments by an ONNX classifier, words by Whisper; of a song or of a live input."""
