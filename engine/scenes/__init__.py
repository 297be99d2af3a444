"""Scenes drawn by GLSL: ISF files, their inputs, the GL context."""
