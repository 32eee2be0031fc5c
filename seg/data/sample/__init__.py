"""The built-in dataset: drawn trash on drawn ground, so that the first run needs no download."""

from seg.data.sample.write import write_sample_dataset

__all__ = ["write_sample_dataset"]
