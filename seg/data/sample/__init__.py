"""The built-in datasets, drawn, so that the first run needs no download: trash, and a contest of defects."""

from seg.data.sample.contest import write_sample_contest
from seg.data.sample.write import write_sample_dataset

__all__ = ["write_sample_contest", "write_sample_dataset"]
