"""Fuzzing: valid input with seeded mutations, and the checks that must hold for any input."""
