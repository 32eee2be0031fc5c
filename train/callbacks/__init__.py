"""Lightning callbacks: checkpoints, progress, loggers, early stopping, weight averaging."""
