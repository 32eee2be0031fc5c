"""ELF files: the shared libraries that a library needs (the NEEDED entries of its dynamic section).

Source: System V ABI, ELF-64 Object File Format; fields in little-endian order, as on x86-64 and AArch64.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_HEADER: Final = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_ENTRY: Final = struct.Struct("<qQ")
_MAGIC: Final = b"\x7fELF\x02\x01"

_LOADED: Final = 1
_DYNAMIC: Final = 2
_END: Final = 0
_NEEDED: Final = 1
_NAMES: Final = 5
_LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True)
class _ElfSegment:
    kind: int
    offset: int
    address: int
    size: int


def read_elf_dependencies(path: Path) -> tuple[str, ...]:
    """The names of needed libraries, such as `libcudart.so.13`, in the file's order.

    Raises:
        ValueError: it is not a whole 64-bit little-endian ELF file with a dynamic section.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError(f"{path}: is not a 64-bit little-endian ELF file")
        try:
            return _read_needed_entries(file)
        except ValueError as error:
            raise ValueError(f"{path}: is not a whole library: {error}") from error


def _read_needed_entries(file: BinaryIO) -> tuple[str, ...]:
    segments = _read_elf_segments(file)
    dynamic = next((one for one in segments if one.kind == _DYNAMIC), None)
    if dynamic is None:
        raise ValueError("it has no dynamic section")
    entries = _read_dynamic_entries(file, dynamic)
    names = next((value for tag, value in entries if tag == _NAMES), 0)
    names_at = _offset_in_segments(names, segments)
    return tuple(_read_elf_string(file, names_at + value) for tag, value in entries if tag == _NEEDED)


def _read_elf_segments(file: BinaryIO) -> list[_ElfSegment]:
    file.seek(0)
    _, _, _, _, table_at, _, _, _, size, count, *_ = _HEADER.unpack(_read_elf_bytes(file, _HEADER.size))
    found = []
    for number in range(count):
        file.seek(table_at + number * size)
        kind, _, offset, address, _, in_file, *_ = _SEGMENT.unpack(_read_elf_bytes(file, _SEGMENT.size))
        found.append(_ElfSegment(kind, offset, address, in_file))
    return found


def _read_dynamic_entries(file: BinaryIO, dynamic: _ElfSegment) -> list[tuple[int, int]]:
    file.seek(dynamic.offset)
    entries: list[tuple[int, int]] = list(_ENTRY.iter_unpack(_read_elf_bytes(file, dynamic.size)))
    end = next((at for at, (tag, _) in enumerate(entries) if tag == _END), len(entries))
    return entries[:end]


def _offset_in_segments(address: int, segments: list[_ElfSegment]) -> int:
    for one in segments:
        if one.kind == _LOADED and one.address <= address < one.address + one.size:
            return one.offset + address - one.address
    raise ValueError(f"no segment holds the address {address:#x}")


def _read_elf_string(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    name, end, _ = file.read(_LONGEST_NAME).partition(b"\0")
    if not end:
        raise ValueError("it is truncated")
    return name.decode()


def _read_elf_bytes(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise ValueError("it is truncated")
    return content
