"""Which weights, layers and device a start-up log is about."""

from dataclasses import replace

import pytest

from tests.fit.configs import QWEN3_14B
from tests.fit.sample_logs import LLAMA_CPP, log_of
from tests.store.builders import known, quant
from watcher.calibrating import Unclear, place_of, repo_of, subject_of
from watcher.fit.devices import devices
from watcher.fit.logs import BootLog, Measure
from watcher.types import Details, Hardware

H100 = "h100-sxm-80gb"


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        pytest.param("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", id="an id"),
        pytest.param(
            "/home/me/.cache/huggingface/hub/models--Qwen--Qwen3-32B/snapshots/9216",
            "Qwen/Qwen3-32B",
            id="the cache",
        ),
        pytest.param("/models/Qwen3-14B-Q4_K_M.gguf", None, id="a path"),
        pytest.param("models/Qwen3-14B-Q4_K_M.gguf", None, id="a path that looks like an id"),
        pytest.param("gpt-oss 120B MXFP4 MoE", None, id="llama-bench's words"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_ids_are_read_from_what_logs_call_models(name: str | None, repo: str | None) -> None:
    assert repo_of(name) == repo


def _place(log: BootLog, *own: str) -> str:
    pools = [Hardware(name=f"pool-{n}", device=devices()[key]) for n, key in enumerate(own)]
    return place_of(log, None, pools).device.key


@pytest.mark.parametrize(
    ("gib", "own", "device"),
    [
        pytest.param(79.18, (H100, "dgx-spark"), H100, id="the one of that memory"),
        pytest.param(None, (H100,), H100, id="the only one"),
        pytest.param(79.18, (H100, "a100-sxm-80gb"), None, id="two of that memory"),
        pytest.param(79.18, ("dgx-spark",), None, id="none of that memory"),
        pytest.param(None, (), None, id="nothing at all"),
    ],
)
def test_a_log_without_a_device_is_the_teams_own_where_that_is_clear(
    gib: float | None, own: tuple[str, ...], device: str | None
) -> None:
    memory = Measure(value=gib * 2**30, line=1) if gib else None
    log = BootLog(engine="vllm", device_memory=memory)
    if device is None:
        with pytest.raises(Unclear, match="--on"):
            _place(log, *own)
    else:
        assert _place(log, *own) == device


def test_a_part_of_a_device_is_not_taken_for_the_whole() -> None:
    memory = Measure(value=39.4 * 2**30, line=1)
    log = BootLog(engine="vllm", devices=("NVIDIA H100 80GB HBM3",), device_memory=memory)
    with pytest.raises(Unclear, match=r"39\.4 GiB, which may be a part of one"):
        place_of(log, None, ())
    assert place_of(log, H100, ()).device.key == H100


QUANTS = "unsloth/Qwen3-14B-GGUF"


@pytest.mark.parametrize(
    ("log", "label", "source"),
    [
        pytest.param(log_of(LLAMA_CPP), "Q4_K_M", "files", id="the file of that size"),
        pytest.param(
            replace(log_of(LLAMA_CPP), file_bytes=None), "Q4_K_M", "files", id="the file of that name"
        ),
        pytest.param(
            replace(log_of(LLAMA_CPP), file_bytes=Measure(value=12e9, line=1)),
            "Q4_K_M",
            "files",
            id="a size that the repo does not offer is the log's",
        ),
        pytest.param(
            replace(log_of(LLAMA_CPP), file_bytes=None, model="Qwen3-14B-Q6_K.gguf"),
            "Q6_K",
            "table",
            id="a type that the repo does not offer",
        ),
    ],
)
def test_the_weights_are_those_that_the_log_loaded(log: BootLog, label: str, source: str) -> None:
    offered = quant(QUANTS, "Qwen/Qwen3-14B", {"Q4_K_M": 9.0, "Q8_0": 15.7})
    base = known(
        "Qwen/Qwen3-14B", details=Details(repo_id="Qwen/Qwen3-14B", revision="r1", files=(), config=QWEN3_14B)
    )
    subject = subject_of(log, None, offered, base)
    assert (subject.variant.label, subject.variant.size_source) == (label, source)
    if log.file_bytes is not None:
        assert subject.variant.size_bytes == pytest.approx(log.file_bytes.value, rel=0.03)


@pytest.mark.parametrize(
    ("said", "label"),
    [
        pytest.param("fp8", "fp8", id="fp8"),
        pytest.param("gptq_marlin", "gptq", id="a kernel's name"),
        pytest.param("modelopt_fp4", "nvfp4", id="ModelOpt's"),
        pytest.param(None, "bf16", id="nothing: sixteen bits"),
    ],
)
def test_the_format_is_the_method_that_the_log_names(said: str | None, label: str) -> None:
    log = BootLog(engine="vllm", model="microsoft/phi-4", quantisation=said)
    assert subject_of(log, None, None, None).variant.label == label


@pytest.mark.parametrize(
    ("words", "repo"),
    [
        pytest.param("gpt-oss 120B MXFP4 MoE", "openai/gpt-oss-120b", id="gpt-oss"),
        pytest.param("qwen3moe 30B.A3B Q4_K - Medium", "Qwen/Qwen3-30B-A3B", id="a mixture"),
    ],
)
def test_llama_benchs_own_words_for_a_model_are_understood(words: str, repo: str) -> None:
    log = BootLog(engine="llama.cpp", model=words, file_bytes=Measure(value=20e9, line=1))
    assert subject_of(log, None, None, None).name == repo
