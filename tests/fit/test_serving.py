"""Which engine serves what, and the command that starts it."""

import os
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.fit.command_line import CannotServe, serve_command
from watcher.fit.devices import devices
from watcher.fit.engines import engines
from watcher.fit.pools import pool_of
from watcher.fit.serving import choose_engine, refused, runs
from watcher.tables import table
from watcher.types import Load, Settings, Variant

GOLDEN = Path(__file__).parents[1] / "golden" / "serve_commands.txt"


def weights(
    repo_id: str = "owner/model", form: str = "safetensors", label: str = "fp8", files: tuple[str, ...] = ()
) -> Variant:
    return Variant(
        repo_id=repo_id,
        format=form,
        label=label,
        bits=None,
        size_bytes=None,
        size_source="files",
        files=files,
    )


FP8 = weights("Qwen/Qwen3-32B-FP8")
NVFP4 = weights("nvidia/Llama-3.3-70B-Instruct-NVFP4", "nvfp4", "nvfp4")
GGUF = weights("unsloth/Qwen3-32B-GGUF", "gguf", "Q4_K_M", ("Qwen3-32B-Q4_K_M.gguf",))


@pytest.mark.parametrize(
    ("form", "label", "device", "users", "workload", "engine"),
    [
        pytest.param("gguf", "Q4_K_M", "rtx-4090", 1, None, "ollama", id="a prototype for one user"),
        pytest.param("gguf", "Q4_K_M", "rtx-4090", 20, None, "llama.cpp", id="a GGUF for many: it batches"),
        pytest.param("gguf", "Q4_K_M", "apple-m4-max-128gb", 1, None, "llama.cpp", id="a Mac"),
        pytest.param("safetensors", "fp8", "h100-sxm-80gb", 1, None, "vllm", id="code review at FP8"),
        pytest.param("safetensors", "awq", "h100-sxm-80gb", 20, None, "vllm", id="20 users of an API"),
        pytest.param("safetensors", "awq", "dgx-spark", 10, "chat", "sglang", id="a helpdesk on a Spark"),
        pytest.param("safetensors", "nvfp4", "dgx-spark", 1, None, "sglang", id="a Spark at full speed"),
        pytest.param("safetensors", "fp8", "h100-sxm-80gb", 30, "rag", "sglang", id="RAG shares prefixes"),
        pytest.param(
            "safetensors",
            "fp8",
            "h200-sxm-141gb",
            100,
            "throughput",
            "tensorrt-llm",
            id="most tokens per second",
        ),
        pytest.param("safetensors", "fp8", "mi300x", 100, "throughput", "vllm", id="the same on AMD"),
        pytest.param("safetensors", "fp8", "mi300x", 10, "chat", "sglang", id="chat on AMD"),
        pytest.param("safetensors", "bf16", "rx-7900-xtx", 10, "chat", "vllm", id="a Radeon: no SGLang"),
        pytest.param(
            "safetensors", "nvfp4", "h100-sxm-80gb", 10, "chat", "vllm", id="NVFP4 without units: only vLLM"
        ),
        pytest.param(
            "safetensors",
            "fp8",
            "a100-sxm-80gb",
            100,
            "throughput",
            "sglang",
            id="FP8 without units: no TensorRT",
        ),
        pytest.param(
            "safetensors", "bf16", "t4", 50, "throughput", "sglang", id="a T4 is too old for TensorRT"
        ),
        pytest.param(
            "gguf", "Q4_K_M", "v100-32gb", 3, "chat", "llama.cpp", id="a V100 still runs llama.cpp's"
        ),
        pytest.param("safetensors", "bf16", "v100-32gb", 3, "chat", None, id="but no engine for safetensors"),
        pytest.param("safetensors", "fp8", "apple-m4-max-128gb", 1, None, None, id="safetensors on a Mac"),
        pytest.param("mlx", "mlx-4bit", "apple-m4-max-128gb", 1, None, None, id="MLX weights"),
        pytest.param("safetensors", "nvfp4", "mi300x", 10, None, None, id="NVFP4 on AMD"),
    ],
)
def test_the_engine_for_a_load(
    form: str, label: str, device: str, users: int, workload: str | None, engine: str | None
) -> None:
    choice = choose_engine(form, label, devices()[device], users, workload)
    assert choice.engine == engine
    assert choice.reason
    assert choice.engine not in choice.alternatives


@pytest.mark.parametrize(
    ("form", "label", "device", "users", "workload", "says"),
    [
        ("gguf", "Q4_K_M", "rtx-4090", 1, None, "for one user Ollama is fine"),
        ("gguf", "Q4_K_M", "rtx-4090", 20, None, "for 20 users, safetensors weights in vLLM or SGLang"),
        ("safetensors", "fp8", "h100-sxm-80gb", 30, "rag", "which SGLang keeps"),
        ("safetensors", "fp8", "mi300x", 99, "throughput", "least work to operate"),
        ("safetensors", "bf16", "rx-7900-xtx", 10, "chat", "vllm is the first that runs safetensors weights"),
        ("mlx", "mlx-4bit", "apple-m4-max-128gb", 1, None, "mlx-lm"),
        (
            "safetensors",
            "nvfp4",
            "mi300x",
            10,
            None,
            "none of our engines runs nvfp4 safetensors weights on MI300X",
        ),
    ],
)
def test_the_reason_in_plain_words(
    form: str, label: str, device: str, users: int, workload: str | None, says: str
) -> None:
    assert says in choose_engine(form, label, devices()[device], users, workload).reason


def test_alternatives_run_it_too() -> None:
    choice = choose_engine("safetensors", "fp8", devices()["h100-sxm-80gb"], 10)
    assert (choice.engine, choice.alternatives) == ("vllm", ("sglang", "tensorrt-llm"))


@pytest.mark.parametrize(
    ("label", "device", "users", "workload", "running", "engine", "suits"),
    [
        pytest.param(
            "fp8", "h100-sxm-80gb", 20, "chat", "vllm", "vllm", True, id="vLLM does well for a chat"
        ),
        pytest.param("nvfp4", "dgx-spark", 10, "chat", "vllm", "sglang", True, id="not on a Spark"),
        pytest.param(
            "Q4_K_M", "rtx-4090", 20, None, "ollama", "llama.cpp", False, id="nothing suits 20 users"
        ),
        pytest.param(
            "Q4_K_M", "rtx-4090", 3, None, "ollama", "llama.cpp", True, id="for a few anything does"
        ),
        pytest.param(
            "fp8", "h100-sxm-80gb", 1, None, "ollama", "vllm", True, id="it does not run the weights"
        ),
    ],
)
def test_the_engine_that_a_team_runs_stays_where_it_does_well_enough(
    label: str, device: str, users: int, workload: str | None, running: str, engine: str, suits: bool
) -> None:
    form = "gguf" if label[0] == "Q" else "safetensors"
    choice = choose_engine(form, label, devices()[device], users, workload, running)
    assert (choice.engine, choice.suits) == (engine, suits)
    assert choice.engine not in choice.alternatives


def test_text_generation_inference_is_never_chosen() -> None:
    named = {engine for situation in table("serving")["situations"] for engine in situation["engines"]}
    assert named <= set(engines())
    assert not runs("tgi", "safetensors", "bf16", devices()["h100-sxm-80gb"])
    assert "maintenance mode" in refused(["vllm", "TGI"])["TGI"]


@given(
    form=st.sampled_from(["gguf", "safetensors", "nvfp4", "awq", "mlx", "exl3", "?", ""]),
    label=st.sampled_from(["Q4_K_M", "fp8", "nvfp4", "bnb-4bit", "bf16", "mxfp4", "", "\x00"]),
    device=st.sampled_from(sorted(devices())),
    users=st.integers(-1, 10_000),
    workload=st.none() | st.text(max_size=8),
)
def test_there_is_always_an_answer(
    form: str, label: str, device: str, users: int, workload: str | None
) -> None:
    choice = choose_engine(form, label, devices()[device], users, workload)
    assert choice.reason
    assert choice.engine is None or runs(choice.engine, form, label, devices()[device])


def command(
    engine: str, variant: Variant, pool: str, users: int = 1, context: int = 8192, **settings: object
) -> str:
    return serve_command(
        engine,
        variant=variant,
        load=Load(users=users, context_tokens=context),
        hardware=pool_of(pool),
        settings=Settings(**settings),  # type: ignore[arg-type]  # keywords of the tests
    )


FRUGAL = {"utilisation": 0.97, "batched_tokens": 2048, "max_sequences": 256, "eager": True}
SPLIT = weights("owner/big-GGUF", "gguf", "Q4_K_M", ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf"))
UNNAMED = weights("owner/some-GGUF", "gguf", "gguf", ("some model.gguf",))
LLAMA = weights("meta-llama/Llama-3.1-8B-Instruct", label="bf16")
COMMANDS = {
    "vLLM, all by default": command("vllm", FP8, "h100", 1, 32768, utilisation=0.92, max_sequences=1024),
    "vLLM, an 8-bit cache": command("vllm", FP8, "h100", 20, 16384, cache_dtype="fp8"),
    "vLLM, everything stretched": command("vllm", FP8, "h100", 4, 8192, **FRUGAL),
    "vLLM, more users than it takes by default": command("vllm", LLAMA, "rtx-4090", 400, 1024),
    "vLLM, two devices": command("vllm", FP8, "2xh200-sxm", 10, 32768, tensor_parallel=2),
    "vLLM, a Spark": command("vllm", NVFP4, "spark", 4, 16384),
    "vLLM, two Sparks": command("vllm", NVFP4, "2xdgx-spark", 4, 16384),
    "vLLM, sixteen GPUs": command("vllm", FP8, "16xh100", 4, 16384),
    "vLLM, without prefix caching": command("vllm", FP8, "h100", prefix_caching=False),
    "SGLang, all by default": command("sglang", FP8, "h100", 10, 16384, utilisation=1.0),
    "SGLang, everything stretched": command("sglang", FP8, "h100", 4, 8192, cache_dtype="fp8", **FRUGAL),
    "SGLang, a Spark": command("sglang", NVFP4, "spark", 10, 16384),
    "SGLang, two Sparks": command("sglang", NVFP4, "2 x spark", 10, 16384, batched_tokens=4096),
    "TensorRT-LLM, all by default": command("tensorrt-llm", FP8, "h100", 10, 16384, utilisation=1.0),
    "TensorRT-LLM, two devices, an 8-bit cache": command(
        "tensorrt-llm", FP8, "2xh100", 64, 8192, cache_dtype="fp8", max_sequences=64
    ),
    "TensorRT-LLM, without CUDA graphs": command("tensorrt-llm", FP8, "h100", 4, 8192, eager=True),
    "TensorRT-LLM, a Spark": command("tensorrt-llm", NVFP4, "spark", 1, 8192),
    "llama.cpp, one user": command("llama.cpp", GGUF, "rtx-4090", 1, 32768, batched_tokens=512),
    "llama.cpp, four users and a small cache": command("llama.cpp", GGUF, "rtx-4090", 4, cache_dtype="q8_0"),
    "llama.cpp, small steps": command("llama.cpp", GGUF, "rtx-4090", batched_tokens=128, eager=True),
    "llama.cpp, large steps": command("llama.cpp", GGUF, "rtx-4090", batched_tokens=4096),
    "llama.cpp, a file whose name says no type": command("llama.cpp", UNNAMED, "m3 max"),
    "llama.cpp, two Sparks": command("llama.cpp", GGUF, "2xspark"),
    "llama.cpp, a local file": command("llama.cpp", weights("/models/q4.gguf", "gguf", "Q4_K_M"), "4090"),
    "llama.cpp, a local folder": command(
        "llama.cpp", weights("/my models", "gguf", "Q4_K_M", ("q4.gguf",)), "4090"
    ),
    "Ollama, one user": command("ollama", GGUF, "rtx-4090"),
    "Ollama, four users and a small cache": command("ollama", GGUF, "rtx-4090", 4, cache_dtype="q8_0"),
}


def test_the_commands_read_as_in_the_golden_file() -> None:
    """MODELWATCH_GOLDEN=write writes it anew: look at the difference before committing it."""
    shown = "\n".join(f"{title}\n{text}\n" for title, text in COMMANDS.items())
    if os.environ.get("MODELWATCH_GOLDEN") == "write":
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


# As the engines' own parsers know them: whether a value follows.
FLAGS = {
    "vllm": {
        "--tensor-parallel-size": True,
        "--max-model-len": True,
        "--max-num-seqs": True,
        "--gpu-memory-utilization": True,
        "--max-num-batched-tokens": True,
        "--kv-cache-dtype": True,
        "--enforce-eager": False,
        "--no-enable-prefix-caching": False,
    },
    "python": {
        "-m": True,
        "--model-path": True,
        "--tp": True,
        "--context-length": True,
        "--max-running-requests": True,
        "--mem-fraction-static": True,
        "--chunked-prefill-size": True,
        "--kv-cache-dtype": True,
        "--disable-cuda-graph": False,
        "--disable-radix-cache": False,
    },
    "trtllm-serve": {
        "--tp_size": True,
        "--max_seq_len": True,
        "--max_batch_size": True,
        "--max_num_tokens": True,
        "--kv_cache_free_gpu_memory_fraction": True,
        "--kv_cache_dtype": True,
    },
    "llama-server": {
        "-hf": True,
        "--hf-file": True,
        "-m": True,
        "-c": True,
        "-np": True,
        "-ngl": True,
        "-fa": True,
        "-ub": True,
        "-b": True,
        "--cache-type-k": True,
        "--cache-type-v": True,
    },
}


@pytest.mark.parametrize("title", [title for title in COMMANDS if not title.startswith("Ollama")])
def test_every_flag_is_the_engines_own(title: str) -> None:
    words = shlex.split(COMMANDS[title], comments=True)
    flags = FLAGS[words[0]]
    given: dict[str, str | None] = {}
    rest = iter(words[1:])
    positional = []
    for word in rest:
        if not word.startswith("-"):
            positional.append(word)
            continue
        assert word in flags
        assert word not in given
        given[word] = next(rest) if flags[word] else None
    assert len(positional) == {"vllm": 2, "trtllm-serve": 2}.get(words[0], 0)
    for share in ("--gpu-memory-utilization", "--mem-fraction-static", "--kv_cache_free_gpu_memory_fraction"):
        assert share not in given or 0 < float(given[share] or 0) < 1


def test_shares_take_no_more_memory_than_was_planned() -> None:
    words = shlex.split(COMMANDS["vLLM, a Spark"])
    spark = devices()["dgx-spark"]
    assert (
        float(words[words.index("--gpu-memory-utilization") + 1]) * spark.usable_bytes <= spark.planning_bytes
    )
    words = shlex.split(COMMANDS["SGLang, a Spark"])
    assert float(words[words.index("--mem-fraction-static") + 1]) * spark.usable_bytes <= spark.planning_bytes


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("owner/model; rm -rf /", id="a second command"),
        pytest.param("owner/$(reboot)", id="a command in a command"),
        pytest.param("owner/`id`", id="an older one"),
        pytest.param("owner/it's", id="a quotation mark"),
        pytest.param("owner/a b", id="a space"),
        pytest.param("owner/model && curl x | sh", id="an and"),
        pytest.param("owner/#comment", id="a comment"),
    ],
)
@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llama.cpp"])
def test_hostile_ids_stay_one_word(engine: str, hostile: str) -> None:
    form, label = ("gguf", "Q4_K_M") if engine == "llama.cpp" else ("safetensors", "fp8")
    line = command(engine, weights(hostile, form, label), "h100")
    assert sum(word.startswith(hostile) for word in shlex.split(line)) == 1
    assert "\n" not in line


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama"])
@given(hostile=st.text(max_size=40))
def test_wild_ids_are_one_word_or_refused(engine: str, hostile: str) -> None:
    form, label = ("gguf", "Q4_K_M") if engine in ("llama.cpp", "ollama") else ("safetensors", "fp8")
    line = _command_or_refusal(engine, weights(hostile, form, label, (hostile,)))
    assert all(part.isprintable() for part in line.splitlines())


def _command_or_refusal(engine: str, variant: Variant) -> str:
    try:
        return command(engine, variant, "h100")
    except CannotServe as e:
        return str(e)


@pytest.mark.parametrize(
    ("engine", "variant", "pool", "settings", "says"),
    [
        pytest.param(
            "vllm", weights("a/b\nrm -rf /"), "h100", {}, "neither a repo id nor a path", id="a newline"
        ),
        pytest.param(
            "vllm", weights("a/b\u202e"), "h100", {}, "neither a repo id nor a path", id="turned text"
        ),
        pytest.param("vllm", weights("--trust-remote-code"), "h100", {}, "neither a repo id", id="a flag"),
        pytest.param("vllm", weights(""), "h100", {}, "neither a repo id nor a path", id="nothing"),
        pytest.param("vllm", weights("a" * 999), "h100", {}, "neither a repo id nor a path", id="too long"),
        pytest.param("tgi", FP8, "h100", {}, "no command is known for 'tgi'", id="an engine that is gone"),
        pytest.param("vllm", GGUF, "h100", {}, "vllm does not load 'Q4_K_M' as 'gguf'", id="GGUF in vLLM"),
        pytest.param("ollama", FP8, "h100", {}, "ollama does not load 'fp8'", id="safetensors in Ollama"),
        pytest.param(
            "vllm",
            FP8,
            "h100",
            {"cache_dtype": "q8_0"},
            "vllm has no cache type 'q8_0'",
            id="another's cache",
        ),
        pytest.param("ollama", SPLIT, "h100", {}, "in several parts; llama.cpp does", id="parts in Ollama"),
        pytest.param(
            "ollama", GGUF, "2xspark", {}, "Ollama runs on one machine", id="Ollama on two machines"
        ),
        pytest.param(
            "ollama",
            weights("/m/q4.gguf", "gguf", "Q4_K_M"),
            "h100",
            {},
            "through a Modelfile",
            id="a file in Ollama",
        ),
    ],
)
def test_what_cannot_be_served(
    engine: str, variant: Variant, pool: str, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(CannotServe) as caught:
        command(engine, variant, pool, **settings)  # type: ignore[arg-type]  # keywords of the tests
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_every_row_has_its_source() -> None:
    rows = table("serving")
    assert all(row["source"] for kind in ("runs_on", "commands") for row in rows[kind].values())
    assert all(row["source"] for row in rows["not_on"])
    assert set(rows["commands"]) == set(rows["runs_on"]) == set(engines())
