"""Faults, endurance and hostile input."""
