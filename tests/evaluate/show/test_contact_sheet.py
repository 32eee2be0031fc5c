"""`seg show`: which images are drawn, and that their labels have the colours of their classes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_image
from seg.engine.submissions import SubmissionForSpec
from seg.errors import DataError
from seg.evaluate.show.contact_sheet import draw_ensemble_sheet, draw_submission_sheet
from seg.labels.label_map import ImageHWC
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import CLASSES
from tests.evaluate.contest import SQUARE, Contest


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    """Four images whose right submission is a folder of PNGs; the one member was never trained."""
    made = Contest(tmp_path, SQUARE)
    said = json.loads((tmp_path / "spec.yaml").read_text()) | {"output": {"format": "png"}}
    (tmp_path / "spec.yaml").write_text(json.dumps(said))
    made.spec = load_ensemble(tmp_path / "spec.yaml")
    SubmissionForSpec(made.spec).form().write(tmp_path / "masks", list(made.maps.items()))
    return made


def picture_of(contest: Contest, *wanted: str, masks: str = "masks", count: int = 4) -> ImageHWC:
    folder = contest.path.parent
    draw_submission_sheet(contest.spec, folder / masks, folder / "shown.png", wanted, count)
    return read_image(folder / "shown.png")


def is_drawn(picture_hwc: ImageHWC, image_hwc: ImageHWC, labels_hw: NDArray[np.uint8], label: int) -> bool:
    """Whether the picture has a colour halfway between a class's own and that of its pixels in the image."""
    colour = image_hwc[labels_hw == label][0].astype(np.float64)
    halfway = (colour + CLASSES[label].colour) / 2
    return bool((np.abs(picture_hwc - halfway) <= 1).all(axis=-1).any())


def test_a_submission_is_drawn_in_the_colours_of_its_classes(contest: Contest) -> None:
    image_hwc = read_image(contest.path.parent / "images/street_1.png")
    labels_hw = contest.maps["street_1"]
    picture_hwc = picture_of(contest, "street_1")
    for label in np.unique(labels_hw).tolist():
        is_background = CLASSES[label].name == contest.spec.data.unlabelled
        assert is_drawn(picture_hwc, image_hwc, labels_hw, label) != is_background


def test_images_are_named_by_id_or_path_or_spread_over_the_split(contest: Contest) -> None:
    path = str(contest.path.parent / "images/street_2.png")
    np.testing.assert_array_equal(picture_of(contest, "street_2"), picture_of(contest, path))
    assert (picture_of(contest, "street_2") != picture_of(contest, "street_3")).any()
    heights = {count: len(picture_of(contest, count=count)) for count in (1, 2, 4)}
    assert heights[2] - heights[1] == (heights[4] - heights[2]) / 2 > 0
    assert len(picture_of(contest, "street_0", "street_3")) == heights[2]


def test_labels_on_a_smaller_grid_cover_the_image(contest: Contest) -> None:
    halves = [(name, labels_hw[::2, ::2]) for name, labels_hw in contest.maps.items()]
    SubmissionForSpec(contest.spec).form().write(contest.path.parent / "small", halves)
    whole = picture_of(contest, "street_0")
    output = contest.spec.output.model_copy(update={"size": halves[0][1].shape})
    contest.spec = contest.spec.model_copy(update={"output": output})
    small = picture_of(contest, "street_0", masks="small")
    assert 0.8 < (whole == small).all(axis=-1).mean() < 1


def test_what_is_not_there_is_one_line(contest: Contest) -> None:
    with pytest.raises(DataError, match="street_9: is neither an image file nor the id"):
        picture_of(contest, "street_9")
    elsewhere = contest.path.parent / "elsewhere.png"
    elsewhere.write_bytes((contest.path.parent / "images/street_0.png").read_bytes())
    with pytest.raises(DataError, match="masks: has no label map of the image 'elsewhere'"):
        picture_of(contest, str(elsewhere))
    assert not (contest.path.parent / "shown.png").exists()


def test_the_ensemble_shows_images_that_are_not_of_the_dataset(project: Path) -> None:
    spec: EnsembleSpec = load_ensemble(project)
    folder = project.parent
    (folder / "elsewhere.png").write_bytes((folder / "images/3.png").read_bytes())
    for wanted in ("3", str(folder / "elsewhere.png")):
        draw_ensemble_sheet(spec, folder / f"{Path(wanted).stem}_shown.png", [wanted], 1)
    inside, outside = (read_image(folder / f"{name}_shown.png") for name in ("3", "elsewhere"))
    assert inside.shape == outside.shape
    names_differ = (inside != outside).any(axis=(1, 2))
    assert 0 < names_differ.sum() < 20


def test_the_command_opens_what_it_has_written(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    folder = contest.path.parent
    command = ["show", folder / "spec.yaml", "--submission", folder / "masks", "-o", folder / "a.png"]
    done = CliRunner().invoke(app, [str(one) for one in command])
    assert (done.exit_code, opened) == (0, []), done.output
    done = CliRunner().invoke(app, [*map(str, command), "--open"])
    assert (done.exit_code, opened) == (0, [str(folder / "a.png")]), done.output


def test_into_a_folder_maps_are_written(contest: Contest) -> None:
    folder = contest.path.parent
    chosen = [str(folder / "spec.yaml"), "street_1", "street_3", "--submission", str(folder / "masks")]
    answer = CliRunner().invoke(app, ["show", *chosen, "-o", str(folder / "maps")])
    assert answer.exit_code == 0, answer.output
    assert sorted(path.name for path in (folder / "maps").iterdir() if path.is_dir()) == ["1", "2"]
    page = (folder / "maps/2/index.html").read_text()
    assert "<title>street_3</title>" in page
    assert '<a href="2/index.html">street_3</a>' in (folder / "maps/index.html").read_text()
    labels_hw = contest.maps["street_3"]
    tile = cv2.imread(str(next((folder / "maps/2/layer-0").rglob("0_0.png"))), cv2.IMREAD_UNCHANGED)
    assert tile is not None
    [drawn] = [c for c in CLASSES if tuple(tile[0, 0, 2::-1].tolist()) == c.colour]
    np.testing.assert_array_equal(tile[..., 3] == 255, labels_hw == CLASSES.index(drawn))
