"""What Lightning calls during a run: checkpoints, progress, loggers, early stopping."""
