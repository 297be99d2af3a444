"""Commands in, telemetry out."""
