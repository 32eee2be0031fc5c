"""`seg evaluate`: how good each member is, alone and with views, and what the ensemble adds."""

import typer

from seg.commands.shared import SpecPath, print_table


def evaluate(
    path: SpecPath,
    per_class: bool = typer.Option(False, "--per-class", help="Also the IoU of each class."),
) -> None:
    """Score members and ensemble on the validation split, without and with views (mIoU).

    The figures are kept beside the runs; nothing is computed again while models and data are the
    same.
    """
    from seg.evaluate.compare import compare_members
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    comparison = compare_members(spec)
    images, rows = comparison.images, comparison.rows
    print_table(
        f"val mIoU over {images} images",
        ("", "without views", "ms an image", "with views", "ms an image"),
        [
            (
                row.name,
                f"{row.plain.miou:.4f}",
                f"{row.plain_seconds / images * 1000:.0f}",
                f"{row.viewed.miou:.4f}",
                f"{row.viewed_seconds / images * 1000:.0f}",
            )
            for row in rows
        ],
    )
    if per_class:
        names = list(rows[0].viewed.iou)
        print_table(
            "IoU with views",
            ("", *(row.name for row in rows)),
            [(name, *(_figure(row.viewed.iou[name]) for row in rows)) for name in names],
        )


def _figure(iou: float | None) -> str:
    return "absent" if iou is None else f"{iou:.4f}"
