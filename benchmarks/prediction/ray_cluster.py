"""The engine on a cluster of this machine beside the plain one: overhead, two workers, and a node that dies.

    python -m benchmarks.prediction.ray_cluster ensembles/camvid.yaml --images 2000 --side 96

The spec's validation images are made small and repeated as often as it takes. Every run begins anew and its
submission is compared with that of the plain engine, byte for byte. Where a node dies, a third of the images
are done.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seg.data import open_split, read_image
from seg.data.images.images import write_image
from seg.engine.jobs.predict import run_ensemble
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.dataset.split import SplitSpec

STORE_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Measured:
    """One row: images a second while images come in, and wall seconds with all that is begun and ended."""

    name: str
    rate: float
    seconds: float
    given_again: int
    same: bool


def shrink_images(spec: EnsembleSpec, count: int, side: int, folder: Path) -> None:
    samples = open_split(spec.data, "val").samples
    small = [
        cv2.resize(read_image(sample.image), (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8)
        for sample in samples[:count]
    ]
    for number in range(count):
        write_image(folder / f"{number:05}.jpg", small[number % len(small)])


def on_images(spec: EnsembleSpec, images: Path, output: Path) -> EnsembleSpec:
    data = spec.data.model_copy(update={"predict": SplitSpec(images=(images,))})
    moved = spec.output.model_copy(update={"file": output, "size": None})
    return spec.model_copy(update={"data": data, "output": moved, "runtime": "cpu"})


@contextmanager
def ray_nodes(cores: list[int]) -> Iterator[tuple[Any, list[Any]]]:
    """A cluster of nodes with so many cores, which RAY_ADDRESS names; and those that may be killed."""
    from ray.cluster_utils import Cluster

    head, *others = [{"num_cpus": count, "object_store_memory": STORE_BYTES} for count in cores]
    cluster = Cluster(initialize_head=True, head_node_args={**head, "include_dashboard": False})
    try:
        more = [cluster.add_node(wait=True, **other) for other in others]
        cluster.wait_for_nodes()
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster, more
    finally:
        del os.environ["RAY_ADDRESS"]
        cluster.shutdown()  # type: ignore[no-untyped-call]


def kill_at(journal: Path, size: float, kill: Callable[[], None]) -> None:
    def wait() -> None:
        while not journal.exists() or journal.stat().st_size < size:
            time.sleep(0.01)
        kill()

    threading.Thread(target=wait, daemon=True).start()


def on_ray(name: str, spec: EnsembleSpec, plain: EnsembleSpec, cores: list[int], *, dies: bool) -> Measured:
    from seg.engine.cluster import run_on_cluster

    journal_of(spec).unlink(missing_ok=True)
    with ray_nodes(cores) as (cluster, more):
        if dies:
            whole = journal_of(plain).stat().st_size
            kill_at(journal_of(spec), whole / 3, lambda: cluster.remove_node(more[0], allow_graceful=False))
        start = time.perf_counter()
        summary = run_on_cluster(spec, "ray", workers=len(cores))
        seconds = time.perf_counter() - start
    same = spec.output.file.read_bytes() == plain.output.file.read_bytes()
    return Measured(name, summary.images / summary.seconds, seconds, summary.redone, same)


def journal_of(spec: EnsembleSpec) -> Path:
    return spec.output.file.with_name(spec.output.file.name + ".journal")


def on_one_machine(plain: EnsembleSpec) -> Measured:
    start = time.perf_counter()
    summary = run_ensemble(plain, restart=True)
    seconds = time.perf_counter() - start
    return Measured("plain engine, 2 cores", summary.images / summary.seconds, seconds, 0, True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("spec", type=Path)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--side", type=int, default=96)
    asked = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = load_ensemble(asked.spec)
        shrink_images(spec, asked.images, asked.side, folder / "images")
        plain = on_images(spec, folder / "images", folder / "plain.csv")
        other = on_images(spec, folder / "images", folder / "cluster.csv")
        rows = [
            on_one_machine(plain),
            on_ray("1 worker, 2 cores", other, plain, [2], dies=False),
            on_ray("1 worker, 1 core", other, plain, [1], dies=False),
            on_ray("2 workers, 1 core each", other, plain, [1, 1], dies=False),
            on_ray("2 workers, one of which dies", other, plain, [1, 1], dies=True),
        ]
    print("| | images a second | seconds in all | given out again | submission |\n|---|---:|---:|---:|---|")
    for row in rows:
        same = "the same bytes" if row.same else "DIFFERS"
        print(f"| {row.name} | {row.rate:.1f} | {row.seconds:.1f} | {row.given_again} | {same} |")


if __name__ == "__main__":
    main()
