"""Playback: clips become pictures on a clock, moved by the music, captioned and kept from flashing."""

# OpenCV and PyAV each carry a libxcb; windows hang for good unless OpenCV's is loaded first.
import cv2 as cv2
