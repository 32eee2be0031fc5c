"""The optimisation profile of a TensorRT plan: its least, usual and largest batch shape."""

from typing import Final

from seg.data import open_split
from seg.data.images.read_sample import size_of_sample
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.spec import EnsembleSpec
from seg.spec.ensemble.member import MemberSpec
from seg.views import SYMMETRIES

SAMPLED_IMAGES: Final = 50


def tensorrt_profile(spec: EnsembleSpec, member: MemberSpec) -> PlanProfile:
    """The sizes in the spec, or those of its tiles or of the images to predict; and the spec's batch size.

    Includes transposed sizes if a view transposes, and scaled sizes if a view scales.

    Raises:
        DataError: the sizes are those of images that cannot be read.
    """
    plan = spec.export.plan
    sizes = sorted(plan.sizes or _sizes_to_predict(spec), key=lambda size: size[0] * size[1])
    heights, widths = zip(*sizes, strict=True)
    usual = sizes[len(sizes) // 2]
    least, most = (min(heights), min(widths)), (max(heights), max(widths))
    if any(SYMMETRIES[view].transposes for view in spec.views_of(member)):
        least, most = (min(least),) * 2, (max(most),) * 2
    scales = [SYMMETRIES[view].scale for view in spec.views_of(member)]
    least = max(1, round(least[0] * min(scales))), max(1, round(least[1] * min(scales)))
    most = round(most[0] * max(scales)), round(most[1] * max(scales))
    return PlanProfile((1, *least), (plan.batch, *usual), (plan.batch, *most))


def _sizes_to_predict(spec: EnsembleSpec) -> list[tuple[int, int]]:
    if spec.tile is not None:
        return [spec.tile.size]
    samples = open_split(spec.data, "predict").samples
    step = max(1, len(samples) // SAMPLED_IMAGES)
    return [size_of_sample(sample) for sample in samples[::step][:SAMPLED_IMAGES]]
