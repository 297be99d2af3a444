"""Clips to pictures on a clock: compositor, reaction, sinks and clocks."""
