"""Label maps, classes and probabilities: what they mean and how they are stored."""
