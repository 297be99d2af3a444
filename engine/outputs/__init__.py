"""Where pictures and sound go: window, files, streams, devices."""

# OpenCV and PyAV each carry a libxcb; windows hang for good unless OpenCV's is loaded first.
import cv2 as cv2
