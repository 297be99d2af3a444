"""How a music video runs in time: sound in, clips rendered ahead, frames out. Knows nothing of sentences."""
