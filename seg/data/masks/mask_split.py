"""A split of images and masks."""

import hashlib
from functools import cached_property

from seg.data.images.image_files import bytes_of_file
from seg.data.labelling import ReadLabelling, WithLabelling
from seg.data.masks.decode import MaskDecoder, mask_decoder
from seg.data.pairing.find_images import find_images, samples_of_found_images
from seg.data.pairing.find_masks import Masks, find_masks
from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.list_samples import choose_samples
from seg.errors import DataError
from seg.labels.task import LabelMap
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.dataset.masks import MasksSpec
from seg.spec.dataset.split import SplitSpec


class MaskSplit(WithLabelling):
    """Images with masks, in any encoding of `MasksSpec`.

    A file that is the mask of another image is no image of the split.
    """

    def __init__(
        self, dataset: DatasetSpec, spec: SplitSpec, masks: MasksSpec, read_labelling: ReadLabelling
    ) -> None:
        self.spec = masks
        self._dataset = dataset
        super().__init__(read_labelling)
        images = find_images(spec)
        files = find_masks(images, masks)
        are_masks = {mask.path for own in files for mask in own}
        kept = [place for place, image in enumerate(images) if image.path not in are_masks]
        if not kept:
            raise DataError(
                f"{spec.images[0]}: every image there is also a mask: name another place of masks"
            )
        samples = samples_of_found_images(spec, [images[place] for place in kept])
        masks_of = {sample.image: files[place] for sample, place in zip(samples, kept, strict=True)}
        self.samples = choose_samples(samples, spec.list) if spec.list else samples
        self.masks: list[Masks] = [masks_of[sample.image] for sample in self.samples]
        self.unlisted_masks = are_masks - {mask.path for own in self.masks for mask in own}

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for sample, masks in zip(self.samples, self.masks, strict=True):
            digest.update(sample.id.encode())
            for mask in masks:
                if mask.of_class is None or mask.path.exists():
                    digest.update(bytes_of_file(mask.path))
        return digest.hexdigest()

    def labels(self, index: int) -> LabelMap:
        return self._decoder.labels(self.samples[index], self.masks[index])

    def open_labels(self, index: int) -> LabelRaster:
        return self._decoder.open(self.masks[index]) or self.labels(index)

    @cached_property
    def _decoder(self) -> MaskDecoder:
        return mask_decoder(self._dataset, self.spec, self._labelling)
