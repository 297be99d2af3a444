"""Where pictures and sound go: window, files, streams, devices."""
