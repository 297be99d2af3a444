"""Sound as numbers: decoding, windows, loudness, spectrum, onsets and beats."""

# OpenCV and PyAV each carry a libxcb; windows hang for good unless OpenCV's is loaded first.
import cv2 as cv2
