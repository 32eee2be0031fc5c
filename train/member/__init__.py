"""One member in training: its job, and the Lightning module with the training and validation step."""
