"""Whose model a repo is: real names, imitations, and text that is no name at all."""

import csv
import json
import re

import pytest

from tests.shared import shared_data
from watcher.families import load_families
from watcher.names import degree, lineage_of
from watcher.reponames import strip_format
from watcher.types import BaseModel, Lineage, Quantisation, RepoFacts

REGISTRY = load_families()


def facts(repo_id: str, base: str = "", relation: str = "", model_type: str = "") -> RepoFacts:
    bases = (BaseModel(repo_id=base, relation=relation or None),) if base else ()
    return RepoFacts(repo_id=repo_id, base_models=bases, model_type=model_type or None)


def lineage(repo_id: str, base: str = "", relation: str = "", model_type: str = "") -> Lineage:
    return lineage_of(facts(repo_id, base, relation, model_type), REGISTRY)


RELEASES = [
    (
        "instruct, base, sizes and quants of Qwen 3.5",
        [
            "Qwen/Qwen3.5-9B",
            "Qwen/Qwen3.5-35B-A3B-Base",
            "unsloth/Qwen3.5-9B-GGUF",
            "bartowski/Qwen_Qwen3.5-4B-GGUF",
        ],
    ),
    (
        "Llama 3.3 from Meta, NVIDIA and Red Hat",
        [
            "meta-llama/Llama-3.3-70B-Instruct",
            "nvidia/Llama-3.3-70B-Instruct-FP8",
            "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic",
        ],
    ),
    (
        "Gemma 4 with and without experts",
        ["google/gemma-4-31B", "google/gemma-4-26B-A4B-it", "nvidia/Gemma-4-31B-IT-NVFP4"],
    ),
    (
        "Devstral 2 large and small",
        ["mistralai/Devstral-2-123B-Instruct-2512", "mistralai/Devstral-Small-2-24B-Instruct-2512"],
    ),
    (
        "OLMo 2, whose sizes bear different dates",
        ["allenai/OLMo-2-1124-13B-Instruct", "allenai/OLMo-2-0325-32B-Instruct"],
    ),
]


@pytest.mark.parametrize("repos", [row[1] for row in RELEASES], ids=[row[0] for row in RELEASES])
def test_one_release_is_one_thread(repos: list[str]) -> None:
    assert len({lineage(repo).thread for repo in repos}) == 1


def test_lines_of_a_family_are_threads_of_their_own() -> None:
    repos = [
        "Qwen/Qwen3-8B",
        "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "Qwen/Qwen3-Embedding-8B",
        "Qwen/Qwen3-VL-8B-Instruct",
    ]
    assert len({lineage(repo).thread for repo in repos}) == len(repos)


def test_a_dated_refresh_is_a_patch_of_its_line() -> None:
    old, new = lineage("Qwen/Qwen3-30B-A3B"), lineage("Qwen/Qwen3-30B-A3B-Instruct-2507")
    assert old.series == new.series
    assert degree([old.version or ""], new.version or "") == "patch"


STRANGERS = [
    ("a fine-tune", "someone/Sherlock-9B", "Qwen/Qwen3.5-9B", "finetune", "qwen", True, False),
    ("a merge", "someone/Blend-27B", "google/gemma-3-27b-it", "merge", "gemma", True, False),
    ("an adapter", "someone/lora", "meta-llama/Llama-3.3-70B-Instruct", "adapter", "llama", True, False),
    (
        "an adapter in GGUF",
        "someone/lora-GGUF",
        "meta-llama/Llama-3.3-70B-Instruct",
        "adapter",
        "llama",
        True,
        False,
    ),
    ("a quant", "someone/Qwen3.5-9B-AWQ", "Qwen/Qwen3.5-9B", "quantized", "qwen", False, True),
    (
        "a quant of a fine-tune",
        "bartowski/x-GGUF",
        "someone/Llama-3.3-70B-abliterated",
        "quantized",
        "llama",
        True,
        True,
    ),
    (
        "a quant whose card says fine-tune",
        "unsloth/Qwen3-4B-bnb-4bit",
        "Qwen/Qwen3-4B",
        "finetune",
        "qwen",
        False,
        True,
    ),
    ("a fine-tune in FP8", "someone/Sherlock-9B-FP8", "Qwen/Qwen3.5-9B", "finetune", "qwen", True, False),
    (
        "a base named without its owner",
        "Kwaipilot/KAT-Coder-V2.5-Dev",
        "Qwen3.6-35B-A3B",
        "finetune",
        "qwen",
        True,
        False,
    ),
    (
        "another maker's fine-tune",
        "microsoft/Fara1.5-27B",
        "Qwen/Qwen3.5-27B",
        "finetune",
        "qwen",
        True,
        False,
    ),
    ("a child of an unknown model", "someone/x", "new-player/Nova-1-70B", "finetune", None, True, False),
    (
        "a quant of an unknown model",
        "bartowski/x-GGUF",
        "new-player/Nova-1-70B",
        "quantized",
        None,
        False,
        True,
    ),
    (
        "a new player's own instruct",
        "new-player/Nova-1-70B",
        "new-player/Nova-1-70B-Base",
        "finetune",
        None,
        False,
        False,
    ),
    (
        "a draft model for speed",
        "RedHatAI/Qwen3-8B-speculator.eagle3",
        "Qwen/Qwen3-8B",
        "quantized",
        "qwen",
        True,
        False,
    ),
]


@pytest.mark.parametrize(
    ("repo", "base", "relation", "family", "derived", "quant"),
    [row[1:] for row in STRANGERS],
    ids=[row[0] for row in STRANGERS],
)
def test_what_strangers_do(
    repo: str, base: str, relation: str, family: str | None, derived: bool, quant: bool
) -> None:
    found = lineage(repo, base, relation)
    assert (found.family, found.derived, found.quant, found.official) == (family, derived, quant, False)


BASES = [
    ("through a copy", "amd/x-w8a8", "unsloth/gpt-oss-20b-BF16", "openai/gpt-oss-20b"),
    ("through a quant", "someone/x-GGUF", "Qwen/Qwen3-8B-FP8", "Qwen/Qwen3-8B"),
    (
        "through quantisation-aware training",
        "google/gemma-4-E4B-it-qat-q4_0-gguf",
        "google/gemma-4-E4B-it-qat-q4_0-unquantized",
        "google/gemma-4-E4B-it",
    ),
    (
        "through a renamed repo",
        "x/y-AWQ",
        "meta-llama/Meta-Llama-3.1-70B-Instruct",
        "meta-llama/Llama-3.1-70B-Instruct",
    ),
    ("through a moved organisation", "x/y-AWQ", "THUDM/GLM-4-32B-0414", "zai-org/GLM-4-32B-0414"),
    (
        "not through a precision in a release's name",
        "x/y-GGUF",
        "nvidia/Nemotron-3-Nano-30B-A3B-BF16",
        "nvidia/Nemotron-3-Nano-30B-A3B-BF16",
    ),
]


@pytest.mark.parametrize(
    ("repo", "base", "origin"), [row[1:] for row in BASES], ids=[row[0] for row in BASES]
)
def test_a_quant_leads_back_to_what_it_was_made_of(repo: str, base: str, origin: str) -> None:
    assert lineage(repo, base, "quantized").base_repo == origin


def test_what_the_catalog_knows_of_the_base_counts_more_than_its_name() -> None:
    parent = lineage(
        "TheDrummer/Cydonia-24B-v4.3", "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "finetune"
    )
    quant = facts("bartowski/TheDrummer_Cydonia-24B-v4.3-GGUF", "TheDrummer/Cydonia-24B-v4.3", "quantized")
    found = lineage_of(quant, REGISTRY, parent)
    assert (found.family, found.derived, found.quant) == ("mistral", True, True)
    assert found.base_repo == "TheDrummer/Cydonia-24B-v4.3"


CONFIGS = [
    ("a type only Gemma has, under a stranger's name", "someone/Aurora-9B", "gemma3", "gemma", True),
    ("a type that everybody borrows", "new-player/Nova-9B", "llama", None, False),
    ("a type nobody knows", "new-player/Nova-9B", "nova", None, False),
    ("a title that the config contradicts", "someone/Llama-5-9B", "qwen3_5", "qwen", True),
]


@pytest.mark.parametrize(
    ("repo", "model_type", "family", "derived"), [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS]
)
def test_the_config_speaks_before_the_title(
    repo: str, model_type: str, family: str | None, derived: bool
) -> None:
    found = lineage(repo, model_type=model_type)
    assert (found.family, found.derived, found.official) == (family, derived, False)


def test_a_quantised_config_makes_a_quant_of_a_silent_name() -> None:
    silent = RepoFacts(
        repo_id="someone/Qwen3.5-9B-fast",
        base_models=(BaseModel(repo_id="Qwen/Qwen3.5-9B"),),
        quantisation=Quantisation(method="awq", bits=4),
    )
    assert lineage_of(silent, REGISTRY).quant


def test_a_repo_that_names_itself_as_its_base_has_none() -> None:
    assert lineage("Qwen/Qwen3.5-9B", "qwen/qwen3.5-9b", "finetune").base_repo is None


FORMATS = [
    ("X-9B-GGUF", "X-9B", True),
    ("X-9B-FP8-dynamic", "X-9B", True),
    ("X-9B-quantized.w4a16", "X-9B", True),
    ("X-9B-unsloth-bnb-4bit", "X-9B", True),
    ("X-9B-MLX-4bit", "X-9B", True),
    ("X-9B-Q4_K_M-GGUF", "X-9B", True),
    ("X-9B-i1-GGUF", "X-9B", True),
    ("X-9B-MTP-GGUF", "X-9B", True),
    ("X-9B-GPTQ-Int4", "X-9B", True),
    ("X-9B-NVFP4", "X-9B", True),
    ("X-9B-it-qat-q4_0-gguf", "X-9B-it", True),
    ("X-9B-it-qat-q4_0-unquantized", "X-9B-it", False),
    ("X-9B-BF16", "X-9B", False),
    ("X-9B-hf", "X-9B", False),
    ("Devstral-Small-2507_gguf", "Devstral-Small-2507", True),
    ("Laguna-S-2.1", "Laguna-S-2.1", False),
    ("gguf", "gguf", False),
]


@pytest.mark.parametrize(("name", "stem", "quant"), FORMATS, ids=[row[0] for row in FORMATS])
def test_formats_come_off_the_end(name: str, stem: str, quant: bool) -> None:
    found = strip_format(name)
    assert (found.text, found.quant) == (stem, quant)


def test_a_name_of_any_length_is_read_quickly() -> None:
    assert lineage("a/" + "1-" * 50_000).family is None
    assert lineage("Qwen/" + "Qwen3" * 20_000).family == "qwen"


def test_no_real_stranger_is_official() -> None:
    """The watched organisations of a real export: nobody but a maker gets an official lineage."""
    rows = json.loads(
        shared_data("hub/radar-huggingface-dataset/watchlist_authors_2026-08-22T2000Z.json").read_text()
    )
    for row in rows:
        found = lineage(row["id"], (row["base_model"] or "").split(",")[0].strip())
        assert not found.official or REGISTRY.families_of(row["author"]), row["id"]
        assert found.impersonates is None, row["id"]


# Where the timeline calls a line of a family, or a stranger's fine-tune without a stated base, a
# family of its own.
OTHERWISE_LABELLED = {
    "CohereLabs/aya-23-8B",
    "CohereLabs/North-Small-Translate-1.0",
    "IFM/K2-Think-V2",
    "IFM/K2-Horizon-32B-FP8",
    "IFM/K2-Horizon-MoVA-36B-A4B",
    "XHToken/Spark-X2.5-4B",
    "XingChen-AGI/Xing4.0-29B-A4B",
    "yandex/AliceAI-Foundation-80B-A3B-Base",
}


def test_families_and_versions_agree_with_the_labelled_timeline() -> None:
    """The timeline was labelled by other people: its family and version, read against ours."""
    keys = {family.name.casefold(): family.key for family in REGISTRY.families}
    with shared_data("timeline/timeline.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if re.fullmatch(r"[\w.-]+/[\w.-]+", row["repo_id"])]
    assert len(rows) > 100
    for row in rows:
        found = lineage(row["repo_id"])
        if found.family is None:
            assert row["family"].casefold() not in keys or row["repo_id"] in OTHERWISE_LABELLED, row[
                "repo_id"
            ]
        elif row["repo_id"] not in OTHERWISE_LABELLED:
            assert found.family == keys.get(row["family"].casefold()), row["repo_id"]
        label, read = (
            set(re.findall(r"\d+(?:\.\d+)?", text)) for text in (row["version"], found.version or "")
        )
        assert not label or not read or label & read or row["repo_id"] == "mistralai/Pixtral-12B-2409", row[
            "repo_id"
        ]
