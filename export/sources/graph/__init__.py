"""The graph around a network: from images to what it takes, and from what it returns to probabilities."""
