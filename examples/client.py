"""Ask `seg serve`, or a Triton server, for the label map of an image, which may be of any size.

pip install 'tritonclient[http]' opencv-python-headless
python client.py camvid street.png labels.png --server localhost:8000
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tritonclient import http


def label(client: http.InferenceServerClient, model: str, image_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label map, uint8 `[H, W]`, of an RGB image, uint8 `[H, W, 3]`, by a model that gives labels."""
    image = http.InferInput("image", [1, *image_hwc.shape], "UINT8")
    image.set_data_from_numpy(image_hwc[None])
    answer = client.infer(model, [image], outputs=[http.InferRequestedOutput("labels")])
    labels_hw: NDArray[np.uint8] = answer.as_numpy("labels")[0]
    return labels_hw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="its name there: by default that of the spec")
    parser.add_argument("image", type=Path)
    parser.add_argument("labels", type=Path, help="the PNG to write: one class position a pixel")
    parser.add_argument("--server", default="localhost:8000", help="where it answers HTTP")
    asked = parser.parse_args()
    image_hwc = cv2.imread(str(asked.image), cv2.IMREAD_COLOR_RGB)
    if image_hwc is None:
        parser.error(f"{asked.image}: cannot be read")
    with http.InferenceServerClient(asked.server) as client:
        labels_hw = label(client, asked.model, image_hwc.astype(np.uint8, copy=False))
    cv2.imwrite(str(asked.labels), labels_hw)


if __name__ == "__main__":
    main()
