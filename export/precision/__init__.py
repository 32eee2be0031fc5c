"""Smaller numbers for the same labels: fp16, bf16 and int8, chosen by measuring what they change."""
