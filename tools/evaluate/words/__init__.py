"""What measuring the hearing of words needs: cases with their truth, peers to compare with, and scores."""
