"""What is measured on a GPU, one file a step."""
