"""Start-up logs of four engines, as people have them: with colours, prefixes, ranks, restarts and rubbish."""

import json
from typing import Any

import pytest

from tests.fit.sample_logs import (
    HYBRID,
    LLAMA_CPP,
    NEWEST,
    OLLAMA,
    SGLANG,
    TOO_LONG,
    TWO_RANKS,
    V0,
    V1,
    log_of,
    text_of,
)
from watcher.fit.logs import Measure, SpeedRow, read_log
from watcher.types import Settings

GIB = 2**30


@pytest.mark.parametrize(
    ("name", "engine", "version", "model", "devices"),
    [
        pytest.param(V1, "vllm", "0.11.0", "meta-llama/Llama-3.1-8B-Instruct", (), id="vLLM V1"),
        pytest.param(
            TWO_RANKS, "vllm", "0.11.0", "Qwen/Qwen3-32B", ("NVIDIA H100 80GB HBM3",), id="vLLM, two ranks"
        ),
        pytest.param(V0, "vllm", "0.7.3", "microsoft/phi-4", (), id="vLLM V0"),
        pytest.param(
            SGLANG, "sglang", None, "Qwen/Qwen3-235B-A22B-FP8", ("NVIDIA H100 80GB HBM3",), id="SGLang"
        ),
        pytest.param(
            LLAMA_CPP,
            "llama.cpp",
            "b6710",
            "/models/Qwen3-14B-Q4_K_M.gguf",
            ("NVIDIA GeForce RTX 4090",),
            id="llama.cpp",
        ),
        pytest.param(
            OLLAMA,
            "ollama",
            None,
            "/usr/share/ollama/.ollama/models/blobs/sha256-6340dc32",
            (),
            id="Ollama in the journal, llama.cpp of 2024",
        ),
        pytest.param(
            "llama-bench-gb10.md",
            "llama.cpp",
            "b6767",
            "gpt-oss 120B MXFP4 MoE",
            ("NVIDIA GB10",),
            id="llama-bench, Markdown",
        ),
        pytest.param(
            "llama-bench-rtx-4080.csv",
            "llama.cpp",
            "b5163",
            "models/Qwen2.5-7B-Instruct-Q4_K_M.gguf",
            ("NVIDIA GeForce RTX 4080",),
            id="llama-bench, CSV",
        ),
    ],
)
def test_who_ran_what_on_what(
    name: str, engine: str, version: str | None, model: str, devices: tuple[str, ...]
) -> None:
    log = log_of(name)
    assert (log.engine, log.engine_version, log.model, log.devices) == (engine, version, model, devices)
    assert log.complete
    assert log.boots == 1
    assert log.problems == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(
            V1,
            {"weights": 14.99, "activations": 4.76, "non_torch": 0.13, "graphs": 0.45, "kv_cache": 51.38}
            | {"device_memory": 79.18},
            id="vLLM V1 with debug lines",
        ),
        pytest.param(
            TWO_RANKS,
            {"weights": 30.59, "kv_cache": 34.49, "activations": None, "graphs": None},
            id="of two ranks the smaller room",
        ),
        pytest.param(
            NEWEST,
            {"weights": 4.22, "activations": 0.78, "non_torch": 5.4 - 4.22, "graphs": 0.49}
            | {"kv_cache": 22.27, "device_memory": 31.36},
            id="vLLM 0.24: weights and non-torch are one sum",
        ),
        pytest.param(
            V0,
            {"weights": 8.63, "activations": 1.16, "non_torch": 0.09, "graphs": 1.12, "kv_cache": 45.52}
            | {"device_memory": 79.15},
            id="vLLM V0",
        ),
        pytest.param(TOO_LONG, {"kv_needed": 22.5, "kv_cache": 17.39}, id="a boot that failed tells as much"),
        pytest.param(SGLANG, {"weights": 55.12, "kv_cache": 16.46, "graphs": 1.42}, id="SGLang's GB are GiB"),
        pytest.param(
            LLAMA_CPP,
            {"weights": 8166.65 / 1024, "kv_cache": 2.5, "activations": 306.75 / 1024}
            | {"unaccounted": 836 / 1024, "device_memory": 24080 / 1024, "file_bytes": 8.38},
            id="llama.cpp's buffers on the device",
        ),
        pytest.param(
            HYBRID,
            {"weights": 10104 / 1024, "kv_cache": 340 / 1024, "state": 125.62 / 1024}
            | {"activations": 493 / 1024, "device_memory": 24135 / 1024},
            id="layers and state dealt out to two devices",
        ),
        pytest.param(OLLAMA, {"weights": 4403.49 / 1024, "kv_cache": 1.0}, id="older buffers have no word"),
    ],
)
def test_memory_is_bytes_on_one_device(name: str, said: dict[str, float | None]) -> None:
    log = log_of(name)
    for term, gib in said.items():
        found: Measure | None = getattr(log, term)
        assert (found and found.value) == (None if gib is None else pytest.approx(gib * GIB)), term


@pytest.mark.parametrize(
    ("name", "tokens", "concurrency", "context"),
    [
        pytest.param(V1, 420_864, 26.30, 16_000, id="with thousands separators"),
        pytest.param(TWO_RANKS, 282_304, 17.64, 16_000, id="the smallest of several ranks"),
        pytest.param(NEWEST, 162_144, 4.95, 32_768, id="both in one sentence"),
        pytest.param(V0, None, 462.97, 512, id="V0 counts blocks"),
    ],
)
def test_room_is_read_as_tokens_and_requests(
    name: str, tokens: int | None, concurrency: float, context: int
) -> None:
    log = log_of(name)
    assert (log.kv_tokens and log.kv_tokens.value) == tokens
    assert log.max_concurrency is not None
    assert (log.max_concurrency.value, log.concurrency_context_tokens) == (concurrency, context)


def test_figures_know_the_line_they_stand_on() -> None:
    lines = text_of(V1).split("\n")
    log = log_of(V1)
    assert log.kv_cache is not None
    assert log.kv_tokens is not None
    assert "Available KV cache memory: 51.38" in lines[log.kv_cache.line - 1]
    assert "420,864 tokens" in lines[log.kv_tokens.line - 1]
    assert "148.9 tokens/s" in lines[log.speeds[0].line - 1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(V1, Settings(utilisation=0.9, tensor_parallel=1), id="defaults that the log prints"),
        pytest.param(
            TWO_RANKS, Settings(utilisation=0.9, tensor_parallel=2, eager=True), id="what was set by hand"
        ),
        pytest.param(
            NEWEST, Settings(utilisation=0.92, batched_tokens=8192, tensor_parallel=1), id="told in sentences"
        ),
        pytest.param(
            SGLANG,
            Settings(
                utilisation=0.93,
                batched_tokens=8192,
                max_sequences=2296,
                cache_dtype="bf16",
                tensor_parallel=4,
            ),
            id="SGLang's arguments and what it made of them",
        ),
        pytest.param(
            HYBRID,
            Settings(batched_tokens=512, cache_dtype="q8_0", tensor_parallel=2),
            id="llama.cpp's cache type",
        ),
    ],
)
def test_settings_are_those_of_the_boot(name: str, said: Settings) -> None:
    assert log_of(name).settings == said


def test_llama_cpp_says_for_whom_its_cache_is() -> None:
    alone, together = log_of(OLLAMA), log_of(HYBRID)
    assert (alone.sequences, alone.context_tokens) == (4, 2048)
    assert (together.sequences, together.states, together.context_tokens) == (1, 4, 65_536)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        pytest.param(
            V1, [SpeedRow(kind="decode", tokens_per_second=148.9, line=19, depth_tokens=1683)], id="vLLM"
        ),
        pytest.param(
            SGLANG,
            [SpeedRow(kind="decode", tokens_per_second=62.33, line=19, depth_tokens=1117, samples=2)],
            id="SGLang: between two lines with as many requests",
        ),
        pytest.param(
            LLAMA_CPP,
            [
                SpeedRow(kind="decode", tokens_per_second=78.05, line=33, depth_tokens=1906, samples=2),
                SpeedRow(kind="prefill", tokens_per_second=4000.0, line=32, tokens=1650),
            ],
            id="llama.cpp: a prompt of twelve tokens tells nothing",
        ),
        pytest.param(
            "llama-bench-gb10.md",
            [
                SpeedRow(kind="prefill", tokens_per_second=1689.47, line=5, tokens=2048),
                SpeedRow(kind="decode", tokens_per_second=52.87, line=6, depth_tokens=16),
                SpeedRow(kind="prefill", tokens_per_second=1532.01, line=7, tokens=2048, depth_tokens=4096),
                SpeedRow(kind="decode", tokens_per_second=49.57, line=8, depth_tokens=4112),
            ],
            id="llama-bench: with depth, without mixed tests",
        ),
        pytest.param(
            "llama-bench-rtx-4080.csv",
            [
                SpeedRow(kind="prefill", tokens_per_second=7285.676949, line=2, tokens=512),
                SpeedRow(kind="decode", tokens_per_second=119.915244, line=3, depth_tokens=64),
            ],
            id="llama-bench, CSV",
        ),
    ],
)
def test_speeds_are_of_one_user(name: str, rows: list[SpeedRow]) -> None:
    assert list(log_of(name).speeds) == rows


def _run(**said: Any) -> dict[str, Any]:
    usual = {"build_commit": "8cf427ff", "build_number": 5163, "gpu_info": "NVIDIA GeForce RTX 4080"}
    usual |= {"model_filename": "a.gguf", "model_type": "qwen2 7B", "model_size": 4677120000}
    return usual | {"n_ubatch": 512, "n_prompt": 0, "n_gen": 0, "n_depth": 0, "avg_ts": 1.0} | said


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(lambda rows: json.dumps(rows, indent=2), id="JSON"),
        pytest.param(
            lambda rows: "ggml_cuda_init: found 1\n" + json.dumps(rows, indent=2), id="JSON below stderr"
        ),
        pytest.param(lambda rows: "\n".join(json.dumps(row) for row in rows), id="JSON lines"),
    ],
)
def test_llama_bench_speaks_json(shape: Any) -> None:
    log = read_log(shape([_run(n_prompt=512, avg_ts=7000.5), _run(n_gen=128, avg_ts=119.9)]))
    assert [(row.kind, row.tokens_per_second) for row in log.speeds] == [
        ("prefill", 7000.5),
        ("decode", 119.9),
    ]
    assert log.model == "a.gguf"


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param({"n_gpu_layers": 20}, "only 20 layers", id="some layers on the CPU"),
        pytest.param({"backends": "CPU"}, "on the CPU", id="no GPU at all"),
        pytest.param({"backends": "ROCm,RPC"}, "several machines", id="over the network"),
        pytest.param({"n_cpu_moe": 12}, "experts were on the CPU", id="experts on the CPU"),
    ],
)
def test_a_benchmark_of_half_a_device_tells_nothing_of_it(run: dict[str, Any], reason: str) -> None:
    log = read_log(json.dumps([_run(n_gen=128, **run)]))
    assert reason in log.refused["decode"]


def test_another_model_in_the_same_benchmark_is_left_out() -> None:
    rows = [_run(n_gen=128, model_filename="b.gguf", avg_ts=50.0), _run(n_gen=128, avg_ts=100.0)]
    log = read_log(json.dumps(rows))
    assert [row.tokens_per_second for row in log.speeds] == [100.0]
    assert "b.gguf" in log.problems[0]
