"""The run folder of a member: its files, and the record of the run."""
