"""The notebook that everyone writes: Lightning around smp, masks by pycocotools, crops by albumentations."""

from pathlib import Path
from typing import Any, Final, Literal

import albumentations as albu
import cv2
import lightning
import numpy as np
import segmentation_models_pytorch as smp
import torch
from albumentations.pytorch import ToTensorV2
from pycocotools.coco import COCO
from torch.utils.data import DataLoader, Dataset
from torchmetrics import JaccardIndex

from seg.labels.label_map import IGNORE_INDEX
from seg.spec.dataset.split import SplitSpec
from seg.spec.recipe.recipe import Precision, RecipeSpec
from seg.train.networks.weights.pretrained import load_encoder_file

Sample = tuple[torch.Tensor, torch.Tensor]

LIGHTNING_PRECISION: Final[dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


class CocoImages(Dataset[Sample]):
    """Image and label map of each COCO image, read and drawn whenever they are asked for."""

    def __init__(self, split: SplitSpec, transform: albu.Compose) -> None:
        self.folder, self.transform = split.images[0], transform
        self.coco = COCO(str(split.annotations))
        self.ids = sorted(self.coco.getImgIds())
        self.label_of = {number: label for label, number in enumerate(sorted(self.coco.getCatIds()))}

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        image = self.coco.loadImgs(self.ids[index])[0]
        path = self.folder / image["file_name"]
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise OSError(f"{path} cannot be read")
        labels = np.full(pixels.shape[:2], IGNORE_INDEX, np.uint8)
        for annotation in self.coco.loadAnns(self.coco.getAnnIds(self.ids[index])):
            labels[self.coco.annToMask(annotation) == 1] = self.label_of[annotation["category_id"]]
        seen = self.transform(image=pixels, mask=labels)
        return seen["image"], seen["mask"].long()


class PlainModule(lightning.LightningModule):
    """The steps as Lightning's guide has them."""

    def __init__(self, recipe: RecipeSpec, classes: int, steps: int, *, compiled: bool = False) -> None:
        super().__init__()
        self.recipe, self.steps = recipe, steps
        network: Any = smp.create_model(recipe.architecture, recipe.encoder, None, classes=classes)
        if recipe.encoder_weights:
            load_encoder_file(network.encoder, Path(recipe.encoder_weights))
        self.network: Any = torch.compile(network) if compiled else network
        self.loss = torch.nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX)
        self.iou = JaccardIndex(task="multiclass", num_classes=classes, ignore_index=IGNORE_INDEX)

    def training_step(self, batch: Sample, batch_index: int) -> torch.Tensor:
        loss: torch.Tensor = self.loss(self.network(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Sample, batch_index: int) -> None:
        logits = self.network(batch[0])
        self.log("val_loss", self.loss(logits, batch[1]))
        self.iou.update(logits.argmax(1), batch[1])

    def on_validation_epoch_end(self) -> None:
        self.log("val_miou", self.iou.compute())
        self.iou.reset()

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.AdamW(self.parameters(), lr=self.recipe.learning_rate)
        steps = self.recipe.epochs * self.steps
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.recipe.learning_rate, steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train_plainly(
    train: SplitSpec,
    val: SplitSpec,
    recipe: RecipeSpec,
    folder: Path,
    workers: int,
    *,
    compiled: bool = False,
) -> None:
    """Train with the crops of the preset `light`, in the recipe's precision."""
    height, width = recipe.crop
    low, high = recipe.scale
    crops = albu.Compose(
        [
            albu.HorizontalFlip(),
            albu.RandomScale((low - 1, high - 1), p=1),
            albu.PadIfNeeded(height, width, border_mode=cv2.BORDER_CONSTANT, fill_mask=IGNORE_INDEX),
            albu.RandomCrop(height, width),
            albu.RandomBrightnessContrast(),
            albu.HueSaturationValue(10, 20, 10),
            albu.Normalize(),
            ToTensorV2(),
        ]
    )
    whole = albu.Compose(
        [
            albu.PadIfNeeded(None, None, pad_height_divisor=32, pad_width_divisor=32, fill_mask=IGNORE_INDEX),
            albu.Normalize(),
            ToTensorV2(),
        ]
    )
    images, judged = CocoImages(train, crops), CocoImages(val, whole)
    options: dict[str, Any] = {"num_workers": workers, "persistent_workers": workers > 0}
    if workers:
        # Forked workers hang in OpenCV here.
        options["multiprocessing_context"] = "spawn"
    batches = DataLoader(images, recipe.images_a_batch, shuffle=True, drop_last=True, **options)
    trainer = lightning.Trainer(
        max_epochs=recipe.epochs,
        precision=LIGHTNING_PRECISION[recipe.precision],
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = PlainModule(recipe, len(images.label_of), len(batches), compiled=compiled)
    trainer.fit(module, batches, DataLoader(judged, 1, **options))
