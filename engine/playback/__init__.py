"""Clips to pictures on a clock: compositor, reaction, sinks and clocks."""

# OpenCV and PyAV each carry a libxcb; windows hang for good unless OpenCV's is loaded first.
import cv2 as cv2
