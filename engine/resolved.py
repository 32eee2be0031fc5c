"""Resolving an ensemble: its spec, and what is read of the files that it names, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seg.data import Sample, open_split
from seg.engine.member_files import MemberFile, read_member_files
from seg.engine.sample_frames import SampleFrame, sample_frames_of
from seg.errors import DataError
from seg.image_type import ImageType, fused_image_type
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec, load_ensemble


@dataclass(frozen=True)
class ResolvedEnsemble:
    """A spec and the models of its members, in the same order.

    The images to predict are listed, and the models hashed, when they are first asked for.

    Attributes:
        files: of the members that have weight.
    """

    spec: EnsembleSpec
    files: tuple[MemberFile, ...]

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.files[0].card.classes

    @property
    def image_type(self) -> ImageType:
        """The type of images that all members take: the widest pixels and the most bands."""
        return fused_image_type(file.card.input.image_type for file in self.files)

    @cached_property
    def samples(self) -> Sequence[Sample]:
        """The images to predict; raises DataError if the spec names none, or they are not there."""
        return open_split(self.spec.data, "predict").samples

    @cached_property
    def sample_frames(self) -> Sequence[SampleFrame]:
        """A few frames of the images to predict, or a drawn one if there are none on this machine."""
        try:
            frames = sample_frames_of(self.samples, self.spec.tile)
            for file in self.files:
                for frame in frames:
                    file.card.input.image_type.convert(frame.frame_hwc)
            return frames
        except DataError:
            return sample_frames_of((), self.spec.tile, self.image_type)


def resolve_ensemble(spec: EnsembleSpec | Path | str) -> ResolvedEnsemble:
    """Read the cards of all members of a spec, or of the YAML file at a path.

    Raises:
        SpecError: the YAML is wrong.
        ModelError: a model is missing, damaged, not exported by seg, or has other classes than the dataset.
        DataError: the file that names the dataset's classes is damaged.
    """
    loaded = spec if isinstance(spec, EnsembleSpec) else load_ensemble(Path(spec))
    return ResolvedEnsemble(loaded, read_member_files(loaded))
