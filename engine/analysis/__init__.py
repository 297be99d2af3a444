"""What is heard: instruments by an ONNX classifier, words by Whisper."""
