"""State dicts from anywhere: find the network in the file, recognise it by its weights, build it."""
