"""718 real repos and what each is, judged by hand: how often the program agrees, column by column.

Ids, base models, relations, model types, pipeline tags, libraries and telling tags are as the Hub had
them; the rest was judged by people, and docs/lineage.md says by which conventions.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest

from watcher.families import load_families
from watcher.names import lineage_of
from watcher.types import BaseModel, Lineage, RepoFacts

REGISTRY = load_families()
TABLE = Path(__file__).with_name("data") / "lineages.csv"
REAL = list(csv.DictReader(TABLE.read_text("utf-8").splitlines()))
JUDGED = (
    *("family", "series", "version", "size", "variant", "stamp", "quant_label", "publisher", "base_repo"),
    *("official", "derived", "quant", "impersonates"),
)
LEAST = 0.98

# What only somebody who knows the model could tell: the name and the tags do not say it.
MISREAD = {
    "bartowski/Replete-LLM-V2.5-Qwen-14b-GGUF": "the version of Qwen stands before its name",
    "BM-K/KoSimCSE-roberta-multitask": "SimCSE is a way to train embeddings",
    "DotCheck/muybridge-video-v2": "it classifies videos and makes none",
    "FRPO/qwen3-1.7b-a1_base-k1-cNone-clip0.2-mb4-eta100-bs256x5-n2-seed2": "base is a setting here",
    "ggml-org/ultravox-v0_5-llama-3_2-1b-GGUF": "Ultravox listens",
    "isbondarev/giga3.1-github-issues": "giga is short for GigaChat",
    "mradermacher/sandepaAI_gemma4_coder_12b-GGUF": "there is no line of coders in Gemma 4",
    "neuralforgequantum/NuExtract3": "it extracts, as its name says to people",
    "oshi-pog/zimage-flat-color-v2-1": "v2-1 is 2.1",
    "paragonejl/Qwen3-8B-Q8_0-full-v2": "v2 is the second upload of a quant",
    "saifahmad123/EXP6_10_a100": "the tenth run of experiment 6",
    "SoulInPsyAbstract/specialist-vuln-06_stop_gate_pressure-salience27b-lora": "a name without an order",
}


def facts_of(row: dict[str, str]) -> RepoFacts:
    bases = row["base_model"].split()
    relations = [None if word == "-" else word for word in row["relation"].split()] or [None] * len(bases)
    return RepoFacts(
        repo_id=row["repo_id"],
        base_models=tuple(
            BaseModel(repo_id=base, relation=relation)
            for base, relation in zip(bases, relations, strict=True)
        ),
        model_type=row["model_type"] or None,
        pipeline_tag=row["pipeline"] or None,
        library=row["library"] or None,
        tags=tuple(row["tags"].split()),
    )


def said(lineage: Lineage, column: str) -> str:
    value = getattr(lineage, column)
    return ("yes" if value else "no") if isinstance(value, bool) else value or ""


def wrong(row: dict[str, str]) -> list[str]:
    """What the program says otherwise, as "column: wanted, found". Ids compare as the Hub's do."""
    lineage = lineage_of(facts_of(row), REGISTRY)
    pairs = ((column, row[column], said(lineage, column)) for column in JUDGED)
    return [
        f"{column}: {wanted or 'nothing'}, {found or 'nothing'}"
        for column, wanted, found in pairs
        if (wanted.casefold() != found.casefold() if column == "base_repo" else wanted != found)
    ]


def test_there_are_enough_real_repos() -> None:
    assert len({row["repo_id"].casefold() for row in REAL}) == len(REAL) >= 500
    assert not set(MISREAD) - {row["repo_id"] for row in REAL}


def test_nearly_every_real_repo_is_read_wholly_right(capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = {row["repo_id"]: wrong(row) for row in REAL}
    missed = Counter(mistake.partition(":")[0] for found in mistakes.values() for mistake in found)
    right = sum(not found for found in mistakes.values()) / len(REAL)
    with capsys.disabled():
        print(f"\n{len(REAL)} real repos, {right:.1%} wholly right;", end=" ")
        print(", ".join(f"{column} {1 - missed[column] / len(REAL):.1%}" for column in JUDGED))
    assert right >= LEAST, {repo: found for repo, found in mistakes.items() if found}
    assert all(1 - missed[column] / len(REAL) >= LEAST for column in JUDGED)


@pytest.mark.parametrize(
    "row", [row for row in REAL if row["repo_id"] not in MISREAD], ids=lambda row: row["repo_id"]
)
def test_a_real_repo_has_its_lineage(row: dict[str, str]) -> None:
    assert wrong(row) == []
