"""Small replicas of public layouts: their folder names, formats and encodings, with drawn pictures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.engine.submissions.tables.rle import encode_rle
from seg.labels.label_map import LabelsHW
from seg.spec.class_lists.presets import PRESETS
from seg.spec.ensemble.output import RleSpec

HEIGHT, WIDTH = 24, 32


@dataclass(frozen=True, slots=True)
class Replica:
    """A layout by its name, the function that draws it into a folder, and the `output` of its contest."""

    name: str
    draw: Callable[[Path], None]
    output: str = ""


def labels_of(seed: int, values: Sequence[int]) -> LabelsHW:
    """A map of the first value, with a rectangle of each of the others."""
    random = np.random.default_rng(seed)
    labels_hw = np.full((HEIGHT, WIDTH), values[0], np.uint8)
    for value in values[1:]:
        top, left = random.integers(0, (HEIGHT - 8, WIDTH - 8))
        labels_hw[top : top + 8, left : left + 8] = value
    return labels_hw


def photo(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    save(path, random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def deep_slice(path: Path, seed: int) -> None:
    """Grey of 16 bits, as scanners save it."""
    save(path, np.random.default_rng(seed).integers(0, 5000, (HEIGHT, WIDTH), dtype=np.uint16))


def save(path: Path, pixels: NDArray[Any], palette: Sequence[int] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(list(palette))
    image.save(path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def draw_voc(folder: Path) -> None:
    root = folder / "VOCdevkit/VOC2012"
    palette = [channel for entry in PRESETS["voc"] for channel in entry["colour"]]
    for number in range(5):
        photo(root / f"JPEGImages/2007_{number:06}.jpg", number)
        if number < 4:
            for kind in ("Class", "Object"):
                mask = labels_of(number, [0, 7, 15, 255])
                save(root / f"Segmentation{kind}/2007_{number:06}.png", mask, palette)
    for split, numbers in (("train", [0, 1]), ("val", [2, 3]), ("trainval", [0, 1, 2, 3])):
        lines = "".join(f"2007_{number:06}\n" for number in numbers)
        write(root / f"ImageSets/Segmentation/{split}.txt", lines)


def draw_cityscapes(folder: Path) -> None:
    cities = {"train": ("aachen", "bochum"), "val": ("lindau",), "test": ("berlin",)}
    for split, names in cities.items():
        for city in names:
            for number in range(2):
                name = f"{city}_{number:06}_000019"
                photo(folder / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", number)
                ids_hw = labels_of(number, [0] if split == "test" else [0, 7, 21, 26])
                of_city = folder / f"gtFine/{split}/{city}/{name}_gtFine"
                save(of_city.with_name(f"{of_city.name}_labelIds.png"), ids_hw)
                save(of_city.with_name(f"{of_city.name}_instanceIds.png"), ids_hw.astype(np.uint16) * 1000)
                save(
                    of_city.with_name(f"{of_city.name}_labelTrainIds.png"),
                    np.where(ids_hw == 7, 0, 255).astype(np.uint8),
                )


def draw_ade20k(folder: Path) -> None:
    root = folder / "ADEChallengeData2016"
    names = "".join(f"{number}\t0.1\t10\t1\tthing{number}, object{number}\n" for number in range(1, 151))
    write(root / "objectInfo150.txt", f"Idx\tRatio\tTrain\tVal\tName\n{names}")
    for split, short in (("training", "train"), ("validation", "val")):
        for number in range(1, 3):
            name = f"ADE_{short}_{number:08}"
            photo(root / f"images/{split}/{name}.jpg", number)
            save(root / f"annotations/{split}/{name}.png", labels_of(number, [0, 1, 17, 150]))
    photo(folder / "release_test/testing/ADE_test_00000001.jpg", 9)


def draw_camvid(folder: Path) -> None:
    colours = {"Void": (0, 0, 0), "Sky": (128, 128, 128), "Road": (128, 64, 128), "Car": (64, 0, 128)}
    lines = [f"{' '.join(map(str, colour))}\t{name}\n" for name, colour in colours.items()]
    write(folder / "label_colors.txt", "".join(lines))
    table = np.array(list(colours.values()), np.uint8)
    for number in range(4):
        name = f"0001TP_{6690 + 30 * number:06}"
        photo(folder / f"701_StillsRaw_full/{name}.png", number)
        save(folder / f"LabeledApproved_full/{name}_L.png", table[labels_of(number, [0, 1, 2, 3])])


def draw_loveda(folder: Path) -> None:
    for split in ("Train", "Val"):
        for number, area in enumerate(("Urban", "Rural")):
            photo(folder / f"{split}/{area}/images_png/{number}.png", number)
            save(folder / f"{split}/{area}/masks_png/{number}.png", labels_of(number, [0, 1, 2, 3]))
    photo(folder / "Test/Urban/images_png/7.png", 7)


def draw_carvana(folder: Path) -> None:
    for number in range(1, 5):
        photo(folder / f"train/00087a6bd4dc_{number:02}.jpg", number)
        save(folder / f"train_masks/00087a6bd4dc_{number:02}_mask.gif", labels_of(number, [0, 1]))
        photo(folder / f"test/0ce66b539f52_{number:02}.jpg", number + 9)


def draw_isic(folder: Path) -> None:
    for number in range(4):
        photo(folder / f"ISIC2018_Task1-2_Training_Input/ISIC_{number:07}.jpg", number)
        mask = labels_of(number, [0, 255])
        save(folder / f"ISIC2018_Task1_Training_GroundTruth/ISIC_{number:07}_segmentation.png", mask)


def draw_drive(folder: Path) -> None:
    for split, numbers in (("training", range(21, 25)), ("test", range(1, 3))):
        for number in numbers:
            photo(folder / f"{split}/images/{number:02}_{split}.tif", number)
            save(folder / f"{split}/1st_manual/{number:02}_manual1.gif", labels_of(number, [0, 1]))
            save(folder / f"{split}/mask/{number:02}_{split}_mask.gif", labels_of(number + 50, [0, 1]))


def draw_data_science_bowl(folder: Path) -> None:
    for number in range(4):
        name = f"{number}0a7d3f5b{number}"
        photo(folder / f"stage1_train/{name}/images/{name}.png", number)
        for one in range(2):
            mask = folder / f"stage1_train/{name}/masks/{number}{one}1c2d.png"
            save(mask, np.roll(labels_of(number, [0, 255]), 9 * one, 1))
    photo(folder / "stage1_test/77ff/images/77ff.png", 9)


def draw_classes_in_folders(folder: Path) -> None:
    for number in range(4):
        photo(folder / f"images/{number:03}.jpg", number)
        labels_hw = labels_of(number, [0, 1, 2])
        for label, name in ((1, "building"), (2, "road")):
            save(
                folder / f"masks/{name}/{number:03}.png",
                np.where(labels_hw == label, 255, 0).astype(np.uint8),
            )


def draw_classes_in_names(folder: Path) -> None:
    """A mask without a pixel is no file."""
    for number in range(4):
        photo(folder / f"images/tile_{number:03}.jpg", number)
        labels_hw = labels_of(number, [0, 1, 2])
        for label, name in ((1, "scratch"), (2, "rust")):
            if number % 4 != label:
                mask = np.where(labels_hw == label, 255, 0).astype(np.uint8)
                save(folder / f"masks/tile_{number:03}_{name}.png", mask)


def draw_idrid(folder: Path) -> None:
    for number in range(1, 5):
        photo(folder / f"Images/IDRiD_{number:02}.jpg", number)
        labels_hw = labels_of(number, [0, 1, 2])
        for label, name, short in ((1, "1. Microaneurysms", "MA"), (2, "2. Haemorrhages", "HE")):
            mask = np.where(labels_hw == label, 255, 0).astype(np.uint8)
            save(folder / f"Groundtruths/{name}/IDRiD_{number:02}_{short}.tif", mask)


def draw_severstal(folder: Path) -> None:
    rows = ["ImageId,ClassId,EncodedPixels\n"]
    for number in range(4):
        name = f"0002cc9{number}.jpg"
        photo(folder / f"train_images/{name}", number)
        runs = encode_rle(labels_of(number, [0, 1, 3]), 4)
        rows += [f"{name},{label},{runs[label]}\n" for label in (3, 1) if number]
    write(folder / "train.csv", "".join(rows))
    write(folder / "sample_submission.csv", "ImageId,EncodedPixels,ClassId\nffff.jpg,1 1,1\nffff.jpg,1 1,3\n")
    photo(folder / "test_images/ffff.jpg", 9)


def draw_uw_madison(folder: Path) -> None:
    rows = ["id,class,segmentation\n"]
    for case, day, number in ((123, 20, 1), (123, 20, 2), (123, 22, 1), (77, 0, 1)):
        name = f"case{case}_day{day}"
        deep_slice(folder / f"train/case{case}/{name}/scans/slice_{number:04}_266_266_1.50_1.50.png", number)
        runs = encode_rle(labels_of(number, [0, 1, 2]), 3, RleSpec(order="rows"))
        for label, organ in ((1, "large_bowel"), (2, "stomach")):
            rows.append(f"{name}_slice_{number:04},{organ},{runs[label]}\n")
    write(folder / "train.csv", "".join(rows))
    deep_slice(folder / "test/case30/case30_day0/scans/slice_0001_266_266_1.50_1.50.png", 9)


def draw_roboflow_masks(folder: Path) -> None:
    for split in ("train", "valid", "test"):
        for number in range(2):
            name = f"{split}_{number}_jpg.rf.0123456789abcdef{number}"
            photo(folder / f"{split}/{name}.jpg", number)
            save(folder / f"{split}/{name}_mask.png", labels_of(number, [0, 1, 2]))
        write(folder / f"{split}/_classes.csv", "Pixel Value, Class\n0, background\n1, crack\n2, rust\n")


def draw_roboflow_coco(folder: Path) -> None:
    for split in ("train", "valid"):
        names = [f"{split}_{number}_jpg.rf.{number:018x}.jpg" for number in range(2)]
        write(
            folder / f"{split}/_annotations.coco.json",
            _coco(names, [(0, "defects"), (1, "crack"), (2, "rust")]),
        )
        for number, name in enumerate(names):
            photo(folder / split / name, number)


def draw_cvat_masks(folder: Path) -> None:
    table = np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)], np.uint8)
    lines = "background:0,0,0::\ncrack:250,50,83::\nrust:51,221,255::\n"
    write(folder / "labelmap.txt", f"# label:color_rgb:parts:actions\n{lines}")
    for number in range(4):
        name = f"frame_{number:06}"
        photo(folder / f"JPEGImages/{name}.jpg", number)
        save(folder / f"SegmentationClass/{name}.png", table[labels_of(number, [0, 1, 2])])
    write(folder / "ImageSets/Segmentation/default.txt", "".join(f"frame_{n:06}\n" for n in range(4)))


def draw_cvat_coco(folder: Path) -> None:
    names = [f"frame_{number:06}.jpg" for number in range(4)]
    write(folder / "annotations/instances_default.json", _coco(names, [(1, "crack"), (2, "rust")]))
    for number, name in enumerate(names):
        photo(folder / "images/default" / name, number)


def draw_labelme(folder: Path) -> None:
    for number in range(2):
        photo(folder / f"IMG_{number:04}.jpg", number)
        shape = {"label": "crack", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
        document = {
            "version": "5.4.1",
            "shapes": [shape],
            "imagePath": f"IMG_{number:04}.jpg",
            "imageData": None,
        }
        write(folder / f"IMG_{number:04}.json", json.dumps(document))


def draw_ct(folder: Path) -> None:
    for split, numbers in {"train": range(3), "val": range(3, 5)}.items():
        for number in numbers:
            deep_slice(folder / split / f"images/p{number:03}.png", number)
            save(folder / split / f"masks/p{number:03}.png", labels_of(number, [0, 1]))


def draw_yolo(folder: Path) -> None:
    write(folder / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: crack\n")
    for split in ("train", "val"):
        for number in range(2):
            photo(folder / f"images/{split}/img{number}.jpg", number)
            write(folder / f"labels/{split}/img{number}.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5\n")


def _coco(names: Sequence[str], categories: Sequence[tuple[int, str]]) -> str:
    images = [
        {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH}
        for number, name in enumerate(names)
    ]
    drawn = [number for number, _ in categories if number]
    annotations = [
        {
            "id": 10 * image + category,
            "image_id": image,
            "category_id": category,
            "segmentation": [[4 * category, 2, 4 * category + 6, 2, 4 * category + 6, 12]],
            "area": 30,
            "bbox": [4 * category, 2, 6, 10],
            "iscrowd": 0,
        }
        for image in range(len(names))
        for category in drawn
    ]
    named = [{"id": number, "name": name, "supercategory": "none"} for number, name in categories]
    return json.dumps({"images": images, "annotations": annotations, "categories": named})


READ_IN_PLACE: Final = (
    Replica("Pascal VOC", draw_voc),
    Replica("Cityscapes", draw_cityscapes),
    Replica("ADE20K", draw_ade20k),
    Replica("CamVid", draw_camvid),
    Replica("LoveDA", draw_loveda),
    Replica("Carvana", draw_carvana, '{ columns: [img, rle_mask], id: "{name}.jpg" }'),
    Replica("ISIC", draw_isic),
    Replica("DRIVE", draw_drive),
    Replica("A mask for each object (Data Science Bowl 2018)", draw_data_science_bowl),
    Replica("A folder of masks for each class", draw_classes_in_folders),
    Replica("Masks named after image and class", draw_classes_in_names),
    Replica("IDRiD: folders and names of classes", draw_idrid),
    Replica("Severstal: run lengths", draw_severstal, "{ sample: sample_submission.csv }"),
    Replica(
        "UW-Madison GI tract: run lengths along rows, ids of folders",
        draw_uw_madison,
        "{ columns: [id, class, predicted], classes: [large_bowel, stomach], rle: { order: rows } }",
    ),
    Replica("Roboflow masks", draw_roboflow_masks),
    Replica("Roboflow COCO", draw_roboflow_coco),
    Replica("CVAT masks", draw_cvat_masks),
    Replica("CVAT COCO", draw_cvat_coco),
    Replica("CT slices: grey PNG of 16 bits", draw_ct),
)
IMPORTED: Final = {"labelme": draw_labelme, "yolo": draw_yolo}
"""Layouts of annotation tools, by the format that imports them."""
