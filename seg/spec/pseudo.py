"""Images whose labels an ensemble guessed."""

from seg.spec.base import LocalPath, Spec


class PseudoSpec(Spec):
    """The `masks` that `seg pseudo-label` wrote, and their `images`: a folder, a pattern, or a list."""

    images: LocalPath
    masks: LocalPath
