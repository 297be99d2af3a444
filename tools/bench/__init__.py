"""Benchmarks of speed and latency, beside a peer or a limit."""
