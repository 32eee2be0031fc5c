"""Early exit: stopping rules for images, the order of passes, and deadlines."""
