"""Large images by region: rectangles that are read from files, and labels that are drawn for them alone."""
