"""`modelwatch fit` as its users type it: models, machines, options, calibration."""

import csv
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.commands import modelwatch
from tests.fit.files import gguf, safetensors
from tests.fit.sample_logs import LOGS, V1
from tests.fitting import CONFIG, EMBEDDING, H100, H200, LAYER, LLAMA, METADATA, SPARK, TENSORS, Ask, put
from watcher.cli_fit_model import native_label

# --- models from everywhere -------------------------------------------------------------------------


def test_a_name_that_we_know_needs_no_network_and_is_said_to_be_only_known(ask_fit: Ask) -> None:
    said = ask_fit(LLAMA, "--quant", "fp8", "--on", "h100")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(
        f"meta-llama/Llama-3.1-8B fp8 on {H100} (H100 SXM 80 GB), vllm, 1 user x 8,192"
    )
    assert "\n  fits, with " in said.out
    assert "from known facts about meta-llama/Llama-3.1-8B (same name): nothing was read" in said.out
    assert (
        "run it, with a repo that has it in fp8:\n    vllm serve OWNER/REPO --max-model-len 8192" in said.out
    )
    row = ask_fit(LLAMA, "--quant", "fp8", "--on", "h100", "--json").json
    assert row["sources"] == {"model": "facts", "weights": "table", "layers": "config"}
    assert row["command"] is None


@pytest.mark.parametrize(
    ("name", "repo", "label"),
    [
        pytest.param("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", "bf16", id="a release at 16 bit"),
        pytest.param("Qwen/Qwen3-32B-FP8", "Qwen/Qwen3-32B-FP8", "fp8", id="a quant by its name"),
        pytest.param("openai/gpt-oss-20b", "openai/gpt-oss-20b", "mxfp4", id="a release at 4 bit"),
        pytest.param("gpt-oss:20b", "openai/gpt-oss-20b", "mxfp4", id="a tag"),
    ],
)
def test_a_model_known_by_name_comes_in_its_own_format_with_its_command(
    ask_fit: Ask, name: str, repo: str, label: str
) -> None:
    row = ask_fit(name, "--on", "2xh100", "--json").json
    assert (row["model"], row["label"], row["sources"]["model"]) == (repo, label, "facts")
    assert row["command"].startswith(f"vllm serve {repo} ")
    assert "--tensor-parallel-size 2" in row["command"]


def test_weights_of_another_program_are_tight_at_best_and_have_no_speed(ask_fit: Ask) -> None:
    said = ask_fit("mlx-community/Qwen3-8B-4bit", "--on", "m4-max-128gb").out
    assert said.startswith("mlx-community/Qwen3-8B-4bit mlx-4bit on apple-m4-max-128gb")
    assert "\n  tight: MLX weights run in mlx-lm on a Mac\n" in said
    for word in ("speed:", "Maximum concurrency", "run it"):
        assert word not in said


def test_native_formats_are_those_of_the_makers_own_repos() -> None:
    assert native_label("deepseek-ai/DeepSeek-R1") == "fp8"
    assert native_label("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B") == "bf16"
    assert native_label("OpenAI/GPT-OSS-120b") == "mxfp4"
    assert native_label("mistralai/Mistral-Small-4-119B-2603") == "fp8"
    assert native_label("mistralai/Ministral-3-8B-Instruct-2512") == "fp8"
    assert native_label("mistralai/Ministral-3-8B-Base-2512") == "bf16"


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama"])
@pytest.mark.parametrize("quant", [None, "mxfp4", "MXFP4", "q4"])
def test_a_release_in_four_bits_is_the_same_as_gguf_for_engines_of_such_files(
    ask_fit: Ask, engine: str, quant: str | None
) -> None:
    said = ask_fit("gpt-oss-120b", "--on", SPARK, "--engine", engine, *(["--quant", quant] if quant else []))
    assert said.status == 0
    assert said.out.startswith(f"openai/gpt-oss-120b MXFP4 on {SPARK}")
    assert "OWNER/REPO:MXFP4" in said.out
    assert "BF16" not in said.out


def test_a_gguf_file_is_weighed_by_its_header_and_run_where_it_lies(ask_fit: Ask, folder: Path) -> None:
    path = put(folder / "tiny-Q4_K_M.gguf", gguf(METADATA, TENSORS))
    row = ask_fit(path, "--on", "rtx-4090", "--json").json
    assert (row["model"], row["label"], row["engine"]) == ("tiny-Q4_K_M", "Q4_K_M", "llama.cpp")
    assert row["sources"] == {"model": "local", "weights": "header", "layers": "config"}
    assert row["kv_bytes_per_token"] == 2 * 2 * 2 * 64 * 2
    assert row["command"].startswith(f"llama-server -m {path} -c 8192")
    assert (
        ask_fit(path.name, "--on", "rtx-4090", "--json")
        .json["command"]
        .startswith("llama-server -m ./tiny-Q4_K_M.gguf ")
    )


def test_a_folder_is_weighed_by_its_headers(ask_fit: Ask, folder: Path) -> None:
    put(folder / "own" / "config.json", CONFIG)
    put(folder / "own" / "model.safetensors", safetensors(EMBEDDING | LAYER))
    row = ask_fit("own", "--on", "h100", "--json").json
    assert (row["model"], row["label"], row["engine"]) == ("own", "bf16", "vllm")
    assert row["sources"] == {"model": "local", "weights": "header", "layers": "config"}
    assert row["terms"]["weights"]["bytes"] == pytest.approx(512_000 + 262_144, rel=0.01)
    assert row["command"].startswith("vllm serve ./own ")


def test_a_configuration_alone_is_weighed_by_its_parameters(ask_fit: Ask, folder: Path) -> None:
    path = put(folder / "own" / "config.json", CONFIG)
    row = ask_fit(path, "--on", "h100", "--json").json
    assert (row["label"], row["sources"]["weights"], row["command"]) == ("bf16", "table", None)
    quantised = CONFIG | {"quantization_config": {"quant_method": "fp8"}}
    put(folder / "own" / "config.json", quantised)
    assert ask_fit(path, "--on", "h100", "--json").json["label"] == "fp8"
    assert ask_fit(path, "--on", "h100", "--quant", "q4", "--json").json["label"] == "Q4_K_M"


def test_of_several_local_sets_quant_takes_one(ask_fit: Ask, folder: Path) -> None:
    put(folder / "own" / "tiny-Q4_K_M.gguf", gguf(METADATA, TENSORS))
    put(folder / "own" / "tiny-Q8_0.gguf", gguf(METADATA, [("token_embd.weight", (256, 1000), 8, 272_000)]))
    assert ask_fit("own", "--on", "h100", "--json").json["label"] == "Q4_K_M"
    row = ask_fit("own", "--on", "h100", "--quant", "q8", "--json").json
    assert (row["label"], row["command"].split()[:3]) == (
        "Q8_0",
        ["llama-server", "-m", "./own/tiny-Q8_0.gguf"],
    )


def test_weights_of_which_a_part_is_missing_never_simply_fit(ask_fit: Ask, folder: Path) -> None:
    put(folder / "own" / "config.json", CONFIG)
    put(folder / "own" / "model-00001-of-00002.safetensors", safetensors(EMBEDDING))
    said = ask_fit("own", "--on", "h100")
    assert "tight: " in said.out
    assert "1 of 2 files, 00002 is missing" in said.out


def test_a_folder_of_a_known_name_lends_the_layers_that_can_not_be_read(ask_fit: Ask, folder: Path) -> None:
    put(folder / "Llama-3.1-8B" / "config.json", {"model_type": "nonesuch"})
    put(folder / "Llama-3.1-8B" / "model.safetensors", safetensors(EMBEDDING | LAYER))
    said = ask_fit("Llama-3.1-8B", "--on", "h100").out
    assert "its layers are those that meta-llama/Llama-3.1-8B is known to have" in said
    assert "speed: not said" not in said


def test_a_folder_without_a_model_does_not_hide_a_known_name(ask_fit: Ask, folder: Path) -> None:
    (folder / LLAMA).mkdir()
    assert ask_fit(LLAMA, "--on", "h100", "--json").json["sources"]["model"] == "facts"


def test_a_quant_whose_format_its_name_hides_is_said_to_be_one(ask_fit: Ask) -> None:
    said = ask_fit("somebody/Qwen3-8B-4bit", "--on", "h100").out
    assert "its name says that it is a quant, but not in which format" in said


# --- engines and machines -------------------------------------------------------------------------


def test_the_engine_is_what_suits_and_says_why_unless_it_is_given(ask_fit: Ask) -> None:
    row = ask_fit(LLAMA, "--quant", "Q4_K_M", "--on", "rtx-4090", "--json").json
    assert row["engine"] == "ollama"
    assert " Ollama " in row["engine_reason"]
    row = ask_fit(LLAMA, "--quant", "Q4_K_M", "--on", "rtx-4090", "--users", "20", "--json").json
    assert row["engine"] == "llama.cpp"
    given = ask_fit(LLAMA, "--on", "h100", "--engine", "sglang", "--json").json
    assert (given["engine"], given["engine_reason"]) == ("sglang", None)
    assert given["command"].startswith("python -m sglang.launch_server --model-path meta-llama/")


def test_the_deployment_of_a_model_names_its_engine(demo: Path) -> None:
    rows = modelwatch("fit", "Qwen/Qwen3.5-27B", "--quant", "fp8", "--config", demo, "--json").json
    reasons = {row["hardware"]: row["engine_reason"] for row in rows}
    assert reasons["h100"] == "code-review runs it in vllm"
    assert "code-review" not in reasons["spark"]


@pytest.mark.parametrize(
    ("on", "names"),
    [
        pytest.param(["h100"], [H100], id="a short name"),
        pytest.param(["h100,dgx-spark"], [H100, SPARK], id="a list"),
        pytest.param(["2xh200-sxm", "dgx-spark"], [f"2x{H200}", SPARK], id="twice"),
        pytest.param(["h100", "h100-sxm-80gb"], [H100], id="the same twice"),
        pytest.param(["h100,memory=96GB,bandwidth=1792GB/s"], [H100, "described"], id="described in place"),
        pytest.param([], [H100, H200, SPARK], id="none"),
    ],
)
def test_hardware_is_named_in_many_ways(ask_fit: Ask, on: list[str], names: list[str]) -> None:
    found = ask_fit(LLAMA, *(word for pool in on for word in ("--on", pool)), "--json").json
    assert [row["hardware"] for row in (found if isinstance(found, list) else [found])] == names


def test_ones_own_machines_come_before_devices(demo: Path) -> None:
    said = modelwatch("fit", LLAMA, "--on", "H100,spark", "--config", demo)
    assert [line.split()[1] for line in said.out.splitlines()[2:4]] == ["h100", "spark"]


def test_several_machines_are_a_table_of_100_columns_with_each_note_once(ask_fit: Ask) -> None:
    said = ask_fit(LLAMA, "--on", "h100,dgx-spark,2xh200-sxm", "--users", "4").out
    assert max(len(line.rstrip()) for line in said.splitlines()[:5]) <= 100
    assert said.count("nothing was read") == 1
    assert said.endswith("One of them explained: --on NAME\n")
    rows = list(csv.DictReader(StringIO(ask_fit(LLAMA, "--on", "h100,dgx-spark", "--csv").out)))
    assert [row["hardware"] for row in rows] == [H100, SPARK]


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        pytest.param(["--kv-dtype", "fp8"], {"cache_dtype": "fp8"}, id="cache type"),
        pytest.param(["--tp", "2"], {"tensor_parallel": 2}, id="tensor parallel"),
        pytest.param(["--utilisation", "0.8"], {"utilisation": 0.8}, id="utilisation"),
        pytest.param(["--utilization", "0.8"], {"utilisation": 0.8}, id="as Americans write it"),
        pytest.param(["--max-batched-tokens", "4096"], {"batched_tokens": 4096}, id="batched tokens"),
        pytest.param(["--eager"], {"eager": True}, id="eager"),
        pytest.param(["--engine-year", "2024"], {"engine_year": 2024}, id="engine's year"),
    ],
)
def test_options_are_the_settings_of_the_estimate(
    ask_fit: Ask, options: list[str], setting: dict[str, Any]
) -> None:
    row = ask_fit(LLAMA, "--on", "4xh100", *options, "--json").json
    assert setting.items() <= row["settings"].items()


def test_a_size_that_is_given_is_taken_and_said_to_be(ask_fit: Ask) -> None:
    asked = ("Qwen/Qwen3-32B", "--on", "h100", "--weights-bytes", "40GB")
    row = ask_fit(*asked, "--json").json
    assert (row["terms"]["weights"]["bytes"], row["sources"]["weights"]) == (40 * 10**9, "given")
    assert "37.3 GiB  as given" in ask_fit(*asked).out


def test_what_an_engine_can_not_run_is_a_no_however_small(ask_fit: Ask) -> None:
    said = ask_fit(LLAMA, "--quant", "nvfp4", "--on", "mi300x").out
    assert "\n  no: none of our engines runs nvfp4" in said
    said = ask_fit(LLAMA, "--quant", "Q4_K_M", "--on", "h100", "--engine", "vllm").out
    assert "\n  no: vllm does not run Q4_K_M GGUF weights" in said
    said = ask_fit(LLAMA, "--on", "h100", "--kv-dtype", "q8_0").out
    assert "\n  no: vllm has no cache type 'q8_0'; it has fp8" in said
    assert "run it" not in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(
            ["--on", "8xh100", "--tp", "3"], "no: tensor parallel 3 does not divide its 32", id="heads"
        ),
        pytest.param(["--on", "h100", "--tp", "2"], "no: tensor parallel 2 takes 2 devices", id="devices"),
        pytest.param(["--on", "h200", "--context", "200k"], "no: its context ends at 131072", id="context"),
        pytest.param(["--on", "rtx-4090"], "GiB too much", id="memory"),
    ],
)
def test_a_no_names_what_is_in_the_way(ask_fit: Ask, options: list[str], words: str) -> None:
    model = "llama-3.3-70b" if options[1] == "rtx-4090" else LLAMA
    said = ask_fit(model, *options)
    assert said.status == 0
    assert words in said.out
    assert "run it" not in said.out
    assert "breaks first" not in said.out


# --- the group ------------------------------------------------------------------------------------


def test_help_shows_both_uses_and_messages_the_word_model(ask_fit: Ask) -> None:
    said = ask_fit("--help").out
    assert said.startswith(
        "Usage: modelwatch fit MODEL [OPTIONS]\n       modelwatch fit calibrate [OPTIONS] [LOGFILE]"
    )
    assert "--kv-dtype" in said
    assert "  calibrate  Compare a boot" in said
    assert ask_fit(LLAMA, "--help").out.startswith("Usage: modelwatch fit MODEL [OPTIONS]")
    assert "--hardware" not in said


def test_the_former_name_of_on_is_understood(ask_fit: Ask) -> None:
    assert ask_fit(LLAMA, "--hardware", "h100", "--json").json["hardware"] == H100


def test_calibrate_is_a_command_and_a_repo_of_that_name_can_be_asked_for(ask_fit: Ask, folder: Path) -> None:
    put(folder / "calibrate" / "config.json", CONFIG)
    assert ask_fit("./calibrate", "--on", "h100", "--json").json["model"] == "calibrate"
    assert "or a file" not in ask_fit("calibrate", "--help").out
    assert ask_fit("calibrate").status == 2


def test_what_was_measured_corrects_the_next_answer(ask_fit: Ask) -> None:
    before = ask_fit(LLAMA, "--on", "h100", "--json").json
    said = ask_fit("calibrate", LOGS / V1, "--on", H100)
    assert said.status == 0, said.err
    assert f"From now on, on {H100} with vllm:" in said.out
    after = ask_fit(LLAMA, "--on", "h100", "--json").json
    assert before["corrections"] == []
    assert any(V1 in line for line in after["corrections"])
    assert after["terms"]["overhead"] != before["terms"]["overhead"]
    assert "corrected by your own measurement: " in ask_fit(LLAMA, "--on", "h100").out


def test_a_terminal_without_blocks_gets_ascii(folder: Path) -> None:
    from tests.commands import start

    (folder / "modelwatch.yaml").write_text('hub: {endpoint: "http://127.0.0.1:9"}\n')
    os.environ["PYTHONIOENCODING"] = "ascii"
    try:
        process = start("fit", LLAMA, "--on", "h100", folder=folder)
    finally:
        del os.environ["PYTHONIOENCODING"]
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.isascii()
    assert "###" in out
