"""Losses by name, and their weighted sum. Pixels with the ignore index do not contribute to any of them.

Each takes logits float32 `[N, C, H, W]`, labels int64 `[N, H, W]` and class weights float32 `[C]`, and
returns a scalar: 0, without a gradient, for a batch without labels. A loss over pixels is a mean weighted by
the classes of the pixels; a loss over classes is a mean over the classes in the batch.

Where classes overlap, labels are planes, uint8 `[N, C, H, W]`: 1, 0, or the ignore index. Probabilities are
then sigmoids instead of a softmax, and a loss over pixels is one over the pixels of all planes. The functions
of `ignored_pixels` know both, so most losses need not.
"""

from seg.train.losses.class_weights import check_loss
from seg.train.losses.loss_mix import LossMix, build_loss

__all__ = ["LossMix", "build_loss", "check_loss"]
