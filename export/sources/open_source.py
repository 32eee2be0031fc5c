"""Open the source of a member that was trained elsewhere."""

from seg.export.sources.onnx_source import OnnxSource
from seg.export.sources.source import Source
from seg.spec import MemberSpec


def open_source(member: MemberSpec) -> Source:
    """The source of a member with `checkpoint` or `onnx`.

    Raises:
        ModelError: it is missing, damaged, unsafe, or nothing that is known.
    """
    if member.onnx is not None:
        return OnnxSource.open(member.onnx, member.input, member.output)
    if member.checkpoint is not None:
        from seg.export.sources.open_checkpoint import open_checkpoint

        return open_checkpoint(member.checkpoint, member)
    raise ValueError(f"{member.name} was not trained elsewhere")
