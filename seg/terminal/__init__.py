"""What commands tell people on stderr: progress, notices, and words."""
