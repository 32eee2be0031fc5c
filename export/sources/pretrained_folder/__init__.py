"""Folders that `save_pretrained` wrote: of transformers, and of smp."""
