"""The images that exported and fused models are verified on."""

from typing import Final

from seg.data import open_split
from seg.data.images.read_sample import read_sample
from seg.data.regions.large_images import cut_for_networks
from seg.engine.member_files import read_existing_member_files
from seg.engine.sample_frames import SampleFrame, sample_frames_of
from seg.errors import DataError
from seg.image_type import RGB8, ImageHWB, fused_image_type
from seg.spec import DatasetSpec, EnsembleSpec

VERIFICATION_IMAGES: Final = 6


def validation_images(data: DatasetSpec) -> list[ImageHWB]:
    """Validation images as members take them, spread evenly over the split.

    Raises:
        DataError: there are none.
    """
    samples = cut_for_networks(open_split(data, "val")).samples
    step = max(1, len(samples) // VERIFICATION_IMAGES)
    return [read_sample(sample) for sample in samples[::step][:VERIFICATION_IMAGES]]


def images_to_verify_on(spec: EnsembleSpec) -> list[ImageHWB]:
    """Validation images; on a machine that has none, some to predict, or a drawn one."""
    try:
        return validation_images(spec.data)
    except DataError:
        return [probe.frame_hwc for probe in _frames_to_predict(spec)]


def _frames_to_predict(spec: EnsembleSpec) -> list[SampleFrame]:
    try:
        return sample_frames_of(open_split(spec.data, "predict").samples, spec.tile)
    except DataError:
        types = [file.card.input.image_type for file in read_existing_member_files(spec)]
        return sample_frames_of((), spec.tile, fused_image_type(types) if types else RGB8)
