"""timm's 'SAME' layers in exported files, held to PyTorch at sizes that the example does not have."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from timm.layers import Conv2dSame
from timm.layers import padding as timm_padding
from timm.layers.pool2d_same import MaxPool2dSame
from torch import Tensor, nn
from torch.nn import functional

from seg.export.onnx_file.to_onnx import export_module_to_graph


class SameNetwork(nn.Module):
    """A convolution and a pooling, each of stride 2 with 'SAME' padding, and back to the input's size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolve = Conv2dSame(3, 4, 3, stride=2)
        self.pool = MaxPool2dSame(3, stride=2)

    def forward(self, image: Tensor) -> Tensor:
        features = self.pool(self.convolve(image))
        return functional.interpolate(features, size=image.shape[-2:], mode="nearest")


@pytest.mark.parametrize(
    ("stride", "sizes"), [(4, [(4, 4), (8, 20), (20, 28)]), (1, [(5, 7), (6, 9), (11, 8), (4, 4)])]
)
def test_sizes_other_than_the_example(stride: int, sizes: list[tuple[int, int]], tmp_path: Path) -> None:
    """Padding is a constant only where every size is a multiple of the layers' strides."""
    network = SameNetwork().eval()
    free = {0: torch.export.Dim("N"), 2: stride * torch.export.Dim("h"), 3: stride * torch.export.Dim("w")}
    example = torch.zeros((2, 3, 5 * stride, 7 * stride))
    graph = export_module_to_graph(network, example, free, "same", "scores")

    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for height, width in sizes:
        image = torch.rand((1, 3, height, width))
        expected = network(image).detach().numpy()
        (scores,) = session.run(None, {"image": image.numpy()})
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_padding_of_timm_is_put_back() -> None:
    original = timm_padding.get_same_padding
    export_module_to_graph(SameNetwork().eval(), torch.zeros((2, 3, 20, 28)), {}, "same", "scores")
    assert timm_padding.get_same_padding is original
