"""Local models, understood: which files count, their bytes by header, and what is said of broken ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sources.local_model import read_local
from tests.fit.files import TEXT, U32, gguf, safetensors
from watcher.fit.opened import opened
from watcher.types import LocalModel, SourceError, WeightFile

EMBEDDING = ("model.embed_tokens.weight", ("BF16", (16, 4), 128))
HEAD = ("lm_head.weight", ("BF16", (16, 4), 128))
LAYER = ("model.layers.0.mlp.up_proj.weight", ("F8_E4M3", (8, 4), 32))
DRAFT = ("model.layers.2.mlp.up_proj.weight", ("F8_E4M3", (8, 4), 32))
FIRST, SECOND = safetensors(dict([EMBEDDING, LAYER])), safetensors(dict([HEAD, DRAFT]))


def model(files: Mapping[str, bytes], **more: Any) -> LocalModel:
    def held(path: str, raw: bytes) -> WeightFile:
        return WeightFile(
            path=path,
            container=path.rpartition(".")[2],
            size_bytes=len(raw),
            read=lambda offset, length: raw[offset : offset + length],
        )

    return LocalModel(name="x", files=tuple(held(*item) for item in files.items()), **more)


SHARDS = {"model-00001-of-00002.safetensors": FIRST, "model-00002-of-00002.safetensors": SECOND}


def test_headers_of_all_shards() -> None:
    found = opened(
        model({**SHARDS, "original/consolidated.safetensors": FIRST}, config={"num_hidden_layers": 2})
    )
    assert found.weights is not None
    assert (found.weights.total_bytes, found.weights.source) == (320, "header")
    assert (found.weights.embedding_bytes, found.weights.head_bytes, found.weights.draft_bytes) == (
        128,
        128,
        32,
    )
    assert found.files == tuple(SHARDS)
    assert found.problems == ()


def test_a_head_that_tied_embeddings_do_not_load() -> None:
    found = opened(model(SHARDS, config={"text_config": {"tie_word_embeddings": True}}))
    assert found.weights is not None
    assert found.weights.total_bytes == 192


@pytest.mark.parametrize(
    ("files", "index", "total", "source", "said"),
    [
        pytest.param(
            {**SHARDS, "model-00002-of-00002.safetensors": SECOND[:-1]},
            None,
            len(FIRST) + len(SECOND) - 1,
            "files",
            "model-00002-of-00002.safetensors: truncated",
            id="data cut off",
        ),
        pytest.param(
            {"model-00001-of-00002.safetensors": FIRST},
            {"metadata": {"total_size": 999}},
            160,
            "header",
            "model.safetensors: 1 of 2 files, 00002 is missing",
            id="a shard missing",
        ),
        pytest.param(
            {"model.safetensors": b"\x10"},
            {"metadata": {"total_size": 999}},
            999,
            "header",
            "first 8 bytes",
            id="not even a length, and an index that says the total",
        ),
        pytest.param(
            {"model.safetensors": b"version https://git-lfs"},
            None,
            23,
            "files",
            "no safetensors",
            id="a pointer in place of the file",
        ),
        pytest.param(
            {"x-Q8_0.gguf": b"GGUF"}, None, 4, "files", "x-Q8_0.gguf: truncated", id="a GGUF cut off"
        ),
    ],
)
def test_what_is_broken_is_said_and_the_rest_counts(
    files: dict[str, bytes], index: dict[str, Any] | None, total: int, source: str, said: str
) -> None:
    found = opened(model(files, index=index))
    assert found.weights is not None
    assert (found.weights.total_bytes, found.weights.source) == (total, source)
    assert said in found.problems[-1]


def quant(size: int) -> bytes:
    metadata = {
        "general.architecture": (TEXT, "glm4moe"),
        "glm4moe.block_count": (U32, 3),
        "glm4moe.nextn_predict_layers": (U32, 1),
    }
    tensors = [("token_embd.weight", (size,), 0, 4 * size), ("blk.2.attn_q.weight", (8,), 0, 32)]
    return gguf(metadata, tensors)


def test_the_metadata_and_drafts_of_a_gguf() -> None:
    found = opened(model({"x-Q4_K_M.gguf": quant(64)}))
    assert found.weights is not None
    assert (found.weights.total_bytes, found.weights.draft_bytes) == (288, 32)
    assert (found.label, found.metadata and found.metadata["glm4moe.block_count"]) == ("Q4_K_M", 3)


def test_one_of_several_sets_is_taken_and_said() -> None:
    files = {"x-Q8_0.gguf": quant(64), "x-Q4_K_M.gguf": quant(32), "mmproj-F16.gguf": quant(8)}
    found = opened(model(files))
    assert (found.label, found.files) == ("Q4_K_M", ("x-Q4_K_M.gguf",))
    assert found.problems == ("x holds 2 sets of weights: Q4_K_M is taken",)
    assert opened(model(files), "q8_0").files == ("x-Q8_0.gguf",)
    assert opened(model(files), "Q6_K").problems == ("x has no Q6_K: there is Q4_K_M, Q8_0",)
    assert opened(model({**files, "model.safetensors": FIRST})).files == ("model.safetensors",)


def test_nothing_to_load() -> None:
    assert opened(model({})).weights is None
    found = opened(model({"mmproj-F16.gguf": quant(8)}))
    assert found.problems == ("x holds no weights that an engine loads: mmproj-F16.gguf is none",)


def test_a_disk_that_fails_is_a_problem() -> None:
    def read(offset: int, length: int) -> bytes:
        raise SourceError("model.safetensors: input/output error")

    file = WeightFile(path="model.safetensors", container="safetensors", size_bytes=50, read=read)
    found = opened(LocalModel(name="x", files=(file,)))
    assert found.weights is not None
    assert (found.weights.total_bytes, found.weights.source) == (50, "files")
    assert found.problems == ("model.safetensors: input/output error",)


def test_a_folder_on_the_disk(tmp_path: Path) -> None:
    for name, raw in SHARDS.items():
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "config.json").write_text('{"tie_word_embeddings": false, "num_hidden_layers": 2}')
    found = opened(read_local(tmp_path))
    assert found.weights is not None
    assert (found.weights.total_bytes, found.weights.loaded_bytes) == (320, 288)
