"""Logs as they reach us: dressed by a shell, restarted, broken off, hostile, or not to be learned from."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fit.sample_logs import LLAMA_CPP, LOGS, SGLANG, TWO_RANKS, V0, V1, log_of, text_of
from watcher.fit.logs import UnknownLog, decode, read_log

GIB, MIB = 2**30, 2**20


@pytest.mark.parametrize(
    "dress",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(lambda text: text.replace("INFO ", "\x1b[32mINFO\x1b[0m "), id="colours"),
        pytest.param(
            lambda text: "\n".join(f"2026-10-14T09:02:11.123456789Z {line}" for line in text.split("\n")),
            id="Docker's timestamps",
        ),
        pytest.param(
            lambda text: "\n".join(f"vllm-1  | {line}" for line in text.split("\n")), id="Docker Compose"
        ),
        pytest.param(
            lambda text: "\n".join(
                json.dumps({"log": line + "\n", "stream": "stderr"}) for line in text.split("\n")
            ),
            id="Docker's json-file driver",
        ),
        pytest.param(
            lambda text: "\n".join(f"Oct 14 09:02:11 gpu1 vllm[99]: {line}" for line in text.split("\n")),
            id="journald",
        ),
    ],
)
@pytest.mark.parametrize("name", [V1, TWO_RANKS, V0])
def test_prefixes_and_colours_change_nothing(name: str, dress: Any) -> None:
    assert read_log(dress(text_of(name))) == log_of(name)


def test_a_configuration_that_a_terminal_broke_into_lines_is_put_together() -> None:
    text = text_of(TWO_RANKS)
    broken = "\n".join(part for line in text.split("\n") for part in (line[:200], line[200:]) if part)
    assert read_log(broken).settings == log_of(TWO_RANKS).settings


def test_a_default_is_assumed_only_where_the_arguments_are_in_the_log() -> None:
    text = text_of(V1)
    assert read_log(text).settings.utilisation == 0.9
    silent = "\n".join(line for line in text.split("\n") if "args: {" not in line and "Desired" not in line)
    assert read_log(silent).settings.utilisation is None


def test_what_a_ray_worker_wrote_is_told_apart_by_worker() -> None:
    log = read_log(
        "(EngineCore_0 pid=1) (RayWorkerWrapper pid=7, ip=10.0.0.1) Model loading took 7.5 GiB\n"
        "(EngineCore_0 pid=1) (RayWorkerWrapper pid=8) Model loading took 7.1 GiB\n"
        "(EngineCore_0 pid=1) (RayWorkerWrapper pid=7, ip=10.0.0.1) Available KV cache memory: 10.9 GiB\n"
        "(EngineCore_0 pid=1) (RayWorkerWrapper pid=8) Available KV cache memory: 11.0 GiB\n"
    )
    assert log.weights is not None
    assert log.kv_cache is not None
    assert log.weights.value == pytest.approx(7.5 * GIB)
    assert log.kv_cache.value == pytest.approx(10.9 * GIB)


def test_windows_powershell_writes_utf_16() -> None:
    assert read_log(decode(text_of(V1).encode("utf-16"))) == log_of(V1)


def test_of_several_boots_the_last_complete_one_counts() -> None:
    first = text_of(V1)
    second = first.replace("51.38 GiB", "50.01 GiB")
    half = "\n".join(first.split("\n")[:8]) + "\ntorch.OutOfMemoryError: CUDA out of memory.\n"
    log = read_log(first + second + half)
    assert log.kv_cache is not None
    assert log.kv_cache.value == pytest.approx(50.01 * GIB)
    assert log.boots == 3
    assert log.kv_cache.line > len(first.split("\n"))


def test_a_boot_that_ended_early_says_so() -> None:
    log = read_log("\n".join(text_of(V1).split("\n")[:8]))
    assert not log.complete
    assert "did not come to its end" in log.problems[0]


@pytest.mark.parametrize(
    ("name", "old", "new", "terms"),
    [
        pytest.param(
            V1,
            "speculative_config=None",
            "speculative_config=SpeculativeConfig(method='eagle', model='x', num_spec_tokens=4)",
            {"kv_cache", "decode", "weights"},
            id="vLLM with a draft model",
        ),
        pytest.param(
            V1,
            "'block_size': 128",
            "'speculative_config': {'method': 'mtp', 'num_speculative_tokens': 2}",
            {"kv_cache", "decode"},
            id="vLLM with multi-token prediction",
        ),
        pytest.param(V1, "'block_size': 128", "'cpu_offload_gb': 8.0", {"weights"}, id="weights on the host"),
        pytest.param(V1, "'block_size': 128", "'enable_lora': True", {"rest"}, id="adapters"),
        pytest.param(
            V1, "'block_size': 128", "'kv_cache_memory_bytes': 4294967296", {"rest"}, id="a given cache"
        ),
        pytest.param(
            SGLANG, "speculative_algorithm=None", "speculative_algorithm='EAGLE'", {"decode"}, id="SGLang"
        ),
        pytest.param(
            SGLANG,
            "[2026-07-22 09:01:41 TP0] Using KV",
            "[2026-07-22 09:01:41 TP0] Load weight begin. avail mem=22.19 GB\n"
            "[2026-07-22 09:01:41 TP0] Using KV",
            {"weights", "kv_cache"},
            id="SGLang loads a second model",
        ),
        pytest.param(
            LLAMA_CPP, "41/41 layers", "20/41 layers", {"activations", "decode"}, id="half on the CPU"
        ),
        pytest.param(
            LLAMA_CPP,
            "main: server is listening",
            "srv load_model: loading draft model '/models/draft.gguf'\nmain: server is listening",
            {"decode"},
            id="llama.cpp with a draft model",
        ),
    ],
)
def test_what_must_not_be_learned_is_refused_with_a_reason(
    name: str, old: str, new: str, terms: set[str]
) -> None:
    text = text_of(name)
    assert old in text
    refused = read_log(text.replace(old, new)).refused
    assert terms <= set(refused)
    assert not set(log_of(name).refused) & terms


def test_a_draft_model_of_llama_cpp_is_not_added_up() -> None:
    text = text_of(LLAMA_CPP)
    loaded = text[text.index("llama_model_loader") : text.index("main: server")]
    log = read_log(text + "srv load_model: loading draft model '/models/d.gguf'\n" + loaded)
    assert log.kv_cache is not None
    assert log.kv_cache.value == 2560 * MIB


def test_a_trial_context_is_not_added_to_the_real_one() -> None:
    text = text_of(LLAMA_CPP)
    trial = text[text.index("llama_context: constructing") : text.index("main: server")]
    assert read_log(text.replace("main: server", trial + "main: server")).kv_cache.value == 2560 * MIB  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("51.38 GiB", f"{'9' * 20} GiB", id="more memory than there is"),
        pytest.param("420,864 tokens", "99,999,999,999,999,999 tokens", id="more tokens than there are"),
        pytest.param("26.30x", "26.30.12x", id="no number at all"),
    ],
)
def test_an_absurd_number_is_dropped_and_its_line_named(old: str, new: str) -> None:
    text = text_of(V1)
    number = text[: text.index(old)].count("\n") + 1
    log = read_log(text.replace(old, new))
    assert any(problem.startswith(f"line {number}: ") for problem in log.problems)
    assert log.weights == log_of(V1).weights


def test_less_than_nothing_left_is_a_measurement() -> None:
    log = read_log(text_of(V1).replace("51.38 GiB", "-1.44 GiB"))
    assert log.kv_cache is not None
    assert log.kv_cache.value == pytest.approx(-1.44 * GIB)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "Looked for", id="nothing"),
        pytest.param("hello\nworld\n" * 100, "Available KV cache memory", id="something else"),
        pytest.param("| model | price |\n| --- | --- |\n| a | 3 |\n", "llama-bench", id="another table"),
        pytest.param("\x00\x01\x02ELF" * 1000, "no text", id="a binary"),
        pytest.param('[{"build_commit": "x", "avg_ts": "fast"}]', "Looked for", id="JSON without a speed"),
    ],
)
def test_what_is_no_log_is_refused_with_what_was_looked_for(text: str, words: str) -> None:
    with pytest.raises(UnknownLog, match=words):
        read_log(text)


_PIECES = sorted({line for path in LOGS.iterdir() for line in decode(path.read_bytes()).split("\n")})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=200)), max_size=40), st.data())
def test_any_text_is_read_or_refused(pieces: list[str], data: st.DataObject) -> None:
    text = "\n".join(pieces)
    if text:
        cut = data.draw(st.integers(0, len(text)))
        text = text[:cut] + data.draw(st.text(max_size=5)) + text[cut:]
    try:
        log = read_log(text)
    except UnknownLog:
        return
    figures = [getattr(log, name) for name in ("weights", "kv_cache", "kv_tokens", "activations")]
    assert all(abs(figure.value) <= 2**50 * 64 for figure in figures if figure)
    assert all(0 < row.tokens_per_second <= 1e7 for row in log.speeds)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("a" * 5_000_000, id="one line of five megabytes"),
        pytest.param("total_gpu_memory (" * 200_000, id="the start of a sentence over and over"),
        pytest.param("(" * 1_000_000, id="brackets"),
        pytest.param("| " * 1_000_000, id="an endless table row"),
        pytest.param("buffer size = " * 200_000, id="buffers without a size"),
        pytest.param("Initializing a V1 LLM engine (v" + "9" * 1_000_000, id="an endless version"),
        pytest.param("[" * 100_000 + '"build_commit"', id="deep JSON"),
        pytest.param(
            "args: {\n" + "'model': 'x', 1234567890\n" * 50_000, id="a configuration that never ends"
        ),
        pytest.param("\x1b[" * 1_000_000, id="escapes that never end"),
        pytest.param("device_name=" * 100_000 + "Model loading took 1", id="devices without end"),
    ],
)
def test_hostile_lines_cost_little(line: str) -> None:
    began = time.perf_counter()
    log = read_log(text_of(V1) + line + "\n" + line)
    print(f"{time.perf_counter() - began:.2f} s")
    assert log.kv_cache == log_of(V1).kv_cache
