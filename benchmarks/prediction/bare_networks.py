"""The batches of all passes through their networks, and nothing else: no engine can be faster than that."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from seg.engine import Ensemble
from seg.engine.member import default_pass_order
from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.labels.label_map import ImageHWC


def run_networks(ensemble: Ensemble, images: Sequence[ImageHWC]) -> None:
    """Full batches of copies of each batch's first image, as many as the passes of these images fill."""
    rows = ensemble.batch_size
    calls = [
        (
            ensemble.members[planned.member].runtime,
            np.stack([np.ascontiguousarray(planned.view.apply(image_hwc))] * rows),
        )
        for image_hwc in images[::rows]
        for planned in default_pass_order(ensemble.members)
    ]
    with ThreadPoolExecutor(ensemble.streams) as pool:
        for _ in pool.map(lambda call: _run_network(*call), calls):
            pass


def _run_network(runtime: Runtime, images_nhwc: ImagesNHWC) -> None:
    """Answers of a GPU stay there, as the engine leaves them."""
    run = runtime.run_on_device if runtime.device == "cuda" else runtime.run
    run(images_nhwc)
