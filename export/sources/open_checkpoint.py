"""Open a member's `checkpoint`: a file of weights, a program, or a folder of transformers or smp."""

import importlib.util
from pathlib import Path

from seg.distribution import install_advice
from seg.errors import MissingRuntimeError, ModelError
from seg.export.sources.pretrained_folder.config_file import read_config_json
from seg.export.sources.pretrained_folder.smp_folder import CLASS_KEY, open_smp_folder
from seg.export.sources.program.archive import kind_of_program_archive
from seg.export.sources.program.exported_program import open_exported_program
from seg.export.sources.program.torchscript import open_torchscript
from seg.export.sources.state_dict.open import open_state_dict
from seg.export.sources.torch_source import TorchSource
from seg.export.sources.trained_checkpoint import has_card, open_trained_checkpoint
from seg.spec import MemberSpec


def open_checkpoint(path: Path, member: MemberSpec) -> TorchSource:
    """The source of a member whose `checkpoint` is at `path`.

    Raises:
        ModelError: it is missing, damaged, unsafe, or nothing that is known.
        MissingRuntimeError: it is of transformers, which is not installed.
        SpecError: there is no such architecture or encoder as the member names.
    """
    given = member.model_fields_set
    architecture = member.architecture if "architecture" in given else None
    encoder = member.encoder if "encoder" in given else None
    options = member.options.model_dump(exclude_none=True)
    if not path.is_dir():
        match kind_of_program_archive(path):
            case "TorchScript":
                return open_torchscript(path, member)
            case "torch.export program":
                return open_exported_program(path, member)
            case _ if not has_card(path):
                return open_state_dict(path, architecture, encoder, options)
    for name in sorted({"architecture", "encoder", "options"} & given):
        raise ModelError(f"{member.name}: {path} says its network itself: remove '{name}'")
    if not path.is_dir():
        return open_trained_checkpoint(path)
    if (path / "plans.json").exists():
        raise ModelError(
            f"{path}: is a folder of nnU-Net, whose loader runs code in its checkpoints: load it where you"
            " trust it, and export its network from Python: seg.export.export_module"
        )
    config = read_config_json(path / "config.json")
    if CLASS_KEY in config:
        return open_smp_folder(path, config)
    if importlib.util.find_spec("transformers") is None:
        raise MissingRuntimeError(f"{path}: is a folder of transformers: {install_advice('hf')}")
    from seg.export.sources.pretrained_folder.transformers_folder import open_transformers_folder

    return open_transformers_folder(path, config)
