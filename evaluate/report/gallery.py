"""Which images are shown, and each as pictures that lie over one another."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Final

import numpy as np

from seg.data import read_image
from seg.drawing import layer
from seg.evaluate.judge import mean_iou
from seg.evaluate.metrics import ConfusionMatrix
from seg.evaluate.report.gather import Findings
from seg.evaluate.report.look import Look, look_at
from seg.evaluate.report.pictures import as_webp, draw_entropy, draw_errors, shrunk
from seg.evaluate.report.tally import ImageNote
from seg.labels import LabelsHW
from seg.progress import progress

MOST_WIDE: Final = 640
"""Pixels: larger images are shrunk."""

THUMB_WIDE: Final = 144
PHOTO_QUALITY: Final = 78


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image: what is notable about it, and its pictures as data URIs.

    `pictures` has the photo, the truth, each member by position, the ensemble, its errors and its entropy.
    `member_miou` is each member's mIoU there.
    """

    note: ImageNote
    random: int
    size_hw: tuple[int, int]
    thumb: str
    member_miou: tuple[float | None, ...]
    pictures: dict[str, str]

    @property
    def facts(self) -> dict[str, Any]:
        """What the page sorts and filters by, without the pictures."""
        return {
            **asdict(self.note),
            "miou": _number(self.note.miou),
            "memberMiou": self.member_miou,
            "random": self.random,
            "height": self.size_hw[0],
            "width": self.size_hw[1],
            "thumb": self.thumb,
        }


def choose_images(notes: Sequence[ImageNote], most: int) -> list[ImageNote]:
    """The worst, the most uncertain, the most disputed and random images, in turns until there are enough."""
    shuffled = [notes[place] for place in np.random.default_rng(0).permutation(len(notes))]
    lists = (
        sorted(notes, key=lambda note: np.nan_to_num(note.miou, nan=2.0)),
        sorted(notes, key=lambda note: -note.entropy),
        sorted(notes, key=lambda note: -note.disputed),
        shuffled,
    )
    in_turns = chain.from_iterable(zip(*lists, strict=True))
    return list({note.index: note for note in in_turns}.values())[:most]


def draw_gallery(findings: Findings, most: int, clear: int | None) -> Iterator[GalleryImage]:
    """Draw the chosen images one by one; pixels labelled `clear` stay without colour."""
    chosen = choose_images(findings.tally.notes, most)
    places = np.random.default_rng(1).permutation(len(chosen)).tolist()
    cast = findings.cast
    wanted = tuple(dict.fromkeys([*(member.viewed for member in cast.members), cast.ensemble.viewed]))
    with progress("draw", len(chosen), unit="images") as advance:
        for note, place in zip(chosen, places, strict=True):
            look = look_at(findings.passes, cast, note.index, wanted)
            yield _drawn(findings, note, look, place, clear)
            advance()


def _drawn(findings: Findings, note: ImageNote, look: Look, place: int, clear: int | None) -> GalleryImage:
    image_hwc = read_image(findings.passes.split.samples[note.index].image)

    def labelled(labels_hw: LabelsHW) -> str:
        small_hw = shrunk(labels_hw, MOST_WIDE, smooth=False)
        return as_webp(layer(small_hw, findings.classes, clear=clear))

    photo_hwc = shrunk(image_hwc, MOST_WIDE)
    members = look.members
    return GalleryImage(
        note=note,
        random=place,
        size_hw=(photo_hwc.shape[0], photo_hwc.shape[1]),
        thumb=as_webp(shrunk(image_hwc, THUMB_WIDE), quality=60),
        member_miou=tuple(_miou(look, labels_hw, len(findings.classes)) for labels_hw in members),
        pictures={
            "image": as_webp(photo_hwc, quality=PHOTO_QUALITY),
            "truth": labelled(look.truth_hw),
            **{f"member-{position}": labelled(labels_hw) for position, labels_hw in enumerate(members)},
            **({"ensemble": labelled(look.ensemble_hw)} if len(members) > 1 else {}),
            "errors": as_webp(shrunk(draw_errors(look.wrong_hw, look.known_hw), MOST_WIDE, smooth=False)),
            "entropy": as_webp(draw_entropy(shrunk(look.entropy_hw, MOST_WIDE)), quality=60),
        },
    )


def _miou(look: Look, labels_hw: LabelsHW, classes: int) -> float | None:
    return _number(mean_iou(ConfusionMatrix(classes).add(look.truth_hw, labels_hw).counts_cc))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
