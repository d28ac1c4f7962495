"""The command: what it prints for a handful of rows, with and without a peer."""

import json
import stat
from pathlib import Path

import pytest

from tests.accuracy.fit import main
from tests.accuracy.test_rows import written

SPEED = (
    {
        "row_id": "S1",
        "hf_model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "quant_format": "Q4_K_M",
        "gpu": "RTX 4090",
        "engine": "llama.cpp",
        "concurrency": "1",
        "quantity": "decode_tok_s_per_user",
        "value": "130",
        "spec_decode": "none",
        "source": "github:a/b x @1",
    },
    {
        "row_id": "S2",
        "hf_model_id": "meta-llama/Llama-3.1-8B-Instruct",
        "quant_format": "Q4_K_M",
        "gpu": "Abacus",
        "engine": "llama.cpp",
        "quantity": "decode_tok_s_per_user",
        "value": "1",
        "source": "github:a/b x @1",
    },
    {"row_id": "S3", "quantity": "decode_tok_s_per_user", "value": "9", "is_estimate": "1"},
    {"row_id": "S4", "quantity": "decode_tok_s_per_user", "value": "9", "spec_decode": "MTP"},
)
PEER = """#!/bin/sh
case "$*" in
  *--version*) echo "llmfit 0.0" ;;
  *list*) echo '[{"name": "meta-llama/Llama-3.1-8B-Instruct"}]' ;;
  *plan*) echo '{"run_paths": [{"path": "gpu", "estimated_tps": 65.0}]}' ;;
  *) echo '{"models": []}' ;;
esac
"""


def test_one_object_with_scores_and_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speed = str(written(tmp_path, *SPEED))
    assert main(["--speed", speed, "--json", "--no-write", "--no-cross-validation", "--no-peers"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"rows", "answered", "scores", "by_family", "by_device", "by_engine"}
    assert (told["rows"], told["answered"]) == (4, 1)
    assert told["scores"]["decode_dense_error"]["n"] == 1
    assert list(told["by_device"]) == ["rtx-4090"]
    assert list(told["by_family"]) == ["llama"]
    assert list(told["by_engine"]) == ["llama.cpp"]


def test_reasons_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--speed", str(written(tmp_path, *SPEED)), "--no-write", "--no-cross-validation", "--no-peers"])
        == 0
    )
    text = capsys.readouterr().out
    assert "4 rows, 1 answered" in text
    assert "device not known: Abacus" in text
    assert "somebody's estimate, not a measurement" in text
    assert "speculative decoding" in text
    assert "llmfit: not run" in text


def test_a_peer_is_asked_for_the_same_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peer = tmp_path / "llmfit"
    peer.write_text(PEER, encoding="utf-8")
    peer.chmod(peer.stat().st_mode | stat.S_IXUSR)
    speed = str(written(tmp_path, *SPEED))
    assert (
        main(["--speed", speed, "--json", "--no-write", "--no-cross-validation", "--llmfit", str(peer)]) == 0
    )
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["llmfit_decode_error"] == {"value": 1.0, "n": 1}
    assert scores["decode_error_over_llmfits"]["value"] < 1


def test_a_peer_that_is_not_there_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "nowhere" / "llmfit")
    speed = str(written(tmp_path, *SPEED))
    assert main(["--speed", speed, "--no-write", "--no-cross-validation", "--llmfit", missing]) == 0
    assert "llmfit: not run" in capsys.readouterr().out


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--speed", str(tmp_path / "none.csv")]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("", id="an empty file"),
        pytest.param("a,b\n1,2\n", id="columns of something else"),
        pytest.param("row_id,value\nS1,1,2,3,4\n", id="more cells than columns"),
        pytest.param("row_id,value,gpu\nS1\n", id="fewer cells than columns"),
        pytest.param(
            "row_id,gpu_count,quantity,value\nS1,-3,decode_tok_s_per_user,1e308\n", id="odd numbers"
        ),
    ],
)
def test_odd_files_are_no_crash(tmp_path: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(words, encoding="utf-8")
    assert (
        main(
            [
                "--speed",
                str(path),
                "--memory",
                str(path),
                "--json",
                "--no-write",
                "--no-cross-validation",
                "--no-peers",
            ]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["answered"] == 0
