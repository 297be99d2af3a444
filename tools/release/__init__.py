"""What the repository ships and how it is built."""
