"""Groups of images, given and found, against what is known of how the images were made."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from pydantic import ValidationError

from seg.data.check.dataset import check_dataset
from seg.data.check.groups import shared_group_findings
from seg.data.groups import group_images, independent_images
from seg.data.images.images import write_image, write_mask
from seg.data.splits.list_samples import list_samples
from seg.data.splits.split import Sample
from seg.errors import SpecError
from seg.labels.label_map import ImageHWC
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.dataset.groups import GroupSpec


def picture(random: np.random.Generator) -> ImageHWC:
    """Coarse blocks of grey."""
    return np.kron(random.integers(0, 256, (6, 8, 1)), np.ones((8, 8, 3))).astype(np.uint8)


def near(image_hwc: ImageHWC, random: np.random.Generator, noise: float) -> ImageHWC:
    noisy = image_hwc + np.kron(random.normal(0, noise, (6, 8, 1)), np.ones((8, 8, 3)))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def written(folder: Path, images: dict[str, ImageHWC]) -> tuple[Sample, ...]:
    for name, image_hwc in images.items():
        write_image(folder / name, image_hwc)
    return list_samples(folder)


def drives(random: np.random.Generator, frames: int = 12) -> dict[str, ImageHWC]:
    """Three drives, whose frames resemble one another without being copies."""
    images: dict[str, ImageHWC] = {}
    for drive in ("east", "north", "west"):
        scene = picture(random)
        images |= {f"{drive}_{frame:04}.png": near(scene, random, 60.0) for frame in range(frames)}
    return images


def test_names_are_believed_where_the_pictures_agree(tmp_path: Path) -> None:
    samples = written(tmp_path, drives(np.random.default_rng(0)))
    groups = group_images(samples, None)
    assert groups.labels == tuple(sample.id.partition("_")[0] for sample in samples)
    assert str(groups) == "36 images in 3 groups (found)"


def test_names_of_unrelated_pictures_say_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"{year}_{number:06}.png" for year in (2007, 2008, 2009) for number in range(12)]
    groups = group_images(written(tmp_path, {name: picture(random) for name in names}), None)
    assert groups.count == 36
    assert str(groups) == "36 images, each a group of its own"


def test_frames_of_one_film_are_one_group(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = picture(random)
    film = {}
    for number in range(30):
        frame = near(frame, random, 40.0)
        film[f"{number}.png"] = frame
    assert group_images(written(tmp_path, film), None).count == 1


def test_near_duplicates_join_groups_of_other_names(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = {f"{name}.png": picture(random) for name in ("ash", "birch", "cedar", "elm")}
    images["fir.png"] = near(images["birch.png"], random, 3.0)
    labels = group_images(written(tmp_path, images), None).labels
    assert labels == ("ash", "birch", "cedar", "elm", "birch")


def test_copies_count_once(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    once = {f"a{n}.png": picture(random) for n in range(6)}
    alone = independent_images(written(tmp_path / "once", once))
    copies = {f"{n}-{name}": image for n in range(4) for name, image in once.items()}
    again = independent_images(written(tmp_path / "copies", copies))
    assert alone == pytest.approx(6, abs=0.5)
    assert again == pytest.approx(alone)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^[^_]+", ("a", "a", "b")),
        (r"_(\d)", ("1", "2", "1")),
        (r"/([^/]+)/[^/]+$", ("day", "day", "night")),
        ("{scene}_*", ("a", "a", "b")),
        ("*_{number}.png", ("1", "2", "1")),
        ("{time}/*", ("day", "day", "night")),
        (r"[a-z]{1}_", ("a_", "a_", "b_")),
    ],
)
def test_a_pattern_is_searched_in_names_or_paths(
    tmp_path: Path, pattern: str, expected: tuple[str, ...]
) -> None:
    names = ("day/a_1.png", "day/a_2.png", "night/b_1.png")
    samples = [Sample(Path(name).stem, tmp_path / name) for name in names]
    assert group_images(samples, GroupSpec(pattern=pattern)).labels == expected


def test_a_table_names_groups_by_id_or_file(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("image,age,patient\na,50,p1\nb.png,60,p2\n")
    samples = [Sample("a", tmp_path / "a.png"), Sample("b", tmp_path / "b.png")]
    assert group_images(samples, GroupSpec(column="patient", table=table)).labels == ("p1", "p2")
    with pytest.raises(SpecError, match="no column 'pateint': did you mean 'patient'"):
        group_images(samples, GroupSpec(column="pateint", table=table))
    with pytest.raises(SpecError, match="no 'patient' of image 'c'"):
        group_images([*samples, Sample("c", tmp_path / "c.png")], GroupSpec(column="patient", table=table))


def test_exif_tells_camera_and_day(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Nikon", "D90"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:11:26 10:00:00"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (8, 8)).save(tmp_path / "b.jpg")
    with_exif, without = list_samples(tmp_path)
    assert group_images([with_exif], GroupSpec(metadata="camera")).labels == ("Nikon D90",)
    assert group_images([with_exif], GroupSpec(metadata="day")).labels == ("2026:11:26",)
    with pytest.raises(SpecError, match=r"b\.jpg has no camera in its EXIF data"):
        group_images([without], GroupSpec(metadata="camera"))


def test_placeholders_that_match_in_two_ways_are_refused() -> None:
    samples = [Sample("a_1_2", Path("a_1_2.png"))]
    with pytest.raises(SpecError, match=r"group: '\{a\}_\{b\}.png' matches 'a_1_2.png' in two ways"):
        group_images(samples, GroupSpec(pattern="{a}_{b}.png"))


@pytest.mark.parametrize("pattern", ["(a+)+$", "".join(f"{{p{n}}}" for n in range(20)) + "x"])
def test_a_pattern_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setattr("seg.data.pairing.time_limit.LONGEST_S", 0.1)
    samples = [Sample("a", Path("a" * 60 + "!"))]
    with pytest.raises(SpecError, match=r"group: .* takes longer than"):
        group_images(samples, GroupSpec(pattern=pattern))


def test_an_image_that_a_pattern_does_not_match_is_named() -> None:
    with pytest.raises(SpecError, match=r"does not match image 'b\.png'"):
        group_images([Sample("b", Path("b.png"))], GroupSpec(pattern="a"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"column": "a"},
        {"pattern": "["},
        {"pattern": "a{99999999999999999999}"},
        {"pattern": "a", "metadata": "day"},
        {"metadata": "hour"},
    ],
)
def test_what_names_no_group_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GroupSpec.model_validate(values)


def test_the_drives_of_camvid_are_found(shared_data: Path) -> None:
    for split, drives_of_split in (("train", {"0001TP", "0006R0", "0016E5"}), ("val", {"0016E5"})):
        groups = group_images(list_samples(shared_data / "camvid" / split), None)
        assert set(groups.labels) == drives_of_split


def test_images_of_one_name_in_two_splits_are_not_a_group(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    splits = [
        written(tmp_path / split, {f"{number:04}.png": picture(random) for number in range(6)})
        for split in ("train", "val")
    ]
    assert group_images((*splits[0], *splits[1]), None).count == 12


def test_a_group_in_both_splits_is_a_leak(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = drives(random)
    for name, image_hwc in images.items():
        split = "train" if name < "north_0006" else "val"
        write_image(tmp_path / split / name, image_hwc)
        write_mask(tmp_path / f"{split}_masks" / name, random.integers(0, 2, (48, 64)).astype(np.uint8))
    dataset = DatasetSpec.model_validate(
        {
            split: {"images": tmp_path / split, "masks": tmp_path / f"{split}_masks"}
            for split in ("train", "val")
        }
        | {"classes": ["a", "b"]}
    )
    shared = [one for one in check_dataset(dataset).findings if "of group" in one.problem]
    assert [one.file.name for one in shared] == ["north_0006.png"]
    assert "and 5 others of the validation split are of group 'north' (found)" in shared[0].problem
    by_file = dataset.model_copy(update={"group": GroupSpec(pattern=".*")})
    assert not list(shared_group_findings(by_file))


def test_images_of_two_splits_with_one_name_are_no_group(tmp_path: Path) -> None:
    for seed, split in enumerate(("train", "val")):
        noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        write_image(tmp_path / split / "a.png", noise)
    samples = [Sample("a", tmp_path / split / "a.png") for split in ("train", "val")]
    assert len(set(group_images(samples, None).labels)) == 2
