"""`seg train` side by side with a plain Lightning and smp loop: images a second, where the time goes, memory.

    python -m benchmarks.training.training ensembles/camvid.yaml --member fpn-lite0 --images 96 --rounds 3

Both train the same network from the same files at the same size, in processes of their own that take turns.
The first epoch, in which caches and workers start, is left out of the speed; the whole time has it. Figures
are medians, ratios are those within a round.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

PARTS = ("data", "forward", "backward", "step", "validation and files")
EPOCHS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--member", required=True)
    parser.add_argument("--images", type=int, default=96, help="to train on; a quarter as many are validated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(_train_one_way(arguments)))
        return
    names = ("plain", "plain, 2 workers", "seg")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for turn in range(arguments.rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            found[name].append(_in_own_process(name))
            print(f"round {turn + 1}: {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    _print_training_times(found)


def _in_own_process(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training.training", *sys.argv[1:], "--child", name]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, float] = json.loads(answer.splitlines()[-1])
    return result


def _train_one_way(arguments: argparse.Namespace) -> dict[str, float]:
    from benchmarks.training.plain_training import PlainModule, train_plainly
    from seg.spec import load_ensemble
    from seg.spec.dataset.dataset import DatasetSpec
    from seg.train.member.lightning_module import MemberModule
    from seg.train.trainer import train_member

    spec = load_ensemble(arguments.spec)
    member = next(one for one in spec.members if one.name == arguments.member)
    recipe = spec.recipe_of(member).model_copy(update={"epochs": EPOCHS})
    watch = Stopwatch()
    watch.follow(MemberModule if arguments.child == "seg" else PlainModule)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = _first_images_of_split(spec.data.split("train"), arguments.images, folder / "train.json")
        val = _first_images_of_split(spec.data.split("val"), arguments.images // 4, folder / "val.json")
        if arguments.child == "seg":
            data: DatasetSpec = spec.data.model_copy(update={"train": train, "val": val})
            own = member.model_copy(update={"epochs": EPOCHS})
            fields = {"data": data, "members": (own,), "runs": folder, "recipe": recipe}
            train_member(spec.model_copy(update=fields), own)
        else:
            train_plainly(train, val, recipe, folder, workers=2 if "workers" in arguments.child else 0)
    whole = time.perf_counter() - start
    memory = sum(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return watch.seconds(EPOCHS - 1) | {"whole": whole, "MB": memory / 1e3}


def _first_images_of_split(split: Any, count: int, path: Path) -> Any:
    """A split with the first images of another's COCO file."""
    document = json.loads(split.annotations.read_text(encoding="utf-8"))
    images = document["images"][:count]
    kept = {image["id"] for image in images}
    annotations = [one for one in document["annotations"] if one["image_id"] in kept]
    path.write_text(json.dumps({**document, "images": images, "annotations": annotations}), encoding="utf-8")
    return split.model_copy(update={"annotations": path})


class Stopwatch:
    """Says which part of an epoch each moment belonged to, by the hooks of a Lightning module."""

    def __init__(self) -> None:
        self._spent: dict[tuple[int, str], float] = defaultdict(float)
        self._last = time.perf_counter()

    def follow(self, module: type[Any]) -> None:
        """Watch all modules of this class."""
        module.on_train_batch_start = self._hook("data")
        module.on_before_backward = self._hook("forward")
        module.on_after_backward = self._hook("backward")
        module.on_train_batch_end = self._hook("step")
        module.on_validation_start = self._hook("data")
        module.on_validation_end = self._hook("validation and files")

    def seconds(self, epochs: int) -> dict[str, float]:
        """The mean of the last epochs."""
        return {
            part: sum(spent for (epoch, of), spent in self._spent.items() if of == part and epoch > 0)
            / epochs
            for part in PARTS
        }

    def _hook(self, part: str) -> Any:
        def note(module: Any, *_: Any) -> None:
            now = time.perf_counter()
            self._spent[module.current_epoch, part] += now - self._last
            self._last = now

        return note


def _print_training_times(found: dict[str, list[dict[str, float]]]) -> None:
    print("| | " + " | ".join(f"{part}, s" for part in PARTS) + " | epoch, s | faster | whole, s | MB |")
    print("|---|" + "---:|" * (len(PARTS) + 4))
    for name, rounds in found.items():
        epochs = [sum(one[part] for part in PARTS) for one in rounds]
        plain = [sum(one[part] for part in PARTS) for one in found["plain"]]
        faster = statistics.median(theirs / ours for theirs, ours in zip(plain, epochs, strict=True))
        cells = [f"{statistics.median(one[part] for one in rounds):.1f}" for part in PARTS]
        cells += [f"{statistics.median(epochs):.1f}", f"{faster:.2f}"]
        cells += [f"{statistics.median(one[key] for one in rounds):.0f}" for key in ("whole", "MB")]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
