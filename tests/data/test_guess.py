"""What a guess says of depth, bands, few images, and the contest's sample."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFilter

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of_guess
from seg.data.images.images import write_image, write_mask
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import masks_of
from seg.spec import DatasetSpec, load_dataset


def labelled(folder: Path, count: int) -> None:
    for number in range(count):
        random = np.random.default_rng(number)
        write_image(folder / f"images/{number}.png", random.integers(0, 256, (8, 9, 3), np.uint8))
        write_mask(folder / f"masks/{number}.png", random.integers(0, 2, (8, 9), np.uint8))


def guessed(folder: Path) -> DatasetSpec:
    (folder / "dataset.yaml").write_text(yaml_of_guess(guess_dataset(folder), folder))
    return load_dataset(folder / "dataset.yaml")


@pytest.mark.parametrize(("count", "holds_out"), [(1, False), (2, False), (3, True), (10, True)])
def test_nothing_is_held_out_of_too_few_images(count: int, holds_out: bool, tmp_path: Path) -> None:
    labelled(tmp_path, count)
    assert (guessed(tmp_path).val is not None) is holds_out
    is_told = "training takes 2" in (tmp_path / "dataset.yaml").read_text()
    assert is_told is not holds_out


def test_the_check_tells_that_one_image_is_too_few_to_train_on(tmp_path: Path) -> None:
    labelled(tmp_path, 2)
    data = guessed(tmp_path)
    for share, images in ((None, 2), (0.5, 1)):
        values = data.model_dump(exclude_unset=True) | ({"val": share} if share else {})
        found = [one.problem for one in check_dataset(DatasetSpec.model_validate(values)).findings]
        few = [problem for problem in found if "at least 2 are needed" in problem]
        assert few == (["the training split has 1 image, at least 2 are needed"] if images == 1 else [])


def test_the_contests_sample_is_named_in_a_comment(tmp_path: Path) -> None:
    labelled(tmp_path, 4)
    (tmp_path / "sample_submission.csv").write_text("id,rle\n")
    guessed(tmp_path)
    lines = (tmp_path / "dataset.yaml").read_text().splitlines()
    assert any(
        line.startswith("#") and line.endswith("output: { sample: sample_submission.csv }") for line in lines
    )


def deep(folder: Path, bands: list[int], most: int) -> Mapping[str, Any]:
    """The guess for GeoTIFFs with so many bands each."""
    rasterio = pytest.importorskip("rasterio")
    (folder / "images").mkdir(parents=True)
    for number, count in enumerate(bands):
        values = np.random.default_rng(number).integers(0, most, (count, 8, 9)).astype(np.uint16)
        options = {"driver": "GTiff", "count": count, "height": 8, "width": 9, "dtype": "uint16"}
        with rasterio.open(folder / f"images/{number}.tif", "w", **options) as file:
            file.write(values)
        write_mask(folder / f"masks/{number}.png", np.eye(8, 9, dtype=np.uint8))
    return guess_dataset(folder).dataset


@pytest.mark.filterwarnings("ignore")
def test_bands_get_a_range_and_the_least_number_of_them_where_they_differ(tmp_path: Path) -> None:
    alike = deep(tmp_path / "a", [13, 13, 13], 8000)
    assert (alike["range"], alike["rgb"], "bands" in alike) == ([0, 10000], [4, 3, 2], False)
    mixed = deep(tmp_path / "b", [4, 8, 13], 8000)
    assert (mixed["bands"], mixed["rgb"]) == ([1, 2, 3, 4], [3, 2, 1])
    assert deep(tmp_path / "c", [4, 4, 4], 256)["range"] == [0, 255]


def test_grey_of_16_bits_gets_the_range_of_its_values(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "images").mkdir(exist_ok=True)
        values = np.random.default_rng(number).integers(900, 1050, (40, 40)).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / f"images/{number}.png")
        write_mask(tmp_path / f"masks/{number}.png", np.eye(40, dtype=np.uint8))
    low, high = guessed(tmp_path).range or (0, 0)
    assert 890 < low < 910 and 1040 < high < 1060


def table_of(folder: Path, images: int, seed: int = 0) -> None:
    """Images in a folder, and a table of run lengths beside it, of the same name."""
    rows = ["id,rle"]
    for number in range(images):
        name = f"{folder.name}_{number}"
        random = np.random.default_rng(seed + number)
        write_image(folder / f"{name}.png", random.integers(0, 256, (40, 50, 3), np.uint8))
        rows.append(f"{name},{41 + number} 9 85 3")
    folder.with_suffix(".csv").write_text("\n".join(rows))


def test_a_validation_folder_with_a_table_of_its_own_is_the_split(tmp_path: Path) -> None:
    table_of(tmp_path / "train", 4)
    table_of(tmp_path / "val", 2, seed=9)
    data = guessed(tmp_path)
    train, val = open_split(data, "train"), open_split(data, "val")
    assert [len(split.samples) for split in (train, val)] == [4, 2]
    assert [split.labels(0).sum() for split in (train, val)] == [12, 12]


def test_masks_none_of_which_can_be_read_are_an_error(tmp_path: Path) -> None:
    for number in range(2):
        write_image(tmp_path / f"images/{number}.png", np.full((4, 6, 3), number, np.uint8))
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / f"masks/{number}.png").touch()
    with pytest.raises(DataError, match=r"masks/0\.png: is empty"):
        guess_dataset(tmp_path)


def test_arrays_are_images_beside_masks(tmp_path: Path) -> None:
    for number in range(4):
        random = np.random.default_rng(number)
        (tmp_path / "images").mkdir(exist_ok=True)
        np.save(tmp_path / f"images/{number}.npy", random.normal(100, 20, (40, 50, 5)).astype(np.float32))
        write_mask(tmp_path / f"masks/{number}.png", np.eye(40, 50, dtype=np.uint8))
    data = guessed(tmp_path)
    low, high = data.range or (0, 0)
    assert 30 < low < 80 and 120 < high < 170
    assert len(open_split(data, "train").samples) + len(open_split(data, "val").samples) == 4


def test_one_image_of_more_bands_among_many_is_found(tmp_path: Path) -> None:
    for number in range(40):
        bands = 4 if number == 7 else 3
        (tmp_path / "images").mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, bands), np.uint8)
        extra: dict[str, Any] = {"extrasamples": ["unspecified"]} if bands == 4 else {}
        tifffile.imwrite(tmp_path / f"images/{number}.tif", pixels, photometric="rgb", **extra)
        write_mask(tmp_path / f"masks/{number}.png", np.eye(20, dtype=np.uint8))
    data = guessed(tmp_path)
    assert (data.bands, data.range) == ((1, 2, 3), (0, 255))


def test_few_large_images_get_crops_in_a_comment_and_rows_an_order(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_image(tmp_path / "train/a.png", random.integers(0, 256, (1100, 1200, 3), np.uint8))
    (tmp_path / "train.csv").write_text(
        "id,rle\na," + " ".join(f"{1200 * row + 100} 400" for row in range(9))
    )
    (tmp_path / "sample_submission.csv").write_text("id,rle\n")
    guessed(tmp_path)
    text = (tmp_path / "dataset.yaml").read_text()
    assert "output: { sample: sample_submission.csv, rle: { order: rows } }" in text
    assert "recipe: { crop: 256, samples: 1000 }" in text


CLASS_MASKS = {
    "a word of the name": ("masks/{id}_{name}.png", ("scratch", "deep_scratch", "rust")),
    "a folder": ("masks/{name}/{id}.png", ("scratch", "deep_scratch", "rust")),
    "a word beside the image": ("images/{id}_{name}.png", ("scratch", "deep_scratch", "rust")),
    "a folder and a word": ("masks/{n}. {name}/{id}_{short}.tif", ("Deep Scratches", "Rust", "Scratches")),
    "a file in the folder of an image": ("masks/{id}/{name}.png", ("scratch", "deep_scratch", "rust")),
}


@pytest.mark.parametrize(("where", "names"), CLASS_MASKS.values(), ids=CLASS_MASKS)
def test_masks_of_classes_most_of_which_are_not_there(
    where: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    """Each class is in a fifth of the images, and a mask that would be empty is no file."""
    random = np.random.default_rng(0)
    drawn: dict[tuple[str, str], Any] = {}
    for image in range(20):
        photo = random.integers(0, 256, (8, 9, 3), np.uint8)
        write_image(tmp_path / f"images/IMG_{image:02}.jpg", photo)
        for n, name in enumerate(names):
            if (image + n) % 5 == 0:
                mask = (random.random((8, 9)) < 0.5).astype(np.uint8) * 255
                drawn[f"IMG_{image:02}", name] = mask > 0
                path = where.format(id=f"IMG_{image:02}", name=name, n=n + 1, short=name[0])
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(tmp_path / path)
    dataset = guessed(tmp_path)
    text = (tmp_path / "dataset.yaml").read_text()
    assert "8 images have no mask of any class, which means" in text or "{stem}/" in text
    split = open_split(dataset.model_copy(update={"val": None}), "train")
    assert sorted(info.name for info in split.classes) == sorted(names)
    for index, sample in enumerate(split.samples):
        masks = masks_of(split.labels(index), "multilabel", 3)
        for info, mask in zip(split.classes, masks, strict=True):
            expected = drawn.get((sample.id.removesuffix(".jpg"), info.name), np.zeros((8, 9), np.bool_))
            assert (mask == expected).all()


def mask_values(folder: Path, *maps: list[list[int]]) -> None:
    """Images, and masks of these values, repeated to blocks of 8x8 pixels."""
    for number, values in enumerate(maps):
        mask_hw = np.kron(np.array(values), np.ones((8, 8))).astype(np.uint16)
        random = np.random.default_rng(number)
        write_image(folder / f"images/{number}.png", random.integers(0, 256, (*mask_hw.shape, 3), np.uint8))
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask_hw).save(folder / f"masks/{number}.png")


@pytest.mark.parametrize(
    ("values", "names", "ignored"),
    [([0, 1, 2], {"sky": 0, "road": 1, "car": 2}, []), ([0, 1, 3], {"sky": 1, "road": 2, "car": 3}, [0])],
)
def test_names_without_ids_count_from_0_or_from_1_as_the_masks_do(
    values: list[int], names: dict[str, int], ignored: list[int], tmp_path: Path
) -> None:
    mask_values(tmp_path, *[[values]] * 3)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    dataset = guessed(tmp_path).model_copy(update={"val": None})
    split = open_split(dataset, "train")
    known = {c.name: c.id for c in split.classes}
    labels = dict(zip(values, split.labels(0)[0, ::8].tolist(), strict=True))
    assert {value for value, label in labels.items() if label == IGNORE_INDEX} == set(ignored)
    for value in set(values) - set(ignored):
        assert names[split.classes[labels[value]].name] == value
    assert known == names


def test_values_that_number_objects_are_no_classes(tmp_path: Path) -> None:
    mask_values(tmp_path / "few", [[1, 0, 2]], [[1, 0, 0]], [[1, 2, 3]])
    assert "the values seem to number the objects" in yaml_of_guess(guess_dataset(tmp_path / "few"), tmp_path)
    mask_values(tmp_path / "gap", [[1, 0, 3]], [[1, 0, 0]], [[1, 2, 3]])
    mask_values(tmp_path / "torn", [[1, 0, 1]], [[1, 0, 0]], [[1, 2, 3]])
    for name in ("gap", "torn"):
        assert "number the objects" not in yaml_of_guess(guess_dataset(tmp_path / name), tmp_path)
    mask_values(tmp_path / "many", [[1, 0, 700]], [[1, 0, 0]], [[1, 2, 3]])
    split = open_split(guessed(tmp_path / "many").model_copy(update={"val": None}), "train")
    assert split.labels(0)[0, ::8].tolist() == [1, 0, 1]


def test_masks_without_any_object_are_a_guess_that_the_check_refuses(tmp_path: Path) -> None:
    mask_values(tmp_path, [[0, 0]], [[0, 0]], [[0, 0]])
    findings = check_dataset(guessed(tmp_path)).findings
    assert any("no pixel of 2 training images is of class foreground" in one.problem for one in findings)


def test_folders_without_masks_are_to_be_predicted(tmp_path: Path) -> None:
    """As nnU-Net names them, whose images end in the number of a channel, and whose JSON has the classes."""
    for number in range(3):
        random = np.random.default_rng(number)
        for folder in ("imagesTr", "imagesTs"):
            image = random.integers(0, 256, (8, 8, 3), np.uint8)
            write_image(tmp_path / folder / f"a_{number:03}{folder[-1]}_0000.png", image)
        write_mask(tmp_path / f"labelsTr/a_{number:03}r.png", np.full((8, 8), number, np.uint8))
    labels = {"background": 0, "road": 1, "car": 2}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels, "file_ending": ".png"}))
    dataset = guessed(tmp_path)
    assert [sample.id for sample in open_split(dataset, "predict").samples] == [
        f"a_{number:03}s_0000" for number in range(3)
    ]
    split = open_split(dataset.model_copy(update={"val": None}), "train")
    assert [split.classes[split.labels(n)[0, 0]].name for n in range(3)] == ["background", "road", "car"]


@pytest.mark.parametrize("name", ["train.txt", "train.csv"])
def test_lists_of_names_with_spaces_are_the_splits(name: str, tmp_path: Path) -> None:
    for number in range(4):
        random = np.random.default_rng(number)
        write_image(tmp_path / f"images/a b {number}.png", random.integers(0, 256, (8, 8, 3), np.uint8))
        write_mask(tmp_path / f"masks/a b {number}.png", np.eye(8, dtype=np.uint8))
    for split, numbers in (("train", (0, 3)), ("val", (1,))):
        lines = [f"a b {number}.png" for number in numbers]
        (tmp_path / name.replace("train", split)).write_text("\n".join(["image", *lines]) + "\n")
    dataset = guessed(tmp_path)
    assert [sample.id for sample in open_split(dataset, "train").samples] == ["a b 0", "a b 3"]
    assert [sample.id for sample in open_split(dataset, "val").samples] == ["a b 1"]


def test_a_table_with_a_column_of_runs_for_each_class(tmp_path: Path) -> None:
    for number in range(3):
        random = np.random.default_rng(number)
        write_image(tmp_path / f"images/{number}.png", random.integers(0, 256, (4, 5, 3), np.uint8))
    (tmp_path / "train.csv").write_text("image,width,dent,scratch\n0,5,1 4,\n1,5,,5 2\n2,5,1 1,2 1\n")
    dataset = guessed(tmp_path)
    assert [one.name for one in dataset.classes or ()] == ["dent", "scratch"]
    split = open_split(dataset.model_copy(update={"val": None}), "train")
    masks = masks_of(split.labels(2), "multilabel", 2)
    assert [np.argwhere(mask).tolist() for mask in masks] == [[[0, 0]], [[1, 0]]]


def test_a_json_of_segments_is_no_coco_json_of_objects(tmp_path: Path) -> None:
    labelled(tmp_path, 3)
    segments = [{"id": 1, "category_id": 1}]
    document = {
        "images": [{"id": 0, "file_name": "0.png"}],
        "annotations": [{"image_id": 0, "file_name": "0.png", "segments_info": segments}],
        "categories": [{"id": 1, "name": "a"}],
    }
    (tmp_path / "panoptic.json").write_text(json.dumps(document))
    assert guess_dataset(tmp_path).layout == "images and masks"


@pytest.mark.parametrize(
    ("names", "values", "task", "label"),
    [
        (["crack"], (0, 255), "binary", 1),
        (["crack"], (0, 1), "binary", 1),
        (["ok", "crack"], (0, 255), "multiclass", 1),
    ],
)
def test_a_list_names_the_class_of_binary_masks(
    names: list[str], values: tuple[int, int], task: str, label: int, tmp_path: Path
) -> None:
    mask_values(tmp_path, *[[[*values, values[0]]]] * 3)
    (tmp_path / "classes.txt").write_text("\n".join(names))
    dataset = guessed(tmp_path).model_copy(update={"val": None})
    split = open_split(dataset, "train")
    assert (dataset.task, [c.name for c in split.classes]) == (task, names)
    assert split.labels(0)[0, ::8].tolist() == [0, label, 0]


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_smoothed_masks_are_binary(ending: str, tmp_path: Path) -> None:
    labelled(tmp_path, 3)
    disc_hw = np.hypot(*np.mgrid[-30:30, -40:40]) < 20
    for number in range(3):
        mask = Image.fromarray((disc_hw * 255).astype(np.uint8))
        (tmp_path / f"masks/{number}.png").unlink()
        write_image(tmp_path / f"images/{number}.png", np.zeros((60, 80, 3), np.uint8))
        smooth = mask if ending == "jpg" else mask.filter(ImageFilter.GaussianBlur(1))
        smooth.save(tmp_path / f"masks/{number}.{ending}")
    split = open_split(guessed(tmp_path).model_copy(update={"val": None}), "train")
    assert np.count_nonzero((split.labels(0) > 0) != disc_hw) < 20


def test_ids_that_were_saved_as_jpeg_are_refused(tmp_path: Path) -> None:
    mask_values(tmp_path, [[0, 60, 120]], [[0, 60, 120]], [[0, 60, 120]])
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(np.array(Image.open(path)).astype(np.uint8)).save(path.with_suffix(".jpg"))
        path.unlink()
    with pytest.raises(DataError, match=r"masks/0\.jpg: is a JPEG with values that are neither"):
        guess_dataset(tmp_path)


def test_roles_at_the_beginning_of_names(tmp_path: Path) -> None:
    for number in range(3):
        random = np.random.default_rng(number)
        write_image(tmp_path / f"orig_{number}a.jpg", random.integers(0, 256, (8, 8, 3), np.uint8))
        write_mask(tmp_path / f"GT_{number}a.png", np.full((8, 8), number, np.uint8))
    split = open_split(guessed(tmp_path).model_copy(update={"val": None}), "train")
    assert [split.labels(n)[0, 0] for n in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("0.xml", "<annotation><object><bndbox></bndbox></object></annotation>", "boxes of Pascal VOC"),
        ("0.txt", "0 0.5 0.5 0.1 0.1\n", "boxes of YOLO"),
        ("a.nii.gz", "x", "one a slice"),
        ("a.npz", "x", "as PNG or npy"),
        ("train.csv", "0.png,1 2 3 4\n1.png,5 6\n", "no header"),
        ("train.csv", "ImageId,EncodedPixels\n0.png,1.0 2.0\n", "without run lengths"),
        ("train.csv", "ImageId,EncodedPixels\nq.png,1 2\n", "ids that name no image here"),
        (
            "coco.json",
            '{"images": [{"file_name": "q.png"}], "annotations": [], "categories": []}',
            "images that are not here, such as 'q.png'",
        ),
    ],
)
def test_what_is_not_recognised_is_named(name: str, text: str, reason: str, tmp_path: Path) -> None:
    for number in range(2):
        random = np.random.default_rng(number)
        write_image(tmp_path / f"{number}.png", random.integers(0, 256, (8, 8, 3), np.uint8))
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: {name}: ") + f".*{re.escape(reason)}"):
        guess_dataset(tmp_path)


def test_images_and_masks_that_do_not_pair_are_named(tmp_path: Path) -> None:
    labelled(tmp_path, 3)
    for number in range(3):
        (tmp_path / f"masks/{number}.png").rename(tmp_path / f"masks/{'xyz'[number]}.png")
    with pytest.raises(DataError, match=r"do not pair .* images/0\.png and masks/x\.png"):
        guess_dataset(tmp_path)


def test_a_list_of_classes_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    mask_values(tmp_path, *[[[0, 1, 2]]] * 3)
    (tmp_path / "_classes.csv").write_text("Pixel Value, Class\n0, sky\nx, road\n")
    text = yaml_of_guess(guess_dataset(tmp_path), tmp_path)
    assert "# - classes: a list is not read: _classes.csv:3: " in text


@pytest.mark.parametrize("ending", ["", ".png"])
def test_classes_of_several_words_behind_the_names_of_images(ending: str, tmp_path: Path) -> None:
    labelled(tmp_path, 3)
    shutil.rmtree(tmp_path / "masks")
    rows = [f"{number}{ending}_{name},1 2" for number in range(3) for name in ("large_bowel", "stomach")]
    (tmp_path / "train.csv").write_text("\n".join(["Image_Label,EncodedPixels", *rows]))
    dataset = guessed(tmp_path)
    assert [one.name for one in dataset.classes or ()] == ["large_bowel", "stomach"]
    assert np.count_nonzero(open_split(dataset, "train").labels(0)) == 2


def test_other_pictures_of_the_images_and_other_masks_are_not_taken(tmp_path: Path) -> None:
    labelled(tmp_path, 3)
    for number in range(3):
        random = np.random.default_rng(number + 9)
        write_image(tmp_path / f"drawn/{number}.png", random.integers(0, 256, (8, 9, 3), np.uint8))
        write_mask(tmp_path / f"edge_masks/{number}.png", np.eye(8, 9, dtype=np.uint8))
    split = open_split(guessed(tmp_path).model_copy(update={"val": None}), "train")
    assert [sample.image for sample in split.samples] == [tmp_path / f"images/{n}.png" for n in range(3)]
    assert (split.labels(0) == np.array(Image.open(tmp_path / "masks/0.png"))).all()
    text = (tmp_path / "dataset.yaml").read_text()
    assert "# - train: without drawn, whose pictures have the same masks" in text


def test_masks_of_two_conventions_are_of_one_class(tmp_path: Path) -> None:
    mask_values(tmp_path, [[0, 1]], [[0, 255]], [[0, 1]])
    split = open_split(guessed(tmp_path).model_copy(update={"val": None}), "train")
    assert [split.labels(n)[0, ::8].tolist() for n in range(3)] == [[0, 1]] * 3


@pytest.mark.parametrize("part", ["images", "annotations", "categories"])
@pytest.mark.parametrize(
    "entry", [None, 7, {}, {"id": [1], "category_id": [1], "file_name": [1], "name": [1]}]
)
def test_a_coco_json_with_wrong_entries_is_recognised_for_the_check(
    part: str, entry: Any, tmp_path: Path
) -> None:
    labelled(tmp_path, 3)
    document: dict[str, list[Any]] = {
        "images": [{"id": n, "file_name": f"images/{n}.png", "height": 8, "width": 9} for n in range(3)],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 5]]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    document[part].append(entry)
    (tmp_path / "train.json").write_text(json.dumps(document))
    assert guess_dataset(tmp_path).layout == "COCO"


@pytest.mark.parametrize(("other", "is_val"), [("eval", True), ("more", False)])
def test_a_folder_beside_that_of_training_is_a_split_or_is_told(
    other: str, is_val: bool, tmp_path: Path
) -> None:
    for folder in ("train", other):
        labelled(tmp_path / folder, 3)
    dataset = guessed(tmp_path)
    told = f"train: without images whose folders name no split, such as {other}/images/0.png"
    assert (told in (tmp_path / "dataset.yaml").read_text()) is not is_val
    images = [sample.image.parts[-3] for sample in open_split(dataset, "val").samples]
    assert set(images) == {other if is_val else "train"}


def test_of_two_annotators_the_first_by_name_is_taken(tmp_path: Path) -> None:
    for number in range(3):
        random = np.random.default_rng(number)
        write_image(tmp_path / f"a_{number}.jpg", random.integers(0, 256, (8, 8, 3), np.uint8))
        for annotator in ("2ndHO", "1stHO", "3rdHO"):
            write_mask(tmp_path / f"a_{number}_{annotator}.png", random.integers(0, 2, (8, 8), np.uint8))
    assert str(guess_dataset(tmp_path).dataset["train"]["masks"]) == "{stem}_1stHO.png"
