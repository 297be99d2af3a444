"""Building and checking what the repository ships."""
