"""The header of a safetensors file, and the index beside sharded ones.

A file is eight bytes (the header's length, little-endian), the header (a JSON object), and the data.
Two ranged reads tell everything: header_length() of the first, tensors_of() of the second. Sizes are
those of data_offsets, which are exact whatever is packed into an element.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from watcher.fit.tensors import BadHeader, NeedMore, Tensor, shown
from watcher.types import Json

PREFIX = 8
MOST_HEADER = 100_000_000
"""The format's own limit on the header, in bytes."""

MOST_BYTES = 2**60
# Bits of one element; a dtype that is not among them is believed as its offsets say.
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}


def header_length(first: bytes, *, part: str = "the file") -> int:
    """Bytes of JSON after the first eight; NeedMore below eight, BadHeader beyond the format's limit."""
    if len(first) < PREFIX:
        raise NeedMore(PREFIX)
    length = int.from_bytes(first[:PREFIX], "little")
    if not 2 <= length <= MOST_HEADER:
        raise BadHeader(
            f"{part}: no safetensors: a header of {length} bytes (2 to {MOST_HEADER} are allowed)"
        )
    return length


def tensors_of(header: bytes, *, part: str = "the file", file_bytes: int | None = None) -> tuple[Tensor, ...]:
    """The tensors that a header lists, in the order of their data. BadHeader says which one is wrong.

    header: the JSON alone, all of it. file_bytes: the size of the whole file where it is known; data
    beyond it is an error, so that a download cut short does not pass for a whole model.
    """
    entries = _parsed(header, part)
    placed = sorted(
        (_placed(name, entry, part) for name, entry in entries.items() if name != "__metadata__"),
        key=lambda item: item[:2],
    )
    at = 0
    for begin, end, tensor in placed:
        if begin < at:
            raise BadHeader(f"{part}: tensor {shown(tensor.name)} overlaps the one before it")
        at = end
    end = PREFIX + len(header) + at
    if file_bytes is not None and end > file_bytes:
        raise BadHeader(f"{part}: truncated: its tensors end at byte {end}, the file at {file_bytes}")
    return tuple(tensor for *_, tensor in placed)


def index_total(index: Json) -> int | None:
    """metadata.total_size of an index, in bytes; None where it is absent or absurd.

    Hand-made repos have it wrong: headers and file sizes go before it.
    """
    metadata = index.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, Mapping) else None
    if isinstance(total, float) and total.is_integer():
        total = int(total)
    return (
        total if isinstance(total, int) and not isinstance(total, bool) and 0 < total < MOST_BYTES else None
    )


def index_shards(index: Json) -> tuple[str, ...]:
    """The files that an index's weight_map names, each once. A name that leaves the folder is refused."""
    listed = index.get("weight_map")
    names = sorted({str(name) for name in listed.values()}) if isinstance(listed, Mapping) else []
    for name in names:
        if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or "\0" in name:
            raise BadHeader(f"the index: {shown(name)} is no file beside it")
    return tuple(names)


def _parsed(header: bytes, part: str) -> dict[str, Any]:
    try:
        loaded = json.loads(header.decode("utf-8"), object_pairs_hook=_unrepeated)
    except UnicodeDecodeError as error:
        raise BadHeader(f"{part}: the header is no UTF-8 at byte {PREFIX + error.start}") from None
    except json.JSONDecodeError as error:
        raise BadHeader(f"{part}: the header is no JSON at byte {PREFIX + error.pos}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise BadHeader(f"{part}: the header is no JSON: {shown(error)}") from None
    if not isinstance(loaded, dict):
        raise BadHeader(f"{part}: the header is a JSON {type(loaded).__name__}, not an object")
    return loaded


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{shown(twice)} is listed twice")
    return found


def _placed(name: str, entry: object, part: str) -> tuple[int, int, Tensor]:
    """Where one tensor's data begin and end, and the tensor."""
    what = f"{part}: tensor {shown(name)}"
    if not isinstance(entry, dict):
        raise BadHeader(f"{what} is no object")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str):
        raise BadHeader(f"{what} has no dtype")
    if not _are_sizes(shape):
        raise BadHeader(f"{what} has no usable shape: {shown(shape)}")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise BadHeader(f"{what} has no usable data_offsets: {shown(offsets)}")
    begin, end = offsets
    elements = 1
    for size in shape:
        elements *= size
    bits = _BITS.get(dtype)
    if bits is not None and (elements * bits + 7) // 8 != end - begin:
        raise BadHeader(
            f"{what} holds {end - begin} bytes, but {shown(shape)} of {dtype} are {elements * bits // 8}"
        )
    return begin, end, Tensor(name=name, dtype=dtype, shape=tuple(shape), bytes=end - begin)


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    """Whether something is a short list of whole numbers that a file may hold."""
    return (
        isinstance(value, list)
        and len(value) <= 16
        and all(type(item) is int and 0 <= item < MOST_BYTES for item in value)
    )
