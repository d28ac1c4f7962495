"""The table of known shapes: each row against its published count, and its config.json where recorded."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import details, facts, known
from tests.shared import shared_data
from watcher.assess import parameters_for, shape_for, shape_read
from watcher.fit.shape import shape_of
from watcher.shapes import known_shape
from watcher.tables import table
from watcher.types import Known

ROWS: list[Mapping[str, Any]] = table("shapes")["shapes"]
by_first_name = pytest.mark.parametrize("row", [pytest.param(row, id=row["names"][0]) for row in ROWS])
# Rows whose makers state no parameter count that we know of.
UNCOUNTED = {"moonshotai/Kimi-K3", "MiniMaxAI/MiniMax-M3"}
# Rows whose active count may differ by more than 8 % and half a billion, and why.
ODD_ACTIVE = {
    "meituan-longcat/LongCat-Flash-Chat": "four of the twelve experts of a token do nothing on average"
}


@by_first_name
def test_a_row_counts_the_parameters_that_are_published(row: Mapping[str, Any]) -> None:
    shape = shape_of(row["config"])
    counted = (shape.parameters.total or 0) + row.get("tower", 0)
    if row["names"][0] in UNCOUNTED:
        assert "parameters" not in row
        return
    assert counted == pytest.approx(row["parameters"]["total"], rel=0.03)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["names"][0])
        for row in ROWS
        if "active" in row.get("parameters", {}) and row["names"][0] not in ODD_ACTIVE
    ],
)
def test_a_row_counts_the_active_parameters_that_are_published(row: Mapping[str, Any]) -> None:
    """Makers count them with both embeddings, with the head alone or without; "A3B" is a rounded figure."""
    shape, published = shape_of(row["config"]), row["parameters"]["active"]
    active, table_of_words = shape.parameters.active or 0, shape.vocab * shape.hidden
    ways = [active, active - table_of_words, active - 2 * table_of_words]
    rounded = 0.5e9 if published % 1_000_000_000 == 0 else 0.0
    assert min(abs(way - published) for way in ways) <= max(0.08 * published, rounded)


@by_first_name
def test_a_row_names_its_repos_and_its_source(row: Mapping[str, Any]) -> None:
    assert row["names"]
    assert row["source"]
    assert set(row) <= {"names", "aliases", "parameters", "tower", "config", "source"}
    for name in row["names"]:
        found = known_shape(name.upper())
        assert found
        assert (found.how, found.config) == ("same repo", row["config"])
    for alias in row.get("aliases", ()):
        found = known_shape(alias)
        assert found, alias
        assert found.config == row["config"], alias


def test_no_repo_has_two_rows() -> None:
    names = [name.casefold() for row in ROWS for name in row["names"]]
    assert len(names) == len(set(names))


# --- the real configurations -----------------------------------------------------------------------


# Whose configurations the files of other collections are.
ELSEWHERE = {
    "chenqiang98__7008_chatbot_finAnal/{}__config.json": {
        "models__Llama-3.2-1B-Instruct": "meta-llama/Llama-3.2-1B-Instruct",
    },
    "inference-sim__inference-sim/{}__config.json": {
        "codellama-34b-instruct-hf": "codellama/CodeLlama-34b-Instruct-hf",
        "deepseek-v2-lite": "deepseek-ai/DeepSeek-V2-Lite",
        "llama-2-7b-hf": "meta-llama/Llama-2-7b-hf",
        "mistral-nemo-instruct-2407": "mistralai/Mistral-Nemo-Instruct-2407",
        "qwen2.5-7b-instruct": "Qwen/Qwen2.5-7B-Instruct",
        "qwen3-14b": "Qwen/Qwen3-14B",
    },
    "intel__xFasterTransformer/{}__config.json": {
        "qwen2-0_5b": "Qwen/Qwen1.5-0.5B",
        "qwen2-4b": "Qwen/Qwen1.5-4B",
        "qwen3-4b": "Qwen/Qwen3-4B",
    },
    "sgl-project__ome/{}.json": {
        "command_r_35b": "CohereForAI/c4ai-command-r-v01",
        "exaone_7.8b": "LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct",
        "gemma_2_9b": "google/gemma-2-9b",
        "gemma_7b": "google/gemma-7b",
        "glm4_9b": "zai-org/glm-4-9b",
        "internlm2_7b": "internlm/internlm2-7b",
        "minicpm3_4b": "openbmb/MiniCPM3-4B",
        "phimoe": "microsoft/Phi-3.5-MoE-instruct",
        "qwen2.5_14b": "Qwen/Qwen2.5-14B",
        "qwen2.5_72b": "Qwen/Qwen2.5-72B",
        "qwen2_vl_7b": "Qwen/Qwen2-VL-7B-Instruct",
        "qwen_7b": "Qwen/Qwen-7B",
        "smollm_1.7b": "HuggingFaceTB/SmolLM-1.7B",
        "stablelm_3b": "stabilityai/stablelm-3b-4e1t",
        "baichuan2_7b": "baichuan-inc/Baichuan2-7B-Chat",
        "chatglm3_6b": "zai-org/chatglm3-6b",
    },
}
# Not of the language model's layers: how a quant caches, and what sees.
_ASIDE = ("quantization_config", "compression_config", "vision_config")


def _compare(file: Path, repo: str) -> None:
    found = known_shape(repo)
    assert found, repo
    real = json.loads(file.read_text(encoding="utf-8"))
    wanted, shape = shape_of({k: v for k, v in real.items() if k not in _ASIDE}), shape_of(found.config)
    assert shape.groups == wanted.groups, repo
    assert (shape.vocab, shape.hidden, shape.experts) == (wanted.vocab, wanted.hidden, wanted.experts), repo
    if found.how == "same repo":  # a quant may state another context than its base
        assert shape.context_tokens == wanted.context_tokens, repo


def test_rows_have_the_layers_of_the_recorded_configurations() -> None:
    """All that aiconfigurator records, quants too: each is known, and as what its configuration says."""
    files = [
        file
        for file in sorted(shared_data("hub/configs/ai-dynamo__aiconfigurator").glob("*_config.json"))
        if not file.name.endswith("hf_quant_config.json")
    ]
    assert len(files) >= 60
    for file in files:
        _compare(file, file.name.removesuffix("_config.json").replace("--", "/"))


@pytest.mark.parametrize(
    ("file", "repo"),
    [
        pytest.param(files.format(file), repo, id=repo)
        for files, repos in ELSEWHERE.items()
        for file, repo in repos.items()
    ],
)
def test_a_row_has_the_layers_of_the_configuration_recorded_elsewhere(file: str, repo: str) -> None:
    _compare(shared_data(f"hub/configs/{file}"), repo)


# Names that say no model: a class of sizes, a family, a path that somebody broke.
NOT_NAMES = {"8B class", "Qwen-family NVFP4 with MTP", "internlm2/5-20b-chat"}


@pytest.mark.parametrize("file", ["memory_truth.csv", "speed_truth.csv"])
def test_every_model_that_somebody_measured_is_known(file: str) -> None:
    with shared_data(f"fit/{file}").open(encoding="utf-8") as rows:
        names = {row[key] for row in csv.DictReader(rows) for key in ("hf_model_id", "model_as_named")}
    assert {name for name in names if name and known_shape(name) is None} <= NOT_NAMES


# --- what the catalog makes of it ------------------------------------------------------------------

GATED = "meta-llama/Llama-3.1-8B-Instruct"


def _known(repo_id: str, config: dict[str, Any] | None = None, total: int | None = None) -> Known:
    read = replace(details(), config=config) if config else None
    return known(facts(repo_id, total=total), details=read)


def test_a_gated_repo_counts_with_its_known_layers_and_says_so() -> None:
    shape = shape_for(_known(GATED), None)
    assert shape
    assert (shape.context_tokens, len(shape.layers)) == (131072, 32)
    assert shape.notes[-1] == f"its layers are those that {GATED} is known to have; no config.json was read"
    assert shape_read(_known(GATED), None) is None
    assert parameters_for(_known(GATED), None, shape).total == 8_030_261_248


def test_a_quant_without_a_telling_name_has_its_bases_layers() -> None:
    shape = shape_for(_known("someone/best-quant-ever"), _known(GATED))
    assert shape
    assert shape.hidden == 4096


def test_a_config_that_was_read_comes_before_what_is_known() -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4}
    shape = shape_for(_known(GATED, config), None)
    assert shape
    assert len(shape.layers) == 2
    assert not any("known" in note for note in shape.notes)


def test_a_repo_with_more_parameters_than_its_name_says_is_no_such_model() -> None:
    assert shape_for(_known("someone/Merged-Llama-3.1-8B", total=16_000_000_000), None) is None


@given(st.text(max_size=300))
def test_any_text_is_answered_without_a_crash(text: str) -> None:
    found = known_shape(text)
    assert found is None or found.config
