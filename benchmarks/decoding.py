"""How many images a second `seg` decodes, on one core and on several.

    python -m benchmarks.decoding FOLDER --threads 1 2

CPU seconds are those of this process, which other work on the machine does not change.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seg.data import read_image
from seg.files.image_suffixes import PICTURE_SUFFIXES


def measure_decoding(paths: list[Path], threads: int) -> str:
    """Decode all images, after one round that fills the system's cache of files."""
    list(map(read_image, paths))
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        pixels = sum(image_hwc.shape[0] * image_hwc.shape[1] for image_hwc in pool.map(read_image, paths))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return (
        f"{threads} threads: {len(paths) / cpu:.0f} images of {pixels / len(paths):.0f} pixels a CPU second,"
        f" {cpu / len(paths) * 1e3:.2f} ms each; {len(paths) / wall:.0f} images/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, default=700, help="as many, from the start again if need be")
    options = parser.parse_args()
    found = [path for path in sorted(options.folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES]
    if not found:
        parser.error(f"{options.folder}: has no images")
    paths = (found * (options.images // len(found) + 1))[: options.images]
    for threads in options.threads:
        print(measure_decoding(paths, threads))


if __name__ == "__main__":
    main()
