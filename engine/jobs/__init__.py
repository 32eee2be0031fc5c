"""Jobs: what commands do with an ensemble, from a spec to files."""
