"""Pseudo-labelled images in a dataset YAML."""

from seg.spec.base import LocalPath, Spec


class PseudoSpec(Spec):
    """Images with pseudo-labels."""

    images: LocalPath
    """The images: a folder, a pattern, or a list."""
    masks: LocalPath
    """The folder that `seg pseudo-label` wrote."""
