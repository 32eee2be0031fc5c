"""What moves the weights: the optimiser, its schedule, and averages of weights."""
