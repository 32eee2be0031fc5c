"""The allowed ranges of numbers in specs and options, in one place."""

from typing import Final, NamedTuple


class Range(NamedTuple):
    """The smallest and largest allowed number."""

    least: float
    most: float


class WholeRange(NamedTuple):
    """The smallest and largest allowed whole number."""

    least: int
    most: int


# Training
LEARNING_RATE: Final = Range(1e-9, 100.0)
LEARNING_RATE_FACTOR: Final = Range(1e-9, 1000.0)
WEIGHT_DECAY: Final = Range(0.0, 10.0)
GRADIENT_NORM: Final = Range(1e-6, 1e6)
WEIGHT_AVERAGE_DECAY: Final = Range(0.01, 0.999999)
EPOCHS: Final = WholeRange(1, 10_000)
WARM_UP_EPOCHS: Final = Range(0.0, 10_000.0)
TRAINING_BATCH: Final = WholeRange(2, 4096)
ACCUMULATED_BATCHES: Final = WholeRange(1, 1024)
ZOOM: Final = Range(0.05, 20.0)
SEED: Final = WholeRange(0, 2**32 - 1)
WORKERS: Final = WholeRange(0, 256)
FOLDS: Final = WholeRange(2, 100)
TRIALS: Final = WholeRange(1, 10_000)
LOSS_PARAMETER: Final = Range(1e-3, 1000.0)

# Weights and temperatures
WEIGHT: Final = Range(1e-9, 1e9)
"""Above 0; fields in which 0 means no weight allow it in addition."""
TEMPERATURE: Final = Range(0.01, 100.0)
STACKING_COEFFICIENT: Final = Range(-1000.0, 1000.0)

# The decision
THRESHOLD: Final = Range(0.0001, 0.9999)
"""A pixel is of a class above it: hardly any probability is 0, and none is above 1."""
PROBABILITY: Final = Range(0.0001, 1.0)
AREA: Final = WholeRange(0, 2**30)
SURE_AREA: Final = WholeRange(1, 2**30)

# Pixels
NETWORK_SIDE: Final = WholeRange(1, 8192)
"""The side of a network's input: a crop, a tile, or a fixed input size."""
IMAGE_SIDE: Final = WholeRange(1, 32768)

PIXEL_SIZE: Final = Range(1e-6, 1e6)
"""The side of a pixel, in micrometres or metres."""
LEVEL: Final = WholeRange(0, 30)
"""The level of a pyramid."""

# Networks that were trained elsewhere
PIXEL_SCALE: Final = Range(1e-6, 1000.0)
PIXEL_MEAN: Final = Range(-1e6, 1e6)
PIXEL_STD: Final = Range(1e-9, 1e6)
STRIDE: Final = WholeRange(1, 1024)
DILATION: Final = WholeRange(1, 256)

# Labels
MASK_THRESHOLD: Final = Range(0, 2**32 - 1)
COLOUR_TOLERANCE: Final = WholeRange(0, 127)
INSTANCE_DIVISOR: Final = WholeRange(2, 2**24)
HELD_OUT_SHARE: Final = Range(0.001, 0.999)
BLOCK: Final = WholeRange(64, 32768)
BLOCK_MARGIN: Final = WholeRange(0, 4096)
SHARE: Final = Range(0.0, 1.0)
CROPS: Final = WholeRange(1, 10_000_000)

# Prediction and export
SIMPLIFY_PIXELS: Final = Range(0.0, 100.0)
BATCH: Final = WholeRange(1, 4096)
TOLERANCE: Final = Range(0.0, 0.99)
PASS_POSITION: Final = WholeRange(0, 65535)
MEMORY_GIB: Final = Range(0.01, 4096.0)
LOST_POINTS: Final = Range(0.0, 100.0)
IMAGES: Final = WholeRange(1, 1_000_000)
TILES: Final = WholeRange(1, 1_000_000_000)

# The command line
SCENES: Final = WholeRange(3, 99)
SLIDE_SIDE: Final = WholeRange(1024, 40_000)
DRAWN_IMAGES: Final = WholeRange(1, 256)
DEVICES: Final = WholeRange(1, 64)
CLUSTER_WORKERS: Final = WholeRange(1, 1024)
GPUS: Final = Range(0.0, 64.0)
PORT: Final = WholeRange(0, 65535)
OPEN_REQUESTS: Final = WholeRange(1, 10_000)
MEGAPIXELS: Final = Range(0.001, 1000.0)
REQUEST_SECONDS: Final = Range(0.1, 86_400.0)
LEADERBOARD: Final = Range(-1e9, 1e9)
BYTES: Final = WholeRange(0, 10**18)
DEADLINE_SECONDS: Final = WholeRange(1, 366 * 86_400)
