"""Headers of safetensors files: exact bytes, and clear words about what is wrong with the others."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fit.files import safetensors
from watcher.fit.safetensors import header_length, index_shards, index_total, tensors_of
from watcher.fit.tensors import BadHeader, NeedMore, Tensor

SMALL = safetensors(
    {
        "model.embed_tokens.weight": ("BF16", (16, 4), 128),
        "model.layers.0.mlp.up_proj.weight": ("U8", (8, 2), 16),
        "model.layers.0.mlp.up_proj.weight_scale": ("F8_E4M3", (8, 1), 8),
        "scalar": ("F32", (), 4),
        "empty": ("F32", (0, 4), 0),
    }
)
HEADER = SMALL[8 : 8 + header_length(SMALL)]


def header(**tensors: object) -> bytes:
    return json.dumps(tensors).encode()


def entry(begin: int = 0, end: int = 8, dtype: str = "F32", shape: object = (2,)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def outcome(raw: bytes) -> str:
    """The error, or nothing where there is none."""
    try:
        found = tensors_of(raw)
    except BadHeader as error:
        return str(error)
    assert all(tensor.bytes >= 0 for tensor in found)
    return ""


def test_tensors_are_listed_with_their_bytes_as_stored() -> None:
    found = tensors_of(HEADER, file_bytes=len(SMALL))
    assert sum(tensor.bytes for tensor in found) == 156
    assert found[0] == Tensor(name="model.embed_tokens.weight", dtype="BF16", shape=(16, 4), bytes=128)
    assert [t.dtype for t in found if t.bytes] == ["BF16", "U8", "F8_E4M3", "F32"]


def test_half_bytes_are_stored_in_whole_ones() -> None:
    (found,) = tensors_of(header(w=entry(end=4, dtype="F4", shape=[7])))
    assert found.bytes == 4


def test_a_dtype_of_tomorrow_is_believed() -> None:
    (found,) = tensors_of(header(w=entry(end=5, dtype="F3_E1M1")))
    assert found.bytes == 5


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(b"", "no JSON at byte 8", id="nothing"),
        pytest.param(b"[]", "list, not an object", id="a list"),
        pytest.param(b"\xff\xfe{}", "no UTF-8 at byte 8", id="another encoding"),
        pytest.param(b'{"a": ' + b"[" * 100_000, "no JSON", id="nested without end"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "no JSON", id="a number of 5000 digits"),
        pytest.param(b'{"a": 1, "a": 2}', "'a'? is listed twice|a is listed twice", id="a name listed twice"),
        pytest.param(header(w=5), "tensor w is no object", id="a number for a tensor"),
        pytest.param(header(w={"shape": [1], "data_offsets": [0, 4]}), "no dtype", id="no dtype"),
        pytest.param(header(w=entry(shape=[-2])), "no usable shape", id="a negative size"),
        pytest.param(header(w=entry(shape=[True])), "no usable shape", id="a truth for a size"),
        pytest.param(header(w=entry(-8, 0)), "no usable data_offsets", id="a negative offset"),
        pytest.param(header(w=entry(8, 0)), "no usable data_offsets", id="an end before the beginning"),
        pytest.param(header(w=entry(0, 2**61)), "no usable data_offsets", id="more than any disk holds"),
        pytest.param(header(w=entry(0, 9)), r"holds 9 bytes, but \[2\] of F32 are 8", id="another size"),
        pytest.param(
            header(a=entry(0, 8), b=entry(4, 12)), "tensor b overlaps the one before it", id="overlapping"
        ),
        pytest.param(
            header(**{"\x1b[31m": 5}), r"tensor \\x1b\[31m is no object", id="a name that would paint"
        ),
    ],
)
def test_a_wrong_header_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(BadHeader, match=f"^model-1: .*({said})"):
        tensors_of(raw, part="model-1")


def test_data_beyond_the_end_of_the_file_are_an_error() -> None:
    with pytest.raises(BadHeader, match="truncated: its tensors end at byte"):
        tensors_of(HEADER, file_bytes=len(SMALL) - 1)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        pytest.param(struct.pack("<Q", 100_000_001), "100000001 bytes", id="beyond the format's limit"),
        pytest.param(struct.pack("<Q", 0), "0 bytes", id="no header at all"),
        pytest.param(b"version https://git-lfs", "no safetensors", id="a pointer in place of the file"),
    ],
)
def test_a_wrong_length_is_named(first: bytes, said: str) -> None:
    with pytest.raises(BadHeader, match=said):
        header_length(first)


def test_every_truncation_is_named() -> None:
    for length in range(len(HEADER)):
        cut = HEADER[:length].rstrip(b" ")
        if cut == HEADER.rstrip(b" "):
            continue
        with pytest.raises(BadHeader):
            tensors_of(HEADER[:length])
    for length in range(8):
        with pytest.raises(NeedMore) as needed:
            header_length(SMALL[:length])
        assert needed.value.bytes == 8


@given(
    st.binary(max_size=400)
    | st.builds(lambda at, b: HEADER[:at] + b, st.integers(0, 300), st.binary(max_size=40))
)
def test_arbitrary_bytes_are_read_or_refused(raw: bytes) -> None:
    assert outcome(raw).isprintable()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.fixed_dictionaries({"dtype": _json | st.just("F32"), "shape": _json, "data_offsets": _json})
        | _json,
        max_size=4,
    )
)
def test_arbitrary_json_is_read_or_refused(entries: dict[str, object]) -> None:
    assert outcome(json.dumps(entries).encode()).isprintable()


@pytest.mark.parametrize(
    ("index", "total"),
    [
        pytest.param({"metadata": {"total_size": 65248815744}}, 65248815744, id="as transformers writes it"),
        pytest.param({"metadata": {"total_size": 4.0}}, 4, id="a float"),
        pytest.param({"metadata": {}}, None, id="absent"),
        pytest.param({}, None, id="no metadata"),
        pytest.param({"metadata": {"total_size": -1}}, None, id="negative"),
        pytest.param({"metadata": {"total_size": True}}, None, id="a truth"),
        pytest.param({"metadata": {"total_size": "12"}}, None, id="a word"),
        pytest.param({"metadata": [1]}, None, id="a list"),
    ],
)
def test_the_total_of_an_index(index: dict[str, object], total: int | None) -> None:
    assert index_total(index) == total


def test_the_shards_of_an_index_once_each() -> None:
    assert index_shards(
        {"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-1.safetensors"}}
    ) == (
        "m-1.safetensors",
        "m-2.safetensors",
    )
    assert index_shards({"weight_map": 5}) == ()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.safetensors", "a/../../x", "..\\x", "x\0.safetensors"])
def test_a_shard_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BadHeader, match="no file beside it"):
        index_shards({"weight_map": {"a": name}})
