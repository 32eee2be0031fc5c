"""The gallery of the report: selection of images, and their layers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any, Final

import numpy as np

from seg.data.images.read_sample import draw_sample
from seg.evaluate.metrics.ratios import score_or_none
from seg.evaluate.report.findings import ReportFindings
from seg.evaluate.report.image_layers import (
    draw_contour_layer,
    draw_disputed_layer,
    draw_entropy_layer,
    draw_error_layer,
    shrink_layer,
    webp_data_uri,
)
from seg.evaluate.report.image_scores import ImageNote
from seg.evaluate.report.image_view import ImageView, view_image
from seg.labels.task import LabelMap, classes_overlap
from seg.pictures.drawing import LayerHWC, draw_label_layer
from seg.terminal.progress import progress

MAX_WIDTH: Final = 640
"""Larger images are shrunk to this width in pixels, more so with many members, to limit the page's size."""

MAX_WIDTH_MANY_MEMBERS: Final = 480
MANY_MEMBERS: Final = 6
THUMB_WIDTH: Final = 144
PHOTO_QUALITY: Final = 78
THUMB_QUALITY: Final = 60
ENTROPY_QUALITY: Final = 60


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image: its scores, and its layers as data URIs.

    `pictures` has the photo, the truth, each member by position, the ensemble, contours where classes
    overlap, disagreement, errors and entropy. `member_scores` are those of each member on the image, `map` is
    the address of its zoomable map.
    """

    note: ImageNote
    random: int
    size_hw: tuple[int, int]
    thumb: str
    member_scores: tuple[float | None, ...]
    pictures: dict[str, str]
    map: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The values that the page sorts and filters by, without the pictures."""
        return {
            **{key: value for key, value in asdict(self.note).items() if key != "class_scores"},
            "score": score_or_none(self.note.score),
            "classScores": self.note.class_scores,
            "memberScores": self.member_scores,
            "random": self.random,
            "height": self.size_hw[0],
            "width": self.size_hw[1],
            "thumb": self.thumb,
            "map": self.map,
        }


def choose_gallery_images(notes: Sequence[ImageNote], most: int) -> list[ImageNote]:
    """The worst, the best, the most uncertain, the most disputed and random images, in turns until there are
    enough. An image that truly shows no class is none of the best.
    """
    shuffled = [notes[place] for place in np.random.default_rng(0).permutation(len(notes))]
    lists = (
        sorted(notes, key=lambda note: np.nan_to_num(note.score, nan=2.0)),
        sorted(notes, key=lambda note: (note.is_empty, -np.nan_to_num(note.score, nan=-1.0))),
        sorted(notes, key=lambda note: -note.entropy),
        sorted(notes, key=lambda note: -note.disputed),
        shuffled,
    )
    in_turns = chain.from_iterable(zip(*lists, strict=True))
    return list({note.index: note for note in in_turns}.values())[:most]


def draw_gallery(
    findings: ReportFindings, most: int, clear: int | None, maps: Mapping[int, str] | None = None
) -> Iterator[GalleryImage]:
    """Draw the chosen images one by one; pixels labelled `clear` stay uncoloured.

    `maps` has the addresses of zoomable maps by the images' positions in the split.
    """
    chosen = choose_gallery_images(findings.scores.notes, most)
    places = np.random.default_rng(1).permutation(len(chosen)).tolist()
    predictors = findings.predictors
    wanted = tuple(
        dict.fromkeys([*(member.viewed for member in predictors.members), predictors.ensemble.viewed])
    )
    with progress("draw", len(chosen), unit="images") as advance:
        for note, place in zip(chosen, places, strict=True):
            view = view_image(findings.passes, predictors, note.index, wanted)
            yield replace(
                _draw_gallery_image(findings, note, view, place, clear), map=(maps or {}).get(note.index)
            )
            advance()


def _draw_gallery_image(
    findings: ReportFindings, note: ImageNote, view: ImageView, place: int, clear: int | None
) -> GalleryImage:
    image_hwc = draw_sample(findings.passes.split.samples[note.index])
    members = view.members
    max_width = MAX_WIDTH if len(members) <= MANY_MEMBERS else MAX_WIDTH_MANY_MEMBERS
    photo_hwc = shrink_layer(image_hwc, max_width)
    layers = _draw_gallery_layers(
        view, lambda labels_hw: draw_label_layer(labels_hw, view.classes, clear=clear, task=view.task)
    )
    return GalleryImage(
        note=note,
        random=place,
        size_hw=(photo_hwc.shape[0], photo_hwc.shape[1]),
        thumb=webp_data_uri(shrink_layer(image_hwc, THUMB_WIDTH), quality=THUMB_QUALITY),
        member_scores=tuple(_score_of_gallery_image(findings, view, labels_hw) for labels_hw in members),
        pictures={
            "image": webp_data_uri(photo_hwc, quality=PHOTO_QUALITY),
            **{
                name: webp_data_uri(shrink_layer(drawn, max_width, smooth=False))
                for name, drawn in layers.items()
            },
            "entropy": webp_data_uri(
                draw_entropy_layer(shrink_layer(view.entropy_hw, max_width)), quality=ENTROPY_QUALITY
            ),
        },
    )


def _draw_gallery_layers(view: ImageView, drawn: Callable[[LabelMap], LayerHWC]) -> dict[str, LayerHWC]:
    """The layers with transparency, by the key of their picture."""
    layers = {"truth": drawn(view.truth_hw)}
    layers |= {f"member-{position}": drawn(labels_hw) for position, labels_hw in enumerate(view.members)}
    if len(view.members) > 1:
        layers["ensemble"] = drawn(view.ensemble_hw)
    if classes_overlap(view.task):
        layers["contours"] = draw_contour_layer(view.truth_hw, view.ensemble_hw, view.classes)
    if len(view.members) > 1:
        layers["disputed"] = draw_disputed_layer(view.disputed_hw)
    return layers | {"errors": draw_error_layer(view.wrong_hw, view.known_hw)}


def _score_of_gallery_image(findings: ReportFindings, view: ImageView, labels_hw: LabelMap) -> float | None:
    metric = findings.scores.metric
    return score_or_none(metric.score(metric.tally(view.truth_hw, labels_hw)[None]))
