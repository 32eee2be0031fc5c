"""Images decided by mixtures and rules that were not fitted on them, judged on all pixels."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW, ignored_in, masks_of
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import Metric, TallyC2
from seg.spec.ensemble.decision import ClassRule
from seg.terminal.progress import progress

NOTHING: Final = "nothing predicted"
"""Empty masks in all images: where these score 1, what must be beaten."""

Rules = tuple[ClassRule, ...]


class MixtureAndRules(NamedTuple):
    """What decides an image."""

    mixture: Mixture
    rules: Rules


class JudgedDecisions(NamedTuple):
    """Tallies of all images by the name of what decided them, and which of them predict anything at all."""

    tallies: Mapping[str, ImageTallies]
    predicting: frozenset[str]


def judge_decisions(
    passes: LabelledPasses, metric: Metric, deciding: Mapping[str, Sequence[MixtureAndRules]]
) -> JudgedDecisions:
    """Decide all images in several ways, each image by its own mixture and rules; and by nothing at all."""
    tallies: dict[str, list[TallyC2]] = {name: [] for name in (NOTHING, *deciding)}
    predicting: set[str] = set()
    with progress("judge", passes.images, unit="images") as advance:
        for image in range(passes.images):
            truth_chw = masks_of(passes.labels(image), "multilabel", passes.classes)
            labelled_hw = ~ignored_in(passes.labels(image), "multilabel", passes.classes)
            masks = _decide_masks_of_image(
                passes, image, {name: one[image] for name, one in deciding.items()}
            )
            for name, masks_chw in {NOTHING: np.zeros_like(truth_chw), **masks}.items():
                tallies[name].append(metric.tally_masks(truth_chw, masks_chw, labelled_hw))
                if masks_chw.any():
                    predicting.add(name)
            advance()
    by_name = {name: ImageTallies(metric, np.stack(listed)) for name, listed in tallies.items()}
    return JudgedDecisions(by_name, frozenset(predicting))


def _decide_masks_of_image(
    passes: LabelledPasses, image: int, deciding: Mapping[str, MixtureAndRules]
) -> dict[str, MasksCHW]:
    """The masks of one image by name; each mixture is merged once."""
    cached_image = passes.cached_image(image)
    merged: dict[Mixture, ProbabilitiesCHW] = {}
    masks: dict[str, MasksCHW] = {}
    for name, (mixture, rules) in deciding.items():
        if mixture not in merged:
            merged[mixture] = cached_image.merged(mixture)
        masks[name] = postprocess_masks(above_thresholds(merged[mixture], rules), merged[mixture], rules)
    return masks
