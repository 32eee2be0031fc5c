"""What an inference server reads: a model repository for Triton."""
