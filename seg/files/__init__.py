"""Files and folders that are written whole or not at all, and never over what seg did not write."""
