"""The application: what the commands do."""
