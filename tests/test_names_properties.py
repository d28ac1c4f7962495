"""What holds for every name, real or hostile: nothing raises, case is nothing, formats change no identity."""

import csv
import gzip
import json
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.shared import shared_data
from watcher.families import load_families
from watcher.namelabels import quant_label
from watcher.names import lineage_of
from watcher.sizes import active_parameters, total_parameters
from watcher.types import BaseModel, Lineage, RepoFacts

REGISTRY = load_families()
TABLE = Path(__file__).with_name("data") / "lineages.csv"
IDS = [row["repo_id"] for row in csv.DictReader(TABLE.read_text("utf-8").splitlines())]
KNOWN = [repo for repo in IDS if lineage_of(RepoFacts(repo_id=repo), REGISTRY).official]

PIECE = st.sampled_from(["Qwen3", "8B", "A3B", "R1", "0528", "3n", "V3.2", "Exp", "GGUF", "FP8", "2.5", "VL"])
TEXT = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"[A-Za-z0-9._-]{1,20}/[A-Za-z0-9._-]{1,40}", fullmatch=True),
    st.sampled_from(IDS),
    st.lists(PIECE, max_size=8).map(lambda pieces: "Qwen/" + "-".join(pieces)),
)
RELATION = st.sampled_from([None, "finetune", "quantized", "adapter", "merge", "nonsense"])
MODEL_TYPE = st.one_of(st.none(), st.text(max_size=10), st.sampled_from(sorted(REGISTRY.by_model_type)))
BASES = st.lists(st.builds(BaseModel, repo_id=TEXT, relation=RELATION), max_size=10).map(tuple)
FACTS = st.builds(
    RepoFacts,
    repo_id=TEXT,
    base_models=BASES,
    model_type=MODEL_TYPE,
    pipeline_tag=st.sampled_from([None, "text-to-speech", "feature-extraction", "nonsense"]),
    library=st.sampled_from([None, "mlx", "peft", "gguf", "sentence-transformers"]),
    tags=st.lists(st.sampled_from(["onnx", "safetensors", "lora", "heretic", "mlx"]), max_size=3).map(tuple),
)


def named(repo_id: str) -> Lineage:
    return lineage_of(RepoFacts(repo_id=repo_id), REGISTRY)


@given(FACTS)
def test_no_text_breaks_the_reading(facts: RepoFacts) -> None:
    found = lineage_of(facts, REGISTRY)
    assert isinstance(found.thread, str)
    assert not (found.official and (found.derived or found.impersonates))
    assert not found.official or REGISTRY.families_of(found.publisher)
    assert found.base_repo is None or found.base_repo.casefold() != facts.repo_id.casefold()


HOSTILE_BASES = [
    ("itself", ["someone/Qwen3-8B-x"]),
    ("itself in another case", ["SOMEONE/QWEN3-8b-X"]),
    ("its own quant", ["someone/Qwen3-8B-x-GGUF"]),
    ("nothing", [""]),
    ("a blank", [" "]),
    ("an owner without a name", ["someone/"]),
    ("a name without an owner", ["Qwen3-8B"]),
    ("a path", ["/cache/models/a/b/c"]),
    ("ten others", [f"maker{n}/Model-{n}B" for n in range(10)]),
    ("ten times the same", ["Qwen/Qwen3-8B"] * 10),
    ("each other's copies", ["unsloth/Qwen3-8B", "Qwen/Qwen3-8B", "unsloth/Qwen3-8B-GGUF"]),
]


@pytest.mark.parametrize("bases", [row[1] for row in HOSTILE_BASES], ids=[row[0] for row in HOSTILE_BASES])
@pytest.mark.parametrize("relation", ["quantized", "finetune", "merge", None])
def test_a_base_that_makes_no_sense_is_survived(bases: list[str], relation: str | None) -> None:
    facts = RepoFacts(
        repo_id="someone/Qwen3-8B-x",
        base_models=tuple(BaseModel(repo_id=base, relation=relation) for base in bases),
    )
    found = lineage_of(facts, REGISTRY)
    assert not found.official
    assert found.base_repo != facts.repo_id


def test_two_repos_that_name_each_other_as_base_end() -> None:
    one = RepoFacts(repo_id="a/Nova-7B", base_models=(BaseModel(repo_id="b/Nova-7B"),))
    other = RepoFacts(repo_id="b/Nova-7B", base_models=(BaseModel(repo_id="a/Nova-7B"),))
    first = lineage_of(one, REGISTRY)
    second = lineage_of(other, REGISTRY, first)
    third = lineage_of(one, REGISTRY, second)
    assert [found.family for found in (first, second, third)] == [None, None, None]
    assert second.base_repo != "b/Nova-7B"
    assert third.base_repo != "a/Nova-7B"


@given(st.sampled_from(IDS), st.sampled_from([str.upper, str.lower, str.swapcase]))
def test_the_case_of_an_id_does_not_matter(repo: str, spell: type[str]) -> None:
    plain, spelt = named(repo), named(spell(repo))
    assert (plain.family, plain.size, plain.variant) == (spelt.family, spelt.size, spelt.variant)
    assert (plain.version or "").casefold() == (spelt.version or "").casefold()
    assert (plain.official, plain.derived, plain.quant) == (spelt.official, spelt.derived, spelt.quant)
    assert (plain.base_repo or "").casefold() == (spelt.base_repo or "").casefold()


FORMATS = [
    ("-GGUF", "GGUF"),
    ("-i1-GGUF", "GGUF"),
    ("-UD-Q4_K_XL-GGUF", "UD-Q4_K_XL"),
    ("-FP8", "FP8"),
    ("-FP8-dynamic", "FP8"),
    ("-NVFP4", "NVFP4"),
    ("-AWQ", "AWQ"),
    ("-GPTQ-Int4", "GPTQ-Int4"),
    ("-unsloth-bnb-4bit", "bnb-4bit"),
    ("-quantized.w4a16", "w4a16"),
    ("-MLX-4bit", "MLX-4bit"),
    ("-exl3", "EXL3"),
]


@given(st.sampled_from(KNOWN), st.sampled_from(FORMATS))
def test_a_format_changes_neither_family_nor_version_nor_size(repo: str, format_: tuple[str, str]) -> None:
    suffix, _ = format_
    plain, quant = named(repo), named(repo + suffix)
    assert (plain.family, plain.version, plain.size) == (quant.family, quant.version, quant.size)
    assert (plain.series, plain.variant, plain.stamp) == (quant.series, quant.variant, quant.stamp)
    assert quant.quant


def parts_of(lineage: Lineage) -> str:
    """A name that says what a lineage says, in the order that makers use."""
    series, version = (lineage.series or "").replace(" ", "-"), lineage.version or ""
    letter = series.rpartition("-")[2]
    glued = len(letter) == 1 and letter.isupper() and len(version.partition("-")[0]) <= 3
    name = series + ("" if glued or not version else "-") + version
    stated = lineage.size and lineage.size.casefold() not in series.casefold()
    return f"{name}-{lineage.size}" if stated else name


@given(st.sampled_from(KNOWN))
@example("moonshotai/Kimi-K2.5")
@example("deepseek-ai/DeepSeek-R1-0528")
@example("google/gemma-3n-E4B-it")
@example("deepseek-ai/DeepSeek-V3.2-Exp")
@example("Qwen/Qwen2.5-VL-72B-Instruct")
@example("tencent/Hy3")
def test_a_name_built_from_a_lineage_says_the_same_again(repo: str) -> None:
    lineage = named(repo)
    maker = REGISTRY.by_key[lineage.family or ""].organisations[0]
    again = named(f"{maker}/{parts_of(lineage)}")
    if lineage.series == "Command R" and lineage.version in ("2403", "2404"):
        return  # that version is the registry's; the name says another one, "v01"
    assert (again.family, again.version, again.size) == (lineage.family, lineage.version, lineage.size)


LABELS = [
    ("Qwen3-8B-Q4_K_M-GGUF", False, "Q4_K_M"),
    ("Qwen3-8B-UD-IQ2_XXS", False, "UD-IQ2_XXS"),
    ("gemma-3-27b-it-qat-q4_0-gguf", False, "Q4_0"),
    ("gemma-3-27b-it-qat-q4_0-unquantized", False, None),
    ("gemma-3-27b-it-qat-q4_0-unquantized-i1-GGUF", False, "GGUF"),
    ("DeepSeek-R1-GGUF-UD", False, "GGUF"),
    ("GLM-5.2-MXFP4xFP8_BLOCK", False, "MXFP4xFP8"),
    ("GLM-5.2-NVFP4-FP8", False, "NVFP4-FP8"),
    ("Qwen3.5-27B-AWQ-BF16-INT4", False, "AWQ-Int4"),
    ("Qwen3.8-27B-4bit", True, "MLX-4bit"),
    ("Qwen3.8-27B-4bit", False, "4bit"),
    ("Qwen3.8-27B-2.4bit-mixed", True, "MLX-2.4bit"),
    ("Qwen3.8-27B-exl3-4.25bpw", False, "EXL3-4.25bpw"),
    ("Qwen3.8-27B-AQLM-PV-2Bit-1x16", False, "AQLM-2bit"),
    ("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", False, "BF16"),
    ("Qwen3.8-27B-bf16", True, "MLX-BF16"),
    ("Phi-3.5-mini-instruct-onnx", False, "ONNX"),
    ("Qemma-Q1.7B", False, None),
    ("Qwen3-8B", True, None),
    ("", False, None),
]


@pytest.mark.parametrize(("name", "mlx", "label"), LABELS, ids=[f"{r[0]} {r[1]}" for r in LABELS])
def test_a_format_is_spelled_as_people_write_it(name: str, mlx: bool, label: str | None) -> None:
    assert quant_label(name, mlx=mlx) == label


@given(st.sampled_from(KNOWN), st.sampled_from(FORMATS))
def test_the_label_is_the_format_that_the_name_adds(repo: str, format_: tuple[str, str]) -> None:
    suffix, label = format_
    if named(repo).quant_label is None:
        assert named(repo + suffix).quant_label == label


SIZES = [
    ("27B", 27e9, 27e9),
    ("0.6B", 6e8, 6e8),
    ("300M", 3e8, 3e8),
    ("30B-A3B", 30e9, 3e9),
    ("2.4T-A95B", 2.4e12, 95e9),
    ("12B-A2.5B", 12e9, 2.5e9),
    ("8x7B", 56e9, None),
    ("17B-16E", None, 17e9),
    ("A3B", None, 3e9),
    ("E4B", None, 4e9),
    ("1B-7B", 7e9, 1e9),
    ("9B-2B", 11e9, 11e9),
    ("flash", None, None),
    (None, None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("size", "total", "active"), SIZES, ids=[str(row[0]) for row in SIZES])
def test_a_size_says_how_much_is_stored_and_how_much_is_read(
    size: str | None, total: float | None, active: float | None
) -> None:
    assert total_parameters(size) == total
    assert active_parameters(size) == active


@given(st.one_of(st.none(), st.text(max_size=30)))
def test_no_size_breaks_the_arithmetic(size: str | None) -> None:
    total, active = total_parameters(size), active_parameters(size)
    assert total is None or total >= 0
    assert active is None or active >= 0


@cache
def radar() -> tuple[RepoFacts, ...]:
    """Every record of a real export, as much of it as lineages look at."""
    path = shared_data("hub/radar-huggingface-dataset/models_2026-08-22T2000Z.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return tuple(
        RepoFacts(
            repo_id=record["id"],
            base_models=tuple(
                BaseModel(repo_id=tag.split(":", 2)[2], relation=tag.split(":", 2)[1])
                for tag in record["tags"]
                if tag.startswith("base_model:") and tag.count(":") == 2
            ),
            pipeline_tag=record["pipeline_tag"],
            library=record["library"],
            tags=tuple(record["tags"]),
        )
        for record in records
    )


def test_nothing_in_a_real_export_is_official_but_the_makers_own() -> None:
    for facts in radar():
        found = lineage_of(facts, REGISTRY)
        assert not found.official or REGISTRY.families_of(facts.author), facts.repo_id
        assert found.base_repo is None or found.base_repo.casefold() != facts.repo_id.casefold()


@pytest.mark.benchmark
def test_how_long_a_real_export_takes(capsys: pytest.CaptureFixture[str]) -> None:
    repos = radar()
    began = time.perf_counter()
    for facts in repos:
        lineage_of(facts, REGISTRY)
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n{len(repos):,} lineages in {took:.1f} s, {took / len(repos) * 1e6:.0f} microseconds each")
