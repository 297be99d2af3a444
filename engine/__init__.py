"""How a music video runs in time: sound in, clips rendered ahead, frames out. Knows nothing of sentences."""

# OpenCV and PyAV each carry a libxcb; windows hang for good unless OpenCV's is loaded first.
import cv2 as cv2
