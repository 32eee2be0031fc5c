"""What the engine's commands do, from a spec to files."""
