"""Which versions of which runtimes open the files that are exported, and whether labels stay equal.

    python -m benchmarks.export.runtimes_opened --python OLD/bin/python --web FOLDER

Small untrained networks are exported in every precision, and fused. Each interpreter has its own version of
onnxruntime or openvino, and numpy, and needs nothing of seg; FOLDER is one in which onnxruntime-web was
installed by npm. Prints a table in Markdown: of each file the share of labels that are as here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch

from seg.data.images.images import write_image
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import save_onnx_model
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.half import model_in_half_precision
from seg.export.precision.quantise import quantisable_layers_of, quantise_layers
from seg.export.precision.ranges import clipping_values
from seg.labels.classes import ClassInfo, default_colour
from seg.models.card import InputCard, ModelCard
from seg.spec import load_ensemble
from seg.train.networks import build_network
from seg.train.networks.segmenter import Segmenter

NETWORKS: Final = {
    "unet": "tu-resnet10t",
    "deeplabv3plus": "timm-tf_efficientnet_lite0",
    "segformer": "tu-mobilevit_xxs",
}
SIDE: Final = 96
CLASSES: Final = tuple(ClassInfo(id=n, name=f"c{n}", colour=default_colour(n)) for n in range(3))

OPEN_ELSEWHERE: Final = """
import json, sys
import numpy as np
folder, names = sys.argv[1], sys.argv[2:]
image = np.load(folder + "/image.npy")
try:
    import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    runtime = "ONNX Runtime " + onnxruntime.__version__
    def run(path):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"image": image})[0]
except ImportError:
    import openvino
    runtime = "OpenVINO " + openvino.__version__.split("-")[0]
    def run(path):
        return openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]
found = {}
for name in names:
    try:
        output = run(folder + "/" + name + ".onnx")
        labels = output.argmax(1) if output.ndim == 4 else output
        found[name] = format(float((labels == np.load(folder + "/" + name + ".npy")).mean()), ".2%")
    except Exception as error:
        found[name] = "no: " + str(error).splitlines()[-1][:60]
print(json.dumps([runtime, found]))
"""

OPEN_IN_WEB: Final = """
const fs = require("fs"), ort = require("onnxruntime-web");
const [folder, side, ...names] = process.argv.slice(1);
ort.env.wasm.numThreads = 1;
(async () => {
  const found = {}, image = new Uint8Array(fs.readFileSync(folder + "/image.bin"));
  for (const name of names) {
    try {
      const content = new Uint8Array(fs.readFileSync(`${folder}/${name}.onnx`));
      const session = await ort.InferenceSession.create(content);
      const images = new ort.Tensor("uint8", image, [1, +side, +side, 3]);
      const output = Object.values(await session.run({image: images}))[0];
      const truth = fs.readFileSync(`${folder}/${name}.bin`), pixels = truth.length;
      let equal = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        let label = output.data[pixel];
        if (output.dims.length === 4) {
          label = 0;
          for (let c = 1; c < output.dims[1]; c++)
            if (output.data[c * pixels + pixel] > output.data[label * pixels + pixel]) label = c;
        }
        equal += label === truth[pixel];
      }
      found[name] = (100 * equal / pixels).toFixed(2) + "%";
    } catch (error) { found[name] = "no: " + String(error.message).split("\\n")[0].slice(0, 60); }
  }
  const version = JSON.parse(fs.readFileSync("node_modules/onnxruntime-web/package.json")).version;
  console.log(JSON.stringify(["onnxruntime-web " + version, found]));
})();
"""


def export_files_to_open(folder: Path) -> dict[str, Path]:
    """The files, by name: each network in each precision, and two of them fused."""
    image_hwc = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    np.save(folder / "image.npy", image_hwc[None])
    (folder / "image.bin").write_bytes(image_hwc.tobytes())
    write_image(folder / "images/0.png", image_hwc)
    files: dict[str, Path] = {}
    for architecture, encoder in NETWORKS.items():
        torch.manual_seed(0)
        network = build_network(architecture, encoder, len(CLASSES)).train()
        with torch.no_grad():
            network(torch.randn(2, 3, SIDE, SIDE))
        card = ModelCard(
            name=architecture,
            architecture=architecture,
            encoder=encoder,
            classes=CLASSES,
            unlabelled="ignore",
            input=InputCard(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
        )
        model = ExportedModel(Segmenter(network.eval(), card.input)).eval()
        fp32, fp16, int8 = (folder / f"{architecture}-{p}.onnx" for p in ("fp32", "fp16", "int8"))
        write_onnx(model, card, fp32)
        write_onnx(model_in_half_precision(model), card, fp16)
        graph = onnx.load(fp32)
        layers = quantisable_layers_of(graph)
        clipping = clipping_values(graph, sorted({layer.source for layer in layers}), [image_hwc])
        save_onnx_model(quantise_layers(graph, layers, clipping), card, int8)
        files |= {path.stem: path for path in (fp32, fp16, int8)}
    spec = {
        "data": {"train": {"images": "images"}, "val": {"images": "images"}},
        "members": [{"name": name, "model": f"{name}-fp32.onnx"} for name in NETWORKS],
        "views": "flips",
        "runtime": "cpu",
    }
    (folder / "team.yaml").write_text(json.dumps(spec))
    fuse_ensemble(load_ensemble(folder / "team.yaml"), FusionRequest("fused"), folder / "fused.onnx")
    return files | {"fused": folder / "fused.onnx"}


def keep_labels_of_files(folder: Path, files: dict[str, Path]) -> None:
    """What the newest ONNX Runtime, which exports are verified on, says."""
    image_nhwc = np.load(folder / "image.npy")
    for name, path in files.items():
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        output = session.run(None, {"image": image_nhwc})[0]
        labels = (output.argmax(1) if output.ndim == 4 else output).astype(np.uint8)
        np.save(folder / f"{name}.npy", labels)
        (folder / f"{name}.bin").write_bytes(labels.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", default=[], help="an interpreter with another version")
    parser.add_argument("--web", type=Path, help="a folder with node_modules/onnxruntime-web")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files = export_files_to_open(folder)
        keep_labels_of_files(folder, files)
        commands = [
            ([python, "-c", OPEN_ELSEWHERE, made, *files], None)
            for python in [sys.executable, *arguments.python]
        ]
        if arguments.web:
            commands.append((["node", "-e", OPEN_IN_WEB, "--", made, str(SIDE), *files], arguments.web))
        models = [onnx.load(path) for path in files.values()]
        headers = [
            f"{name} (opset {opset_of(m)}, IR {m.ir_version})" for name, m in zip(files, models, strict=True)
        ]
        print("| runtime |", " | ".join(headers), "|")
        print("|---" * (1 + len(files)) + "|")
        for command, where in commands:
            done = subprocess.run(command, cwd=where, check=True, stdout=subprocess.PIPE, text=True)
            runtime, found = json.loads(done.stdout.splitlines()[-1])
            print(f"| {runtime} |", " | ".join(found[name] for name in files), "|", flush=True)


if __name__ == "__main__":
    main()
