"""Steps in processes of their own, and the table of what they measured."""
