"""`seg serve`: an ensemble behind HTTP, with dynamic batching, admission control and bounded memory."""
