"""What the rewriting of exported graphs gains: each member with and without it.

    python -m benchmarks.export.rewrite ensembles/camvid.yaml

Both are exported from the same checkpoint, in fp32 and in int8 with all layers quantised, and take turns on
every runtime of this machine, one image at a time on each core. Milliseconds are wall time an image, medians
over rounds; ratios are those within a round; labels are compared over the images.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import numpy as np
import onnx

from seg.data import open_split, read_image
from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.hardware import usable_cores
from seg.engine.runtimes.open import open_runtime, usable_runtimes
from seg.engine.runtimes.profiling import run_all_streams
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.save import save_onnx_model
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.quantise import quantisable_layers_of, quantise_layers
from seg.export.precision.ranges import clipping_values
from seg.labels.label_map import ImageHWC
from seg.models.card import ModelCard
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import RuntimeName
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter

IMAGES: Final = 8
CALIBRATING: Final = 4
ONNX_RUNTIME: Final = "cpu"


@dataclass(frozen=True)
class PlainAndRewritten:
    """The same network twice: as its modules say it, and rewritten."""

    precision: str
    plain: Path
    rewritten: Path


def pairs_of(checkpoint: Path, images: list[ImageHWC], folder: Path) -> Iterator[PlainAndRewritten]:
    network, card = load_checkpoint(checkpoint)
    model = ExportedModel(Segmenter(network, card.input)).eval()
    fp32 = PlainAndRewritten("fp32", folder / "plain.onnx", folder / "rewritten.onnx")
    write_onnx(model, card, fp32.rewritten)
    with patch("seg.export.onnx_file.to_onnx.rewrite_graph", lambda _: None):
        write_onnx(model, card, fp32.plain)
    yield fp32
    int8 = PlainAndRewritten("int8", folder / "plain-int8.onnx", folder / "rewritten-int8.onnx")
    for source, target in ((fp32.plain, int8.plain), (fp32.rewritten, int8.rewritten)):
        write_int8(source, target, card, images)
    yield int8


def write_int8(source: Path, target: Path, card: ModelCard, images: list[ImageHWC]) -> None:
    graph = onnx.load(source)
    layers = quantisable_layers_of(graph)
    clipping = clipping_values(graph, sorted({layer.source for layer in layers}), images)
    save_onnx_model(quantise_layers(graph, layers, clipping), card, target)


def rewritten_row(
    name: str, pair: PlainAndRewritten, runtime: RuntimeName, images: list[ImageHWC], rounds: int
) -> str:
    streams = Streams(usable_cores(), 1)
    plain, rewritten = both = [open_runtime(path, runtime, streams) for path in (pair.plain, pair.rewritten)]
    equal = np.mean(
        [labels_of_graph(plain, image_hwc) == labels_of_graph(rewritten, image_hwc) for image_hwc in images]
    )
    seconds: list[list[float]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            seconds[which].append(time_rewritten(both[which], images[number % len(images)]))
    ms = [statistics.median(one) / streams.count * 1e3 for one in seconds]
    faster = statistics.median(a / b for a, b in zip(*seconds, strict=True))
    return (
        f"| {name} | {pair.precision} on {runtime} | {ms[0]:.1f} | {ms[1]:.1f} | {faster:.2f} | {equal:.3%} |"
    )


def labels_of_graph(runtime: Runtime, image_hwc: ImageHWC) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    found: np.ndarray[tuple[int, ...], np.dtype[np.intp]] = runtime.run(image_hwc[None]).argmax(1)
    return found


def time_rewritten(runtime: Runtime, image_hwc: ImageHWC) -> float:
    start = time.perf_counter()
    run_all_streams(runtime, image_hwc[None])
    return time.perf_counter() - start


def rewriting_rows(spec: EnsembleSpec, rounds: int) -> Iterator[str]:
    samples = open_split(spec.data, "val").samples
    images = [read_image(sample.image) for sample in samples[:: max(1, len(samples) // IMAGES)][:IMAGES]]
    learning = open_split(spec.data, "train").samples
    calibrating = [
        read_image(sample.image) for sample in learning[:: max(1, len(learning) // CALIBRATING)][:CALIBRATING]
    ]
    for member in spec.members:
        with tempfile.TemporaryDirectory() as folder:
            for pair in pairs_of(spec.checkpoint(member), calibrating, Path(folder)):
                for runtime in usable_runtimes():
                    # Its int8 is slower than its fp32 on processors like these.
                    if (pair.precision, runtime) != ("int8", ONNX_RUNTIME):
                        yield rewritten_row(member.name, pair, runtime, images, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print("| member | | as its modules say it, ms | rewritten, ms | times faster | labels equal |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rewriting_rows(load_ensemble(options.spec), options.rounds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
