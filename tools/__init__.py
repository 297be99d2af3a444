"""What a maintainer runs: making the demo song and the word vectors, training and measuring the classifier."""
