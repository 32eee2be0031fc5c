"""Metrics of training: the confusion matrix, and the loss and IoU of an epoch."""
