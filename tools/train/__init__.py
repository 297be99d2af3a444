"""Training of the instrument classifier."""
