"""Tables of run lengths as labels."""
