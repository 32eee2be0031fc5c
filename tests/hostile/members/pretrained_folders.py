"""Folders of transformers and smp: wrong configurations, and damaged files."""

# ruff: noqa: E501 (a case is one line)

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.hostile.case import Case, Prepare, both, file
from tests.hostile.cases_weights import PICKLES, SPECIAL
from tests.hostile.members.member_case import member_case, put_at
from tests.hostile.members.torch_written import segformer_folder

CONFIGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no type": {"model_type": None},
    "a type of a path": {"model_type": "../../x"},
    "code": {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForSemanticSegmentation": "evil.Model"}},
    "a billion labels": {"num_labels": 10**9, "id2label": None},
    "10,000 labels": {"id2label": {str(n): f"c{n}" for n in range(10_000)}},
    "labels of a list": {"id2label": ["a"]},
    "labels from 7": {"id2label": {"7": "a", "8": "b"}},
    "labels of lines": {"id2label": {"0": "a\nb", "1": "c", "2": "d", "3": "e"}},
    "labels of numbers": {"id2label": {"x": 1}},
    "a billion blocks": {"num_encoder_blocks": 10**9},
    "a million layers": {"depths": [10**6] * 4},
    **{f"{layers} layers": {"depths": [layers] * 4} for layers in (300, 10**4, 2**16, 2**18)},
    **{f"{stages} stages": {"depths": [1] * stages} for stages in (64, 10**5)},
    "layers below 0": {"depths": [-1] * 4},
    "huge sides": {"hidden_sizes": [10**7] * 4},
    "sides of 2^62": {"hidden_sizes": [2**62] * 4},
    "sides of 0": {"hidden_sizes": [0] * 4},
    "sides of text": {"hidden_sizes": "abc"},
    "heads of 0": {"num_attention_heads": [0] * 4},
    "a huge decoder": {"decoder_hidden_size": 10**8},
    "a kernel of a million": {"patch_sizes": [10**6] * 4},
    "a stride of 0": {"strides": [0] * 4},
    "an activation of nothing": {"hidden_act": "nothing"},
    "another type": {"model_type": "dpt"},
    "a backbone of the network": {"model_type": "upernet", "backbone": "facebook/x", "use_pretrained_backbone": True},
    "a backbone of timm": {"model_type": "upernet", "backbone": "resnet18", "use_timm_backbone": True, "use_pretrained_backbone": True},
    "packed weights": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "a device": {"_name_or_path": "/dev/zero"},
    "a huge image": {"image_size": 10**9},
    "no channels": {"num_channels": 0},
    "four channels": {"num_channels": 4},
    "NaN": {"layer_norm_eps": float("nan")},
    "an attention that is none": {"_attn_implementation": "evil/kernel"},
    "a type of numbers": {"torch_dtype": "int8"},
    "smp that is none": {"_model_class": "Nothing"},
    "smp of a million": {"_model_class": "Unet", "encoder_name": "resnet18", "decoder_channels": [10**7] * 5},
    "smp with code": {"_model_class": "Unet", "encoder_name": "../../x"},
    "smp of an activation": {"_model_class": "Unet", "activation": ["x"]},
    "smp of a list": {"_model_class": ["Unet"]},
    "smp of unknown options": {"_model_class": "Unet", "encoder_name": "resnet18", "nothing": 1},
    "smp of timm's own": {"_model_class": "Unet", "encoder_name": "tu-hf_hub:x/y"},
}  # fmt: skip

PROCESSORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "a size of 0": {"size": {"height": 0, "width": 0}},
    "a size below 0": {"size": {"height": -64, "width": 64}},
    "a huge size": {"size": {"height": 10**6, "width": 10**6}},
    "a size of texts": {"size": {"height": "a", "width": "b"}},
    "a mean of nan": {"image_mean": [float("nan")] * 3},
    "a mean of texts": {"image_mean": ["a", "b", "c"]},
    "five means": {"image_mean": [0.5] * 5},
    "no mean": {"image_mean": None},
    "a deviation of 0": {"image_std": [0, 0, 0]},
    "a factor of 0": {"rescale_factor": 0},
    "a factor of text": {"rescale_factor": "x"},
    "a factor of null": {"rescale_factor": None},
    "an unknown resampling": {"resample": 77},
    "a resampling of null": {"resample": None},
    "another class": {"image_processor_type": "CLIPImageProcessor"},
    "no class": {"image_processor_type": "../../x"},
    "code": {"auto_map": {"AutoImageProcessor": "evil.Processor"}},
    "an edge of 10^9": {"size": {"shortest_edge": 10**9}},
}

DAMAGES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "half": b'{"model_type": "segf',
    "nested": b"[" * 100_000,
    "a list": b"[]",
    "bytes": bytes(range(256)),
    "a huge number": b'{"model_type": ' + b"9" * 5000 + b"}",
}


def cases() -> Iterator[Case]:
    for name, changes in CONFIGS.items():
        yield _folder(f"config: {name}", _changed("config.json", changes))
    for name, changes in PROCESSORS.items():
        yield _folder(f"processor: {name}", _changed("preprocessor_config.json", changes))
    for name, content in DAMAGES.items():
        for place in ("config.json", "preprocessor_config.json", "model.safetensors"):
            yield _folder(f"{place}: {name}", file(f"t/{place}", content))
    for place in ("config.json", "preprocessor_config.json", "model.safetensors"):
        for name, put in SPECIAL.items():
            yield _folder(f"{place}: {name}", both(_removed(place), put_at(f"t/{place}", put)))
    pickled = both(_removed("model.safetensors"), file("t/pytorch_model.bin", PICKLES["a pickle that runs"]))
    yield _folder("a pickle that runs", pickled)


def _folder(name: str, change: Prepare) -> Case:
    whole = segformer_folder()

    def copied(folder: Path) -> None:
        shutil.copytree(whole, folder / "t")

    put = both(copied, change)
    return member_case(f"folder: {name}", put, "checkpoint: t", "t", 90)


def _removed(place: str) -> Prepare:
    return lambda folder: (folder / "t" / place).unlink()


def _changed(place: str, changes: Mapping[str, Any]) -> Prepare:
    def prepare(folder: Path) -> None:
        path = folder / "t" / place
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        (folder / "t/evil.py").write_text("open('/tmp/seg-ran-evil-code', 'w')")

    return prepare
