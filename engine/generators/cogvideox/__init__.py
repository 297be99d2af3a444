"""CogVideoX through diffusers."""
