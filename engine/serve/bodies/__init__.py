"""Request bodies of `seg serve`, read in processes of their own with bounded memory."""
