"""The prediction pipeline: reading images, scheduling passes, running batches, collecting results."""
