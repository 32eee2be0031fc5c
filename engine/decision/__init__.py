"""Post-processing of labels by connected regions: emptiness, holes, the largest region, least areas."""
