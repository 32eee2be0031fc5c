"""One PNG a class: what another library reads, any number of overlapping classes, and other folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.engine.submissions import SubmissionFormat, open_submission_format
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import Task, pack_masks
from seg.spec.ensemble.output import OutputSpec

SIZE = (6, 5)


def form_of(names: list[str], task: Task = "multilabel") -> SubmissionFormat:
    classes = [ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names)]
    return open_submission_format(OutputSpec(format="class-png"), classes, "ignore", str, task=task)


@pytest.mark.parametrize("count", [1, 8, 40])
def test_pillow_reads_the_mask_of_each_class(tmp_path: Path, count: int) -> None:
    names = [f"class {n}" for n in range(count)]
    masks = np.random.default_rng(0).random((2, count, *SIZE)) < 0.4
    masks[1] = False
    maps = [(name, pack_masks(of_image)) for name, of_image in zip(("a", "left/b"), masks, strict=True)]
    form = form_of(names)
    form.write(tmp_path / "out", maps)
    for (image_id, _), of_image in zip(maps, masks, strict=True):
        for name, mask_hw in zip(names, of_image, strict=True):
            with Image.open(tmp_path / "out" / name / f"{image_id}.png") as image:
                assert image.mode == "L"
                np.testing.assert_array_equal(np.asarray(image), 255 * mask_hw)
    for found, written in zip(form.read(tmp_path / "out", lambda _: SIZE), maps, strict=True):
        assert found[0] == written[0] and found[1].dtype == written[1].dtype
        np.testing.assert_array_equal(found[1], written[1])


def test_masks_of_others_are_read(tmp_path: Path) -> None:
    """With 1 where there is the class; and of one class a pixel, what no mask has is unlabelled."""
    for name, columns in (("car", slice(0, 2)), ("road", slice(3, 5))):
        mask_hw = np.zeros(SIZE, np.uint8)
        mask_hw[:, columns] = 1
        (tmp_path / name).mkdir()
        Image.fromarray(mask_hw).save(tmp_path / name / "a.png")
    ((image_id, labels_hw),) = form_of(["car", "road"], "multiclass").read(tmp_path, lambda _: SIZE)
    assert image_id == "a" and labels_hw[0].tolist() == [0, 0, IGNORE_INDEX, 1, 1]
    mask_hw[:, 0] = 1
    Image.fromarray(mask_hw).save(tmp_path / "road/a.png")
    with pytest.raises(DataError, match=r"a pixel of a\.png is in 'car' and 'road'"):
        list(form_of(["car", "road"], "multiclass").read(tmp_path, lambda _: SIZE))
    ((_, labels_hw),) = form_of(["car", "road"]).read(tmp_path, lambda _: SIZE)
    assert labels_hw[0].tolist() == [3, 1, 0, 2, 2]


def test_what_is_no_such_folder_is_named(tmp_path: Path) -> None:
    form = form_of(["car", "road/lane"])
    with pytest.raises(DataError, match="has no PNGs in folders named like classes: car, road_lane"):
        list(form.read(tmp_path, lambda _: SIZE))
    form.write(tmp_path / "out", [("a", np.zeros(SIZE, np.uint8))])
    (tmp_path / "out/road_lane/a.png").unlink()
    with pytest.raises(DataError, match=r"road_lane/a\.png: is missing: each image has a mask of each class"):
        list(form.read(tmp_path / "out", lambda _: SIZE))
    Image.fromarray(np.arange(30, dtype=np.uint8).reshape(SIZE)).save(tmp_path / "out/car/a.png")
    with pytest.raises(DataError, match=r"car/a\.png: has more than two values"):
        list(form.read(tmp_path / "out", lambda _: SIZE))
