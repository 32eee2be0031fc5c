"""What commands share."""

import pytest

from seg.commands.options.shared import check_metric_may_run
from seg.spec import EnsembleSpec
from seg.terminal.notices import notice


@pytest.mark.parametrize("metric, is_told", [("dice", True), ("iou@0.5", True), ("dataset-dice", False)])
def test_a_metric_of_images_is_told_where_blocks_count_as_images(
    metric: str, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    notice.cache_clear()
    data = {
        "train": {"images": "slides", "masks": "masks"},
        "val": {"tiles": 0.2, "block": 256},
        "classes": ["tissue"],
        "task": "binary",
    }
    spec = EnsembleSpec.model_validate({"data": data, "members": [{"name": "a"}], "metric": metric})
    check_metric_may_run(spec, run_metric=False)
    assert ("each block of 'val' counts as one" in capsys.readouterr().err) == is_told
