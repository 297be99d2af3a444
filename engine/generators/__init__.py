"""The generators, each of which turns a job into frames."""
