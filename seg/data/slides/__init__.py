"""Files of several levels or channels, read by region: slides of scanners, and OME-TIFFs."""
