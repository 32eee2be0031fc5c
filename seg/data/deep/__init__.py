"""Images of any bands and depth: decoded, scaled by percentiles, read by window, and drawn."""
