"""The engine of `seg serve`, in a process of its own: memory, dynamic batching, and encoded results."""
