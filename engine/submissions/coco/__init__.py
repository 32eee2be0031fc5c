"""COCO: submissions as COCO's results or panoptic segments."""
