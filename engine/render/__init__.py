"""Rendering jobs into clips: job queue, worker pool, transport and clip cache, on the side of the engine."""
