"""ONNX files that were exported elsewhere: what they say of their network, opened and freed for batches."""
