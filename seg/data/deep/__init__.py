"""Images of more than 8 bits or of other bands: decoded, and brought to red, green and blue of 8 bits."""
