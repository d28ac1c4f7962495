"""Four teams ask what to run: a catalog of real models as of April 2026, the real store, the real command."""

from pathlib import Path
from typing import Any

import pytest

from tests.april import april_catalog, team
from tests.commands import ROOT, modelwatch

HELPDESK = (
    "model: mistralai/Mistral-Small-3.2-24B-Instruct-2506, quant: q4, engine: vllm, hardware: spark, "
    "task: chat, languages: [de, en], users: 10, context: 8192, min_tokens_per_second: 10, "
    "licence: {domicile: DE}"
)
REVIEW = (
    "model: Qwen/Qwen2.5-Coder-32B-Instruct, quant: fp8, engine: vllm, hardware: h100, task: code, users: 1, "
    "context: 32768"
)
INVOICES = (
    "model: meta-llama/Llama-3.1-8B-Instruct, quant: q4, engine: vllm, hardware: spark, task: extract, "
    "languages: [de], users: 8, context: 4096"
)
ASSISTANT = (
    "model: meta-llama/Llama-3.3-70B-Instruct, quant: fp8, quality_floor: q4, engine: vllm, hardware: h100, "
    "task: chat, users: 20, context: 8192"
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return april_catalog(tmp_path_factory.mktemp("april"))


def advise(catalog: Path, folder: Path, stated: str) -> dict[str, Any]:
    said = modelwatch("advise", "it", "--config", team(folder, catalog, it=stated), "--all", "--json")
    assert (said.status, said.err) == (0, "")
    answer: dict[str, Any] = said.json
    return answer


def spoken(catalog: Path, folder: Path, stated: str, *options: str) -> str:
    said = modelwatch("advise", "it", "--config", team(folder, catalog, it=stated), *options)
    assert (said.status, said.err) == (0, "")
    return said.out


def ranked(answer: dict[str, Any], model: str) -> dict[str, Any]:
    (row,) = [r for r in answer["ranked"] if r["model"] == model and not (r["as_it_runs"] and r["doubts"])]
    return dict(row)


def rejected(answer: dict[str, Any], model: str) -> dict[str, Any]:
    (row,) = [r for r in answer["rejected"] if r["model"] == model]
    return dict(row)


def check(row: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [c for c in row["checks"] if c["name"] == name]
    return dict(found)


@pytest.fixture(scope="module")
def helpdesk(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """10 users, German and English, data that stays in the EU."""
    return advise(catalog, tmp_path_factory.mktemp("helpdesk"), HELPDESK)


def test_mistral_small_4_at_4_bit_with_sglang_is_first(helpdesk: dict[str, Any]) -> None:
    first = helpdesk["ranked"][0]
    assert first["model"] == "mistralai/Mistral-Small-4-119B-2603"
    assert (first["weights"]["label"], first["engine"], first["origin"]) == ("nvfp4", "sglang", "FR")
    assert first["doubts"] == []
    assert first["failed"] == []
    assert first["command"].startswith(
        "python -m sglang.launch_server --model-path mistralai/Mistral-Small-4"
    )
    # The floor of 10 lies inside the estimate's range: a caution, no rejection.
    speed = first["decode_tokens_per_second"]
    assert speed["low"] < 10 < speed["expected"]
    assert check(first, "speed")["passed"] is None


def test_gemma_4_31b_at_4_bit_is_a_legitimate_alternative(helpdesk: dict[str, Any]) -> None:
    gemma = ranked(helpdesk, "google/gemma-4-31B-it")
    assert gemma["failed"] == []
    assert gemma["weights"]["label"] == "nvfp4"
    assert gemma["licence"] == "apache-2.0"
    assert gemma["verdict"] == "fits"
    assert gemma["doubts"] == ["probably slower than 10 tok/s: 4-12 tok/s each at 10 users"]


def test_qwen3_14b_is_flagged_for_its_origin(helpdesk: dict[str, Any]) -> None:
    qwen = ranked(helpdesk, "Qwen/Qwen3-14B")
    assert qwen["doubts"][0] == "origin CN: needs a compliance talk for sensitive work"
    assert qwen["rank"] > helpdesk["ranked"][0]["rank"]


def test_llama_3_3_70b_at_4_bit_is_rejected_on_speed(helpdesk: dict[str, Any]) -> None:
    llama = rejected(helpdesk, "meta-llama/Llama-3.3-70B-Instruct")
    assert llama["failed"] == ["speed"]
    assert llama["weights"]["label"] == "nvfp4"
    assert check(llama, "memory")["passed"] is True
    assert check(llama, "speed") == {
        "name": "speed",
        "passed": False,
        "wanted": "10 tok/s each",
        "found": "2.0-5.5 tok/s each at 10 users",
    }


def test_llama_4_gives_an_eu_entity_no_rights(helpdesk: dict[str, Any]) -> None:
    scout = rejected(helpdesk, "meta-llama/Llama-4-Scout-17B-16E-Instruct")
    assert "licence" in scout["failed"]
    assert "the EU" in check(scout, "licence")["found"]


def test_the_model_in_use_has_its_place_as_it_runs(helpdesk: dict[str, Any]) -> None:
    (today,) = [r for r in helpdesk["ranked"] + helpdesk["rejected"] if r["as_it_runs"]]
    assert today["model"] == helpdesk["model_in_use"] == "mistralai/Mistral-Small-3.2-24B-Instruct-2506"
    assert (today["engine"], today["kv_dtype"]) == ("vllm", "auto")


@pytest.fixture(scope="module")
def review(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One user with 32,768 tokens."""
    return advise(catalog, tmp_path_factory.mktemp("review"), REVIEW)


def test_qwen3_32b_at_fp8_with_vllm_is_first_and_qwq_next_to_it(review: dict[str, Any]) -> None:
    first, second = [row for row in review["ranked"] if not row["in_use"]][:2]
    assert (first["model"], first["weights"]["label"], first["engine"]) == (
        "Qwen/Qwen3-32B",
        "fp8",
        "vllm",
    )
    assert second["model"] == "Qwen/QwQ-32B"
    assert first["command"].startswith("vllm serve Qwen/Qwen3-32B-FP8 --max-model-len 32768")


def test_phi_4_is_rejected_for_its_context(review: dict[str, Any]) -> None:
    phi = rejected(review, "microsoft/phi-4")
    assert phi["failed"][0] == "context"
    assert check(phi, "context")["found"] == "its own context ends at 16,384"


def test_devstral_2_does_not_fit_with_room(review: dict[str, Any]) -> None:
    devstral = rejected(review, "mistralai/Devstral-2-123B-Instruct-2512")
    assert devstral["failed"][0] == "memory"
    assert "of 76.8 GiB" in check(devstral, "memory")["found"]


def test_llama_3_3_70b_at_fp8_is_flagged_for_its_kv_headroom(review: dict[str, Any]) -> None:
    llama = ranked(review, "meta-llama/Llama-3.3-70B-Instruct")
    assert llama["weights"]["label"] == "fp8"
    assert llama["verdict"] == "tight"
    assert llama["doubts"] == [
        "KV headroom: 7.8 GiB beside the weights, room for 1 user; fits h100 only tightly"
    ]


@pytest.fixture(scope="module")
def invoices(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """5,000 documents in a batch on a Spark."""
    return advise(catalog, tmp_path_factory.mktemp("invoices"), INVOICES)


def test_a_specialist_is_the_answer(invoices: dict[str, Any]) -> None:
    assert invoices["narrow"]
    assert "use a specialist, not an LLM" in invoices["answer"]
    assert [row["model"] for row in invoices["ranked"]] == [
        "urchade/gliner_multi-v2.1",  # speaks German by its card
        "urchade/gliner_large-v2.1",
    ]
    assert invoices["ranked"][0]["reasons"] == ["GLiNER (100-350M parameters, about 10 ms each)"]


def test_a_small_llm_is_for_the_hard_cases_only(invoices: dict[str, Any]) -> None:
    assert invoices["hard_share"] == "15-30 %"
    small = invoices["hard_cases"][0]
    assert (small["model"], small["weights"]["label"]) == ("Qwen/Qwen3-8B", "nvfp4")
    assert small["engine"] in ("sglang", "tensorrt-llm")


def test_the_llm_in_use_is_the_wrong_kind_of_model(invoices: dict[str, Any]) -> None:
    llm = rejected(invoices, "meta-llama/Llama-3.1-8B-Instruct")
    assert llm["failed"] == ["task"]
    assert llm["as_it_runs"]


@pytest.fixture(scope="module")
def assistant(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """20 users on an H100 who want the same quality."""
    return advise(catalog, tmp_path_factory.mktemp("assistant"), ASSISTANT)


def test_the_same_model_at_4_bit_with_an_fp8_cache_is_first(assistant: dict[str, Any]) -> None:
    first = assistant["ranked"][0]
    assert first["model"] == "meta-llama/Llama-3.3-70B-Instruct"
    assert first["in_use"]
    assert (first["weights"]["label"], first["engine"], first["kv_dtype"]) == ("awq", "vllm", "fp8")
    assert first["verdict"] == "fits"
    assert first["max_users"] >= 20
    assert first["command"].endswith("--kv-cache-dtype fp8")


def test_fp8_weights_leave_no_room_for_the_users_caches(assistant: dict[str, Any]) -> None:
    fp8 = rejected(assistant, "meta-llama/Llama-3.3-70B-Instruct")
    assert fp8["as_it_runs"]
    assert fp8["weights"]["label"] == "fp8"
    assert fp8["failed"] == ["memory", "users"]
    assert check(fp8, "memory")["found"] == "94.0 of 76.8 GiB, room for 6 users"
    (other,) = [w for w in assistant["ranked"][0]["other_weights"] if w["weights"]["label"] == "fp8"]
    assert other["against"]["name"] == "memory"


def test_somebody_elses_fine_tunes_base_models_and_old_releases_are_no_candidates(
    catalog: Path, tmp_path: Path
) -> None:
    answer = advise(catalog, tmp_path, HELPDESK)
    named = {row["model"] for row in answer["ranked"] + answer["rejected"]}
    strangers = {"NousResearch/Hermes-4-70B", "TheDrummer/Cydonia-24B-v4", "Sao10K/L3.3-70B-Euryale-v2.3"}
    assert not named & (strangers | {"google/gemma-4-31B", "meta-llama/Llama-3.1-8B", "BAAI/bge-m3"})
    assert "mistralai/Mistral-Small-3.1-24B-Instruct-2503" in answer["older"]


@pytest.mark.parametrize(
    ("stated", "lines"),
    [
        pytest.param(
            HELPDESK,
            [
                "First choice: mistralai/Mistral-Small-4-119B-2603 in nvfp4 with sglang.",
                "possibly slower than 10 tok/s: 7-20 tok/s each at 10 users",
                "(nvfp4, sglang): speed: 2.0-5.5 tok/s each at 10 users; wanted: 10 tok/s each",
            ],
            id="helpdesk",
        ),
        pytest.param(
            REVIEW,
            [
                "First choice: Qwen/Qwen3-32B in fp8 with vllm.",
                "microsoft/phi-4 (bf16, vllm): context: its own context ends at 16,384; wanted: 32,768",
                "KV headroom: 7.8 GiB beside the weights",
            ],
            id="code review",
        ),
        pytest.param(
            INVOICES,
            [
                "extract is a narrow task: use a specialist, not an LLM; urchade/gliner_multi-v2.1 first",
                "A small LLM, only for the hard 15-30 %",
                "a general LLM, where a small specialist is faster and as good; wanted: extract",
            ],
            id="invoices",
        ),
        pytest.param(
            ASSISTANT,
            [
                "which you run, stays the first choice: in awq with vllm and a KV cache in fp8.",
                "fp8 in vllm: memory: 94.0 of 76.8 GiB, room for 6 users; wanted: fits h100",
            ],
            id="hosted API",
        ),
    ],
)
def test_the_same_is_told_to_people(catalog: Path, tmp_path: Path, stated: str, lines: list[str]) -> None:
    said = " ".join(spoken(catalog, tmp_path, stated).split())
    assert [line for line in lines if line not in said] == []


def test_the_readme_shows_what_the_helpdesk_is_told(catalog: Path, tmp_path: Path) -> None:
    config = team(tmp_path, catalog, helpdesk=HELPDESK)
    said = modelwatch("advise", "helpdesk", "--config", config, "--limit", "8").out
    told = {" ".join(line.split()) for line in said.splitlines()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = (
        readme.partition("## Which model should this run?")[2].partition("```text\n")[2].partition("```")[0]
    )
    assert [line for line in shown.splitlines() if " ".join(line.split()) not in told] == []
