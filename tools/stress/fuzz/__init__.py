"""Hostile input, made from good input by seeded mutation, and what must hold whatever comes."""
