"""`seg doctor` of the machine, and of a member."""
