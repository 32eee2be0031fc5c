"""The unit of work: one member on one view of one frame; its view, its tile, its share of the merge."""
