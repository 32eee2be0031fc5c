"""COCO JSONs."""
