"""The cache of passes: probabilities are computed once, stored, and merged in many mixtures."""
