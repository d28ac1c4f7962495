"""Models on this machine: folders, the Hub's cache, single files, and what is wrong with the others."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sources.local_model import LARGEST_JSON, read_local
from watcher.types import SourceError

CONFIG = {"model_type": "llama", "num_hidden_layers": 2}


def lay(folder: Path, files: Mapping[str, bytes | str | Mapping[str, Any]]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content) if isinstance(content, Mapping) else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_a_folder_as_the_hub_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen3-4B"
    lay(folder, {"config.json": CONFIG, "hf_quant_config.json": {"quantization": {}}, "README.md": "x"})
    lay(
        folder, {"model-00001-of-00002.safetensors": b"12345678", "model-00002-of-00002.safetensors": b"1234"}
    )
    lay(
        folder,
        {"model.safetensors.index.json": {"metadata": {"total_size": 5}}, "original/params.json": {"dim": 1}},
    )
    found = read_local(folder)
    assert (found.name, found.config, found.quantisation) == ("Qwen3-4B", CONFIG, {"quantization": {}})
    assert found.index == {"metadata": {"total_size": 5}}
    assert [(f.path, f.container, f.size_bytes) for f in found.files] == [
        ("model-00001-of-00002.safetensors", "safetensors", 8),
        ("model-00002-of-00002.safetensors", "safetensors", 4),
    ]
    assert found.files[0].read(2, 3) == b"345"
    assert found.files[1].read(2, 30) == b"34"
    assert found.problems == ()


def test_mistrals_own_configuration(tmp_path: Path) -> None:
    found = read_local(lay(tmp_path, {"params.json": {"dim": 8}, "consolidated.safetensors": b"x"}))
    assert found.config == {"dim": 8}


@pytest.mark.parametrize("named", [True, False], ids=["by the name of main", "by its age"])
def test_the_cache_of_the_hub(tmp_path: Path, named: bool) -> None:
    cache = tmp_path / "models--Qwen--Qwen3-4B"
    lay(cache, {"snapshots/abc/config.json": CONFIG, **({"refs/main": "abc\n"} if named else {})})
    blob = cache / "blob"
    blob.write_bytes(b"weights")
    (cache / "snapshots" / "abc" / "model.safetensors").symlink_to(blob)
    for path in (cache, cache / "snapshots" / "abc"):
        found = read_local(path)
        assert (found.name, found.config) == ("Qwen/Qwen3-4B", CONFIG)
        assert [(f.path, f.size_bytes) for f in found.files] == [("model.safetensors", 7)]


def test_sub_folders_by_quant(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"Q4_K_M/x-00001-of-00002.gguf": b"a", "Q4_K_M/x-00002-of-00002.gguf": b"b", "x-Q8_0.gguf": b"c"},
    )
    lay(tmp_path, {".cache/y.gguf": b"d"})
    paths = [f.path for f in read_local(tmp_path).files]
    assert paths == ["Q4_K_M/x-00001-of-00002.gguf", "Q4_K_M/x-00002-of-00002.gguf", "x-Q8_0.gguf"]


def test_one_shard_stands_for_its_set(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"x-00001-of-00002.gguf": b"a", "x-00002-of-00002.gguf": b"b", "y-00001-of-00002.gguf": b"c"},
    )
    found = read_local(tmp_path / "x-00001-of-00002.gguf")
    assert (found.name, found.config) == ("x", None)
    assert [f.path for f in found.files] == ["x-00001-of-00002.gguf", "x-00002-of-00002.gguf"]


def test_one_file_with_what_is_configured_beside_it(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {"config.json": CONFIG, "model.safetensors": b"a", "other.safetensors": b"b", "x.gguf": b"c"},
    )
    assert [f.path for f in read_local(tmp_path / "model.safetensors").files] == ["model.safetensors"]
    assert read_local(tmp_path / "model.safetensors").config == CONFIG
    assert read_local(tmp_path / "x.gguf").config is None
    assert read_local(tmp_path / "config.json").config == CONFIG
    assert read_local(tmp_path / "config.json").files == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            '{"a": 1,\n  "b" 2}', "no JSON at line 2, column 7: Expecting ':' delimiter", id="a slip"
        ),
        pytest.param("", "no JSON at line 1, column 1", id="an empty file"),
        pytest.param("[1]", "JSON, but no object: list", id="a list"),
        pytest.param(b"\xff\xfe{}", "no text at byte 0", id="another encoding"),
        pytest.param("[" * 100_000, "no JSON that could be read", id="nested without end"),
        pytest.param(b" " * (LARGEST_JSON + 1), "at most 10485760 are read", id="a file of eleven megabytes"),
    ],
)
def test_a_broken_configuration_is_named(tmp_path: Path, content: bytes | str, said: str) -> None:
    lay(tmp_path, {"config.json": content})
    for path in (tmp_path, tmp_path / "config.json"):
        with pytest.raises(SourceError, match=f"config.json: .*{said}"):
            read_local(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("nothing", "nothing: no such file or directory", id="not there"),
        pytest.param("empty", "holds no model: none of config.json", id="an empty folder"),
        pytest.param("notes.txt", "only .json, .safetensors and .gguf are read", id="another kind of file"),
        pytest.param("odd/config.json", "holds no model|is a directory", id="a folder in place of a file"),
        pytest.param("pipe.gguf", "neither a file nor a folder", id="a pipe"),
        pytest.param("x" * 400, "too long", id="a name that no file has"),
        pytest.param("a\0b", "is no path", id="a name with a null"),
        pytest.param("models--a--b", "no snapshot", id="a download that has not begun"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, name: str, said: str) -> None:
    lay(tmp_path, {"notes.txt": "x"})
    for folder in ("empty", "odd/config.json", "models--a--b/snapshots"):
        (tmp_path / folder).mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(SourceError, match=said):
        read_local(tmp_path / name)


def test_a_configuration_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(SourceError, match=r"config\.json: is a directory"):
        read_local(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_named(tmp_path: Path) -> None:
    lay(tmp_path, {"config.json": CONFIG})
    (tmp_path / "config.json").chmod(0)
    with pytest.raises(SourceError, match=r"config\.json: permission denied"):
        read_local(tmp_path)


def test_weights_that_cannot_be_read_are_a_problem_and_an_error_when_asked_for(tmp_path: Path) -> None:
    lay(tmp_path, {"config.json": CONFIG, "model.safetensors": b"abc", "model.safetensors.index.json": ""})
    (tmp_path / "lost.safetensors").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.gguf")
    found = read_local(tmp_path)
    assert [f.path for f in found.files] == ["model.safetensors"]
    assert [problem.rpartition("/")[2] for problem in found.problems] == [
        "model.safetensors.index.json: no JSON at line 1, column 1: Expecting value",
        "lost.safetensors: no such file or directory",
        "pipe.gguf is no file",
    ]
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SourceError, match=r"model\.safetensors: no such file"):
        found.files[0].read(0, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are of POSIX")
def test_a_configuration_that_never_ends_is_refused(tmp_path: Path) -> None:
    """A repo that was cloned may hold a link to anything."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "config.json").symlink_to("/dev/zero")
    for name in ("pipe.json", "."):
        with pytest.raises(SourceError, match=r"is no file|neither a file nor"):
            read_local(tmp_path / name)
