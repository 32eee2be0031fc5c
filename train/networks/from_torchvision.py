"""Networks of torchvision, and the published weights of its encoders."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from seg.errors import SpecError
from seg.spec.recipe.architectures import TorchvisionArchitecture


class TorchvisionNetwork(nn.Module):
    """One of torchvision's networks, with parts called `encoder` and `decoder`, that returns logits.

    The LR-ASPP head takes the features of both strides, the other heads only the last.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.encoder = network.get_submodule("backbone")
        self.decoder = network.get_submodule("classifier")

    def forward(self, image: Tensor) -> Tensor:
        features = self.encoder(image)
        scores = self.decoder(features.get("out", features))
        return functional.interpolate(scores, image.shape[2:], mode="bilinear", align_corners=False)


def create_from_torchvision(architecture: TorchvisionArchitecture, classes: int) -> TorchvisionNetwork:
    """Build a network with random weights, without its auxiliary head."""
    network = models.get_model(architecture, weights=None, weights_backbone=None, num_classes=classes)
    return TorchvisionNetwork(network)


def published_weights(encoder: str, weights: str) -> Mapping[str, Tensor]:
    """Download the ImageNet weights of one of torchvision's encoders; raises OSError without internet."""
    if weights != "imagenet":
        raise SpecError(f"encoder {encoder!r} has no published weights {weights!r}: name 'imagenet'")
    fetched: Mapping[str, Tensor] = models.get_model_weights(encoder).IMAGENET1K_V1.get_state_dict()
    return fetched
