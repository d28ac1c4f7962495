"""The header of a GGUF file, versions 2 and 3: metadata and the tensors with their exact bytes.

The header holds the whole vocabulary, so it may be tens of megabytes: long arrays are walked, not
kept. Bytes come from a callable that reads a range, or from a prefix of the file; a prefix that ends
too early is answered by NeedMore with the length that is needed next.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from watcher.fit.tensors import BadHeader, NeedMore, Tensor, shown
from watcher.tables import table

Read = Callable[[int, int], bytes]
"""Offset and length to bytes; fewer than asked for means that the file ends there."""

KEPT = 2048
"""Elements of the longest array that is kept, and so of per-layer lists; vocabularies are longer."""

_KEPT_TEXT = 64 * 1024
_MOST_TEXT = 256 * 1024**2
_MOST_KEY = 65_535
_MOST_PAIRS, _MOST_TENSORS, _MOST_ITEMS = 65_536, 1_000_000, 16_000_000
_MOST_DIMENSIONS, _MOST_NESTING = 8, 3
_MOST_BYTES = 2**60
_CHUNK = 1024 * 1024
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
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
_LEAST_PAIR, _LEAST_TENSOR = 13, 24  # bytes of the shortest entry of each kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """What was walked over and not kept: an array or a text too long to be about the model's shape."""

    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GgufFile:
    """One GGUF file. complete: all data of its tensors is there, as far as the file's size is known.

    header_bytes: where the data begin. shards: how many files the model was split into, this one included.
    """

    metadata: Mapping[str, object]
    tensors: tuple[Tensor, ...]
    complete: bool
    header_bytes: int

    @property
    def shards(self) -> int:
        stated = self.metadata.get("split.count")
        return stated if isinstance(stated, int) and stated > 1 else 1

    @property
    def label(self) -> str | None:
        """The file type that general.file_type states, such as Q4_K_M."""
        stated = self.metadata.get("general.file_type")
        return table("gguf")["file_types"].get(stated) if type(stated) is int else None


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorType:
    """A row of gguf.yaml: so many weights take so many bytes."""

    name: str
    block: int
    bytes: int

    @property
    def bits(self) -> float:
        return self.bytes * 8 / self.block


@cache
def tensor_types() -> Mapping[int, TensorType]:
    """Tensor types by their id in the file."""
    rows = table("gguf")["types"]
    return {
        int(id_): TensorType(name=name, block=block, bytes=size) for id_, (name, block, size) in rows.items()
    }


def read_gguf(
    data: bytes | bytearray | memoryview | Read, *, part: str = "the file", file_bytes: int | None = None
) -> GgufFile:
    """The header of one file. BadHeader says what is wrong with it; NeedMore asks for a longer prefix.

    data: a prefix of the file (its whole header or less), or a function that reads ranges of it.
    file_bytes: the size of the whole file where it is known.
    """
    cursor = _Cursor(data, part, file_bytes)
    pairs, listed = _counts(cursor)
    metadata: dict[str, object] = {}
    for _ in range(pairs):
        key = cursor.text(_MOST_KEY, "a key")
        kind = cursor.number("<I", "a value's type")
        if not isinstance(key, str) or key in metadata:
            raise cursor.wrong(f"key {shown(key)} is there twice" if key in metadata else "a key is too long")
        metadata[key] = _value(cursor, kind, 0)
    infos = [_info(cursor) for _ in range(listed)]
    start = _aligned(cursor.at, _alignment(metadata, cursor))
    end, tensors = _placed(infos, cursor, start)
    return GgufFile(
        metadata=metadata,
        tensors=tensors,
        complete=file_bytes is None or end <= file_bytes,
        header_bytes=start,
    )


class _Cursor:
    """Reads forward through a header, in chunks of what the source gives."""

    def __init__(
        self, data: bytes | bytearray | memoryview | Read, part: str, file_bytes: int | None
    ) -> None:
        self._read = data if callable(data) else None
        self._buffer = b"" if callable(data) else bytes(data)
        self._base = 0
        self._part, self.file_bytes = part, file_bytes
        self.at = 0

    def wrong(self, what: str) -> BadHeader:
        return BadHeader(f"{self._part}: {what} (at byte {self.at})")

    def take(self, length: int, what: str) -> bytes:
        """The next bytes. what: for the error when the file ends before."""
        self.expect(length, what)
        begin = self.at - self._base
        if begin + length > len(self._buffer):
            self._fill(length, what)
            begin = self.at - self._base
        self.at += length
        return self._buffer[begin : begin + length]

    def skip(self, length: int, what: str) -> None:
        """Go on without looking; that the bytes are there is found out by the next look."""
        self.expect(length, what)
        self.at += length

    def expect(self, length: int, what: str) -> None:
        """That many bytes can be left in the file."""
        if self.file_bytes is not None and self.at + length > self.file_bytes:
            raise self.wrong(f"truncated: {what} needs {length} bytes, the file has {self.file_bytes} in all")

    def _fill(self, length: int, what: str) -> None:
        if self._read is None:
            if self.file_bytes is not None and len(self._buffer) >= self.file_bytes:
                raise self.wrong(f"truncated: {what} is cut off")
            raise NeedMore(self.at + length)
        self._buffer, self._base = self._read(self.at, max(length, _CHUNK)), self.at
        if len(self._buffer) < length:
            raise self.wrong(f"truncated: {what} is cut off")

    def number(self, form: str, what: str) -> Any:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form), what))
        return value

    def text(self, most: int, what: str) -> str | Skipped:
        """A string; one too long to be kept is walked over, one too long for any file is an error."""
        length = self.number("<Q", what)
        if length > most:
            raise self.wrong(f"{what} of {length} bytes is absurd")
        if length > _KEPT_TEXT:
            self.skip(length, what)
            return Skipped(length=length)
        return self.take(length, what).decode("utf-8", "replace")


def _counts(cursor: _Cursor) -> tuple[int, int]:
    """How many key-value pairs and tensors follow, after magic and version."""
    magic = cursor.take(4, "the magic")
    if magic != b"GGUF":
        raise BadHeader(f"no GGUF: it begins with {magic!r}")
    version = cursor.number("<I", "the version")
    if version and not version & 0xFFFF:
        raise cursor.wrong("a big-endian GGUF, which is not read")
    if version not in (2, 3):
        raise cursor.wrong(f"GGUF version {version} is not read, 2 and 3 are")
    tensors, pairs = cursor.number("<Q", "the number of tensors"), cursor.number("<Q", "the number of keys")
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise cursor.wrong(f"{tensors} tensors and {pairs} keys are absurd")
    cursor.expect(tensors * _LEAST_TENSOR + pairs * _LEAST_PAIR, f"{tensors} tensors and {pairs} keys")
    return pairs, tensors


def _value(cursor: _Cursor, kind: int, depth: int) -> object:
    if kind in _SCALARS:
        return cursor.number(_SCALARS[kind], "a value")
    if kind == _STRING:
        return cursor.text(_MOST_TEXT, "a text")
    if kind != _ARRAY:
        raise cursor.wrong(f"{kind} is no type of value")
    if depth >= _MOST_NESTING:
        raise cursor.wrong("arrays are nested too deep")
    item, length = cursor.number("<I", "an array's type"), cursor.number("<Q", "an array's length")
    if length > _MOST_ITEMS:
        raise cursor.wrong(f"an array of {length} elements is absurd")
    width = struct.calcsize(_SCALARS[item]) if item in _SCALARS else {_STRING: 8, _ARRAY: 12}.get(item)
    if width is None:
        raise cursor.wrong(f"{item} is no type of value")
    cursor.expect(length * width, f"an array of {length} elements")
    if length <= KEPT:
        return tuple(_value(cursor, item, depth + 1) for _ in range(length))
    if item in _SCALARS:
        cursor.skip(length * width, "an array")
    elif item == _STRING:
        for _ in range(length):
            cursor.skip(_text_length(cursor), "a text")
    else:
        raise cursor.wrong(f"an array of {length} arrays is absurd")
    return Skipped(length=length)


def _text_length(cursor: _Cursor) -> int:
    length: int = cursor.number("<Q", "a text")
    if length > _MOST_TEXT:
        raise cursor.wrong(f"a text of {length} bytes is absurd")
    return length


@dataclass(frozen=True, kw_only=True, slots=True)
class _Info:
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _info(cursor: _Cursor) -> _Info:
    name = cursor.text(_MOST_KEY, "a tensor's name")
    dimensions = cursor.number("<I", "a tensor's dimensions")
    if not isinstance(name, str) or dimensions > _MOST_DIMENSIONS:
        raise cursor.wrong(f"tensor {shown(name)} of {dimensions} dimensions is absurd")
    shape = struct.unpack(f"<{dimensions}Q", cursor.take(8 * dimensions, "a tensor's shape"))
    kind, offset = struct.unpack("<IQ", cursor.take(12, "a tensor's place"))
    elements = 1
    for size in shape:
        elements *= size
    if elements > _MOST_BYTES or offset > _MOST_BYTES:
        raise cursor.wrong(f"tensor {shown(name)} of {elements} elements at {offset} is absurd")
    return _Info(name=name, shape=shape, kind=kind, offset=offset)


def _placed(infos: list[_Info], cursor: _Cursor, start: int) -> tuple[int, tuple[Tensor, ...]]:
    """Where the data end, and the tensors in the order of their data."""
    infos = sorted(infos, key=lambda info: info.offset)
    ends = [info.offset for info in infos[1:]]
    tensors: list[Tensor] = []
    at = 0
    for info, following in zip(infos, [*ends, None], strict=True):
        if info.offset < at:
            raise cursor.wrong(f"tensor {shown(info.name)} overlaps the one before it")
        known = tensor_types().get(info.kind)
        if known is not None:
            size = _bytes_of(info, known, cursor)
        else:  # a type newer than our table: its data reach to the next tensor's
            last = cursor.file_bytes - start if cursor.file_bytes is not None else None
            end = following if following is not None else last
            if end is None or end < info.offset:
                raise cursor.wrong(f"tensor {shown(info.name)} is of type {info.kind}, which is not known")
            size = end - info.offset
        name = known.name if known else f"type {info.kind}"
        tensors.append(Tensor(name=info.name, dtype=name, shape=info.shape, bytes=size))
        at = info.offset + size
    return start + at, tuple(tensors)


def _bytes_of(info: _Info, kind: TensorType, cursor: _Cursor) -> int:
    elements = 1
    for size in info.shape:
        elements *= size
    if (info.shape[0] if info.shape else 1) % kind.block:
        raise cursor.wrong(
            f"tensor {shown(info.name)}: rows of {info.shape[0]} are no whole blocks of {kind.name}"
        )
    return elements // kind.block * kind.bytes


def _alignment(metadata: Mapping[str, object], cursor: _Cursor) -> int:
    stated = metadata.get("general.alignment", 32)
    if type(stated) is not int or not 0 < stated <= 2**20 or stated % 8:
        raise cursor.wrong(f"an alignment of {shown(stated)} is absurd")
    return stated


def _aligned(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment
