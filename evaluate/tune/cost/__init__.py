"""What members and views cost, and what they are worth."""
