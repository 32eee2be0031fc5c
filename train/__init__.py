"""Datasets in, checkpoints out."""

import os

# Albumentations asks the network for its newest version while it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
