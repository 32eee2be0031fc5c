"""Whether a network that was trained elsewhere is fed rightly: usual mistakes tried on labelled images."""
