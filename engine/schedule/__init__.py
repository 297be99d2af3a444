"""Which clip is rendered and shown when."""
