"""Headers of GGUF files: metadata, exact bytes per tensor, and clear words about the broken ones."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fit.files import ARRAY, BOOL, F32, TEXT, U8, U32, U64, gguf, text
from watcher.fit.gguf import GgufFile, Read, Skipped, read_gguf, tensor_types
from watcher.fit.tensors import BadHeader, NeedMore

METADATA = {
    "general.architecture": (TEXT, "qwen3"),
    "general.file_type": (U32, 15),
    "qwen3.block_count": (U32, 2),
    "qwen3.rope.freq_base": (F32, 0.5),
    "qwen3.attention.head_count_kv": (ARRAY, (U32, [8, 0])),
    "qwen3.attention.sliding_window_pattern": (ARRAY, (BOOL, [True, False])),
    "general.tags": (ARRAY, (TEXT, ["a", "b"])),
}
TENSORS = (
    ("token_embd.weight", (256, 4), 14, 840),
    ("blk.0.ffn_down.weight", (512, 2), 12, 576),
    ("output_norm.weight", (256,), 0, 1024),
)
SMALL = gguf(METADATA, TENSORS)


def reader(raw: bytes) -> Read:
    return lambda offset, length: raw[offset : offset + length]


def outcome(data: bytes | Read, file_bytes: int | None = None) -> GgufFile | BadHeader | NeedMore:
    try:
        return read_gguf(data, file_bytes=file_bytes)
    except (BadHeader, NeedMore) as told:
        return told


def test_metadata_and_tensors() -> None:
    found = read_gguf(SMALL)
    assert found.metadata == {
        "general.architecture": "qwen3",
        "general.file_type": 15,
        "qwen3.block_count": 2,
        "qwen3.rope.freq_base": 0.5,
        "qwen3.attention.head_count_kv": (8, 0),
        "qwen3.attention.sliding_window_pattern": (True, False),
        "general.tags": ("a", "b"),
    }
    assert [(t.name, t.dtype, t.bytes) for t in found.tensors] == [
        ("token_embd.weight", "Q6_K", 840),
        ("blk.0.ffn_down.weight", "Q4_K", 576),
        ("output_norm.weight", "F32", 1024),
    ]
    assert (found.label, found.shards, found.complete) == ("Q4_K_M", 1, True)


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_and_both_ways_to_read(version: int) -> None:
    raw = gguf(METADATA, TENSORS, version=version)
    assert read_gguf(raw) == read_gguf(reader(raw)) == read_gguf(raw, file_bytes=len(raw))


def test_a_file_cut_in_its_data_is_incomplete_and_still_read() -> None:
    found = read_gguf(SMALL[:-1500], file_bytes=len(SMALL) - 1500)
    assert not found.complete
    assert sum(t.bytes for t in found.tensors) == 2440


def test_a_vocabulary_is_walked_over() -> None:
    raw = gguf(
        {
            "tokenizer.ggml.tokens": (ARRAY, (TEXT, [f"token {n}" for n in range(5000)])),
            "tokenizer.ggml.scores": (ARRAY, (F32, [0.0] * 5000)),
            "tokenizer.chat_template": (TEXT, "x" * 70_000),
            "split.count": (U32, 3),
        },
        TENSORS,
    )
    for found in (read_gguf(raw), read_gguf(reader(raw))):
        assert found.metadata["tokenizer.ggml.tokens"] == Skipped(length=5000)
        assert found.metadata["tokenizer.ggml.scores"] == Skipped(length=5000)
        assert found.metadata["tokenizer.chat_template"] == Skipped(length=70_000)
        assert found.shards == 3
        assert len(found.tensors) == 3


def test_a_type_of_tomorrow_reaches_to_the_next_tensor() -> None:
    raw = gguf({}, [("a", (64,), 99, 64), ("b", (64,), 99, 32)])
    assert [(t.dtype, t.bytes) for t in read_gguf(raw, file_bytes=len(raw)).tensors] == [
        ("type 99", 64),
        ("type 99", 32),
    ]
    with pytest.raises(BadHeader, match="tensor b is of type 99, which is not known"):
        read_gguf(raw)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("F32", 32.0),
        ("BF16", 16.0),
        ("Q8_0", 8.5),
        ("Q6_K", 6.5625),
        ("Q5_K", 5.5),
        ("Q4_K", 4.5),
        ("Q4_1", 5.0),
        ("IQ4_XS", 4.25),
        ("MXFP4", 4.25),
        ("NVFP4", 4.5),
        ("Q3_K", 3.4375),
        ("IQ3_XXS", 3.0625),
        ("Q2_K", 2.625),
        ("IQ2_XXS", 2.0625),
        ("IQ1_M", 1.75),
        ("TQ1_0", 1.6875),
        ("IQ1_S", 1.5625),
        ("Q1_0", 1.125),
    ],
)
def test_bits_of_the_blocks(name: str, bits: float) -> None:
    assert {kind.name: kind.bits for kind in tensor_types().values()}[name] == bits


def start(tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def pair(kind: int, content: bytes) -> bytes:
    return start(0, 1) + text("k") + struct.pack("<I", kind) + content + b"\0" * 64


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(b"GGML" + b"\0" * 40, "no GGUF: it begins with b'GGML'", id="an elder format"),
        pytest.param(b"version https://git-lfs.github.com", "no GGUF", id="a pointer in place of the file"),
        pytest.param(start(version=1), "version 1 is not read", id="version 1"),
        pytest.param(start(version=9), "version 9 is not read", id="version 9"),
        pytest.param(b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian", id="the other byte order"),
        pytest.param(start(tensors=2**40), "tensors and 0 keys are absurd", id="a trillion tensors"),
        pytest.param(start(pairs=2**60), "keys are absurd", id="a quintillion keys"),
        pytest.param(
            start(0, 1) + struct.pack("<Q", 2**50), "a key of .* bytes is absurd", id="an endless key"
        ),
        pytest.param(
            pair(TEXT, struct.pack("<Q", 2**50)), "a text of .* bytes is absurd", id="an endless text"
        ),
        pytest.param(pair(77, b""), "77 is no type of value", id="a type nobody knows"),
        pytest.param(
            pair(ARRAY, struct.pack("<IQ", 77, 1)), "77 is no type of value", id="an array of those"
        ),
        pytest.param(
            pair(ARRAY, struct.pack("<IQ", U64, 2**50)), "elements is absurd", id="an endless array"
        ),
        pytest.param(pair(ARRAY, struct.pack("<IQ", ARRAY, 1) * 9), "nested too deep", id="arrays in arrays"),
        pytest.param(
            pair(ARRAY, struct.pack("<IQ", ARRAY, 9999)), "9999 arrays is absurd", id="arrays beside arrays"
        ),
        pytest.param(gguf({}, [("w", (1,) * 9, 0, 4)]), "9 dimensions is absurd", id="nine dimensions"),
        pytest.param(
            gguf({}, [("w", (2**40, 2**40), 0, 4)]), "elements at 0 is absurd", id="endless elements"
        ),
        pytest.param(gguf({}, [("w", (100,), 12, 64)]), "no whole blocks of Q4_K", id="a broken block"),
        pytest.param(
            gguf({}, [("a", (256,), 0, 64), ("b", (1,), 0, 4)]), "tensor b overlaps", id="overlapping"
        ),
        pytest.param(gguf({"general.alignment": (U32, 0)}), "an alignment of 0", id="no alignment"),
        pytest.param(
            start(0, 2) + (text("k") + struct.pack("<IB", U8, 1)) * 2,
            "key k is there twice",
            id="a key twice",
        ),
    ],
)
def test_a_broken_file_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(BadHeader, match=said):
        read_gguf(raw, part="x.gguf")
    with pytest.raises(BadHeader, match=said):
        read_gguf(reader(raw), part="x.gguf")


def test_counts_beyond_the_file_are_refused_before_reading_on() -> None:
    with pytest.raises(BadHeader, match="truncated: 1000 tensors"):
        read_gguf(start(tensors=1000) + b"\0" * 100, file_bytes=124)


def test_every_truncation_is_named_or_asks_for_more() -> None:
    end = read_gguf(SMALL).header_bytes
    needed = 0
    for length in range(end):
        cut = SMALL[:length]
        found = outcome(cut)
        if isinstance(found, GgufFile):
            assert found.header_bytes - length < 32, "only the padding is missing"
            continue
        assert isinstance(found, NeedMore)
        assert max(length + 1, needed) <= found.bytes <= end
        needed = found.bytes
        with pytest.raises(BadHeader, match="truncated"):
            read_gguf(cut, file_bytes=length)
        with pytest.raises(BadHeader, match="truncated"):
            read_gguf(reader(cut))


def test_following_needmore_reads_the_file() -> None:
    have, asked = 8, 0
    while isinstance(found := outcome(SMALL[:have], len(SMALL)), NeedMore):
        have, asked = found.bytes, asked + 1
    assert isinstance(found, GgufFile)
    assert 10 < asked < 100


@given(
    st.binary(max_size=300)
    | st.binary(max_size=300).map(lambda tail: start(3, 3) + tail)
    | st.builds(
        lambda at, b: SMALL[:at] + b + SMALL[at + len(b) :], st.integers(0, len(SMALL)), st.binary(max_size=9)
    )
)
def test_arbitrary_bytes_are_read_or_refused(raw: bytes) -> None:
    for data, size in ((raw, None), (raw, len(raw)), (reader(raw), len(raw))):
        found = outcome(data, size)
        if isinstance(found, GgufFile):
            assert all(t.bytes >= 0 for t in found.tensors)
        elif isinstance(found, NeedMore):
            assert size is None
            assert found.bytes > len(raw)
        else:
            assert str(found).isprintable()
