"""The journal of a run: which images are done, so that a run that was killed continues."""
