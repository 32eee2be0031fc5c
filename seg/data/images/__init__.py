"""Image and video files: found, checked, decoded, and read by window."""
