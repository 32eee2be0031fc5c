"""From a split to batches: which images an epoch draws, how they are kept in memory, folds."""
