"""Tiny weight files, written by hand: GGUF and safetensors as their makers lay them out."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

# A value of GGUF metadata: its type and the value; of an array the value is (type of items, items).
Value = tuple[int, Any]
U8, U32, F32, BOOL, TEXT, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10
_FORMS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


def safetensors(tensors: Mapping[str, tuple[str, Sequence[int], int]], *, data: bool = True) -> bytes:
    """A file of tensors as name: (dtype, shape, bytes)."""
    at, entries = 0, {"__metadata__": {"format": "pt"}}
    listed: dict[str, Any] = dict(entries)
    for name, (dtype, shape, size) in tensors.items():
        listed[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    header = json.dumps(listed).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + (b"\0" * at if data else b"")


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind: int, content: Any) -> bytes:
    if kind == TEXT:
        return text(content)
    if kind == ARRAY:
        item, items = content
        return struct.pack("<IQ", item, len(items)) + b"".join(value(item, one) for one in items)
    return struct.pack(_FORMS[kind], content)


def gguf(
    metadata: Mapping[str, Value],
    tensors: Sequence[tuple[str, Sequence[int], int, int]] = (),
    *,
    version: int = 3,
    data: int | None = None,
) -> bytes:
    """A file of tensors as (name, shape, type id, bytes); data: how many bytes follow (default: all)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, (kind, content) in metadata.items():
        out += text(key) + struct.pack("<I", kind) + value(kind, content)
    at = 0
    for name, shape, kind, size in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        out += struct.pack("<IQ", kind, at)
        at += size + -size % 32
    out += b"\0" * (-len(out) % 32)
    return out + b"\0" * (at if data is None else data)
