"""Precisions: fp16, bf16 and int8, chosen by measuring what they change and what they save."""
