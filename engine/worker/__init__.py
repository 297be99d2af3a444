"""The render process: connection to the engine, job loop, pipelined decoding and encoding."""
