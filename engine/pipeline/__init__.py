"""Images in, merged results out: reading, scheduling, running, collecting."""
