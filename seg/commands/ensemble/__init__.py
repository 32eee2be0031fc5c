"""`seg ensemble`, and an ensemble as the command line names it."""
