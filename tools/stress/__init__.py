"""Fault injection, endurance tests, fuzzing and mutation testing."""
