"""The layout of the public figures kept beside the accuracy tests.

They are read in the same way as the shared truth files, so their columns are the same; here the
rows themselves are checked, without any other file.
"""

import csv
from pathlib import Path

import pytest

EVIDENCE = Path(__file__).parent / "evidence"
SPEED_COLUMNS = [
    "row_id",
    "hf_model_id",
    "model_as_named",
    "quant_format",
    "weights_gib",
    "gpu",
    "gpu_count",
    "tp",
    "parallelism",
    "gpu_mem_nominal_gb",
    "engine",
    "engine_version",
    "kv_dtype",
    "util",
    "max_model_len",
    "prompt_tokens",
    "output_tokens",
    "context_depth",
    "concurrency",
    "spec_decode",
    "quantity",
    "value",
    "value_low",
    "value_high",
    "unit",
    "latency_s",
    "is_derived",
    "is_estimate",
    "confidence",
    "source",
    "source_date",
    "notes",
]
MEMORY_COLUMNS = [
    "row_id",
    "group_id",
    "hf_model_id",
    "model_as_named",
    "quant_format",
    "weights_gib_per_gpu",
    "weights_bytes",
    "n_layers",
    "n_kv_heads",
    "head_dim",
    "gpu",
    "gpu_count",
    "tp",
    "gpu_mem_nominal_gb",
    "gpu_mem_gib",
    "util",
    "max_model_len",
    "kv_dtype",
    "max_num_seqs",
    "max_num_batched_tokens",
    "spec_decode",
    "enforce_eager",
    "engine",
    "engine_version",
    "quantity",
    "value",
    "unit",
    "outcome",
    "confidence",
    "fully_specified",
    "source",
    "source_date",
    "notes",
]
FILES = [
    pytest.param("speed.csv", SPEED_COLUMNS, "E", id="decode speed"),
    pytest.param("memory.csv", MEMORY_COLUMNS, "EM", id="memory at boot"),
]
NUMBERS = frozenset(
    [
        "weights_gib",
        "weights_gib_per_gpu",
        "gpu_count",
        "tp",
        "gpu_mem_nominal_gb",
        "gpu_mem_gib",
        "util",
        "max_model_len",
        "output_tokens",
        "concurrency",
        "value",
        "latency_s",
        "max_num_seqs",
        "max_num_batched_tokens",
    ]
)


def read(name: str) -> tuple[list[str], list[dict[str, str]]]:
    with (EVIDENCE / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader.fieldnames or ()), list(reader)


@pytest.mark.parametrize(("name", "columns", "prefix"), FILES)
def test_the_columns_are_those_of_the_truth_files(name: str, columns: list[str], prefix: str) -> None:
    found, rows = read(name)
    assert found == columns
    assert len({row["row_id"] for row in rows}) == len(rows)
    assert all(row["row_id"].removeprefix(prefix).isdigit() for row in rows)


@pytest.mark.parametrize(("name", "columns", "prefix"), FILES)
def test_every_row_names_what_was_measured_and_where_it_was_read(
    name: str, columns: list[str], prefix: str
) -> None:
    for row in read(name)[1]:
        for column in ("hf_model_id", "quant_format", "gpu", "engine", "quantity", "unit"):
            assert row[column], f"{row['row_id']} has no {column}"
        assert row["source"], f"{row['row_id']} has no source"
        assert row["confidence"] in {"A", "B", "C"}, row["row_id"]
        assert row["spec_decode"] == "none", f"{row['row_id']} was measured with a drafter"


@pytest.mark.parametrize(("name", "columns", "prefix"), FILES)
def test_an_unknown_number_is_blank_and_a_known_one_is_positive(
    name: str, columns: list[str], prefix: str
) -> None:
    for row in read(name)[1]:
        for column in NUMBERS & set(columns):
            if column == "value" and row["quantity"] == "fits":
                assert row["value"] in {"0", "1"}, row["row_id"]
            elif row[column] or column == "value":
                assert float(row[column]) > 0, f"{row['row_id']} {column} {row[column]!r}"


def test_a_total_is_told_apart_from_the_rate_of_one_user() -> None:
    for row in read("speed.csv")[1]:
        assert row["unit"] == "tok/s"
        assert row["quantity"] in {"decode_tok_s_per_user", "output_tok_s_total"}, row["row_id"]
        assert float(row["concurrency"]) >= 1, row["row_id"]


def test_the_rows_of_one_boot_share_its_settings() -> None:
    boots: dict[str, set[tuple[str, ...]]] = {}
    settings = ("hf_model_id", "gpu", "tp", "util", "max_model_len", "engine", "source")
    for row in read("memory.csv")[1]:
        boots.setdefault(row["group_id"], set()).add(tuple(row[column] for column in settings))
    assert {group: len(kinds) for group, kinds in boots.items() if len(kinds) > 1} == {}
