"""A folder of transformers: a network for semantic segmentation, with its image processor and labels.

Nothing is downloaded, and no code in the folder is run.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.declaration import SourceFacts
from seg.export.sources.pretrained_folder.config_file import sha256_of_folder
from seg.export.sources.pretrained_folder.image_processor import input_facts_of_processor
from seg.export.sources.pretrained_folder.semantic_networks import TASK, LogitsOnly, SemanticMap
from seg.export.sources.state_dict.differences import WeightDifferences
from seg.export.sources.torch_source import TorchSource, torch_error_line

_SEMANTIC: Final = frozenset(
    {
        *("beit", "data2vec-vision", "dpt", "mobilenet_v2", "mobilevit", "mobilevitv2", "segformer"),
        "upernet",
    }
)
_OF_MASKS: Final = frozenset({"eomt", "mask2former", "maskformer", "oneformer"})
FAMILIES: Final = _SEMANTIC | _OF_MASKS
"""The values of `model_type` that are known."""

_FREE_SIZE: Final = frozenset({"segformer", "mobilenet_v2"})
"""Families without position embeddings of a fixed size."""

_MASKS_HW: Final = (384, 384)
"""The size of Mask2Former's masks, in its image processor."""

_LARGEST: Final = 2**18
"""Of a whole number in `config.json`: sides, classes and words are fewer."""

_LAYERS: Final = re.compile(r"depth|layers|blocks|stages")
_MOST_LAYERS: Final = 1024
"""Of a network, or of all its stages: each is built in Python."""

_UNNAMED: Final = re.compile(r"LABEL_\d+")


def open_transformers_folder(folder: Path, config: Mapping[str, Any]) -> TorchSource:
    """Open a folder whose `config.json` names one of transformers' networks for semantic segmentation.

    Raises:
        ModelError: transformers is not installed, the network is not for semantic segmentation or not
            known, or the folder is damaged or not complete.
    """
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise ModelError(
            f"{folder}: is a {family!r} of transformers, and known are {', '.join(sorted(FAMILIES))}: export"
            " its module from Python: seg.export.export_module"
        )
    _refuse_absurd_config(folder, config)
    network, unused = _load_transformers_network(folder, family)
    settings: Any = network.config
    names = [str(settings.id2label[number]) for number in range(settings.num_labels)]
    fed, notes = input_facts_of_processor(folder, _side_of_config(getattr(settings, "image_size", None)))
    if unused:
        more = f" and {len(unused) - 1} more" if len(unused) > 1 else ""
        notes += (f"does not use {unused[0]!r}{more} of its weights",)
    module = _module_of_transformers_network(folder, family, network, fed.get("size_hw"))
    return TorchSource(
        path=folder,
        sha256=sha256_of_folder(folder),
        kind="transformers folder",
        architecture=family,
        encoder=str(getattr(getattr(settings, "backbone_config", None), "model_type", "")),
        facts=SourceFacts(
            **fed,
            kind="logits" if family in _SEMANTIC else "probabilities",
            count=len(names),
            names=() if all(map(_UNNAMED.fullmatch, names)) else tuple(names),
        ),
        module=module.eval(),
        has_free_size=family in _FREE_SIZE,
        notes=(f"recognised as {type(network).__name__}, {len(names)} classes", *notes),
    )


def _refuse_absurd_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise ModelError for a size that no network has, and that would take all memory."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            _refuse_absurd_config(folder, value)
        numbers = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)]
        most = _MOST_LAYERS if _LAYERS.search(name) else _LARGEST
        largest = sum(map(abs, numbers)) if _LAYERS.search(name) else max(map(abs, numbers), default=0)
        if largest > most:
            raise ModelError(f"{folder / 'config.json'}: {name!r} is beyond {most}: correct it")


def _load_transformers_network(folder: Path, family: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The network, and the names of weights that it does not use."""
    with _offline_and_silent():
        from transformers import AutoModelForSemanticSegmentation, AutoModelForUniversalSegmentation

        kind = AutoModelForSemanticSegmentation if family in _SEMANTIC else AutoModelForUniversalSegmentation
        try:
            network, found = kind.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                dtype=torch.float32,
            )
        except Exception as error:  # transformers raises all kinds of exceptions for damaged folders
            raise ModelError(f"{folder}: transformers cannot load it: {torch_error_line(error)}") from error
    missing, unused = sorted(found["missing_keys"]), tuple(sorted(found["unexpected_keys"]))
    if missing:
        raise ModelError(
            f"{folder}: it {WeightDifferences(tuple(missing), unused, ())}: copy the whole folder"
        )
    return network, unused


def _module_of_transformers_network(
    folder: Path, family: str, network: Any, size_hw: tuple[int, int] | None
) -> nn.Module:
    match family:
        case "mask2former":
            return SemanticMap(network, _MASKS_HW)
        case "eomt":
            # A buffer that the forward branches on cannot be exported; its values are constants.
            probabilities = network.get_buffer("attn_mask_probs").tolist()
            del network.attn_mask_probs
            network.attn_mask_probs = probabilities
            return SemanticMap(network, size_hw)
        case "oneformer":
            return SemanticMap(network, None, _oneformer_task_tokens(folder, network))
        case "maskformer":
            return SemanticMap(network, None)
        case _:
            return LogitsOnly(network)


def _oneformer_task_tokens(folder: Path, network: Any) -> Tensor:
    """The tokens of OneFormer's task, int64 `[1, length]`, padded with zeros as in its processor."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        length = network.config.task_seq_len
        tokens = tokenizer([TASK], padding="max_length", max_length=length, truncation=True)
    except Exception as error:
        raise ModelError(
            f"{folder}: its tokenizer cannot be read: {torch_error_line(error)}: copy the whole folder"
        ) from error
    return torch.tensor(tokens["input_ids"]) * torch.tensor(tokens["attention_mask"])


def _side_of_config(image_size: Any) -> int | None:
    return image_size if isinstance(image_size, int) else None


@contextmanager
def _offline_and_silent() -> Iterator[None]:
    """Keep transformers from downloading, from its progress bars and from its warnings."""
    from huggingface_hub import constants
    from transformers.utils import logging

    offline, verbosity, bars = (
        constants.HF_HUB_OFFLINE,
        logging.get_verbosity(),
        logging.is_progress_bar_enabled(),
    )
    constants.HF_HUB_OFFLINE = True
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
