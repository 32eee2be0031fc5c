"""The training recipe, and what is trained from many of them."""
