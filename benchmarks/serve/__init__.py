"""`seg serve` under clients and under attack."""
