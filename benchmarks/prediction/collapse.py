"""What an ensemble costs, and what is left of it in one network: a table.

    seg train x.yaml; seg export x.yaml
    seg soup x.yaml; seg distill x.yaml
    python -m benchmarks.prediction.collapse x.yaml --alone soup student

Best member, ensemble, and each run of `--alone`, a name among the spec's runs, which is exported if it is not
yet; without views and with the spec's: mIoU on the validation images, milliseconds an image, megabytes of
models. A name that has no run, such as a soup that was not worth it, is left out.
"""

import argparse
from pathlib import Path

from seg.evaluate.compare import ENSEMBLE, EQUAL_WEIGHTS, Comparison, ComparisonRow, compare_members
from seg.export.export import export_checkpoint, is_exported
from seg.export.onnx_file.verification_images import validation_images
from seg.spec import EnsembleSpec, MemberSpec, load_ensemble

HEADER = ("", "mIoU", "ms an image", "mIoU, views", "ms an image, views", "MB")


def ensemble_of_one(spec: EnsembleSpec, name: str) -> EnsembleSpec | None:
    """A run as an ensemble of one, whose figures are kept in its own folder; None where there is none."""
    folder = spec.runs / name
    checkpoint, model = folder / "model.safetensors", folder / "model.onnx"
    if not checkpoint.exists():
        return None
    if not is_exported(checkpoint, model, None):
        export_checkpoint(checkpoint, model, validation_images(spec.data))
    return EnsembleSpec(
        data=spec.data,
        members=(MemberSpec(name=name, model=model),),
        views=spec.views,
        tile=spec.tile,
        runtime=spec.runtime,
        batch_size=spec.batch_size,
        runs=folder,
    )


def megabytes_of_members(spec: EnsembleSpec) -> dict[str, float]:
    """The size of each member's model file, and of all."""
    sizes = {member.name: spec.model(member).stat().st_size / 1e6 for member in spec.running}
    return sizes | {ENSEMBLE: sum(sizes.values())}


def collapse_cells(title: str, row: ComparisonRow, images: int, size: float) -> tuple[str, ...]:
    return (
        title,
        f"{row.plain.miou:.4f}",
        f"{1e3 * row.plain.seconds / images:.0f}",
        f"{row.viewed.miou:.4f}",
        f"{1e3 * row.viewed.seconds / images:.0f}",
        f"{size:.1f}",
    )


def collapse_table(spec: EnsembleSpec, names: list[str]) -> list[tuple[str, ...]]:
    sizes, whole = megabytes_of_members(spec), compare_members(spec)
    best = max(
        (row for row in whole.rows if row.name not in (EQUAL_WEIGHTS, ENSEMBLE)),
        key=lambda row: row.viewed.miou,
    )
    rows = [collapse_cells(f"best member, {best.name}", best, whole.images, sizes[best.name])]
    if len(spec.running) > 1:
        rows.append(
            collapse_cells(f"ensemble of {len(spec.running)}", whole.rows[-1], whole.images, sizes[ENSEMBLE])
        )
    for name in names:
        one = ensemble_of_one(spec, name)
        if one is not None:
            found: Comparison = compare_members(one)
            rows.append(collapse_cells(name, found.rows[0], found.images, megabytes_of_members(one)[name]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spec", type=Path)
    parser.add_argument("--alone", nargs="*", default=["soup", "student"], metavar="RUN")
    arguments = parser.parse_args()
    rows = collapse_table(load_ensemble(arguments.spec), arguments.alone)
    for row in (HEADER, ["---"] * len(HEADER), *rows):
        print("|", " | ".join(row), "|")


if __name__ == "__main__":
    main()
