"""`modelwatch advise`: the order of the ranking, what it answers to mistakes, and how it is limited."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sources.standin.server import StandIn
from sources.standin.world import World
from tests.april import april_catalog, team
from tests.commands import Answer, modelwatch
from tests.rows import START, api_row

IN_USE = "mistralai/Mistral-Small-3.2-24B-Instruct-2506"
SUPPORT = f"model: {IN_USE}, quant: q4, engine: vllm, hardware: h100, users: 4"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return april_catalog(tmp_path_factory.mktemp("april"))


def ask(config: Path, *options: str) -> Answer:
    return modelwatch("advise", "support", "--config", config, *options)


def rows(answer: Answer) -> dict[str, dict[str, Any]]:
    """Ranked models that are not as they run, by name."""
    assert answer.status == 0, answer.err
    return {row["model"]: row for row in answer.json["ranked"] if not row["as_it_runs"]}


def test_doubts_come_after_clean_candidates_and_size_decides_among_equals(
    catalog: Path, folder: Path
) -> None:
    found = ask(team(folder, catalog, support=SUPPORT), "--all", "--json").json["ranked"]
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))
    doubts = [len(row["doubts"]) for row in found]
    assert doubts == sorted(doubts)
    sizes = [row["capacity_billions"] for row in found if not row["doubts"]]
    assert all(later < earlier + 1 for earlier, later in pairwise(sizes))  # whole billions decide


def test_the_teams_own_results_outrank_everything_else(catalog: Path, folder: Path) -> None:
    own = folder / "own.db"
    shutil.copy(catalog, own)
    config = team(folder, own, support=SUPPORT)
    before = rows(ask(config, "--all", "--json"))
    scores = folder / "scores.csv"
    scores.write_text(
        "model,task,score,samples\n"
        f"{IN_USE},support,0.60,200\n"
        "Qwen/Qwen3-14B,support,0.85,200\n"  # surely better
        "google/gemma-4-31B-it,support,0.62,200\n"  # within chance
        "Qwen/Qwen3-32B,support,0.40,200\n"  # surely worse
    )
    assert modelwatch("eval", "import", scores, "--config", config).status == 0
    after = rows(ask(config, "--all", "--json"))
    assert next(iter(after)) == "Qwen/Qwen3-14B" != next(iter(before))
    assert list(after)[-1] == "Qwen/Qwen3-32B"
    # One overtook it and one fell behind: it keeps its place.
    assert after["google/gemma-4-31B-it"]["rank"] == before["google/gemma-4-31B-it"]["rank"]
    assert after["Qwen/Qwen3-14B"]["reasons"][0].startswith("your own evaluation: +41.7 % (95 %: ")
    assert after["Qwen/Qwen3-14B"]["evaluation"]["gain"] == pytest.approx(0.85 / 0.60 - 1)


def test_the_model_in_use_is_shown_wherever_it_stands(catalog: Path, folder: Path) -> None:
    found = ask(team(folder, catalog, support=SUPPORT), "--limit", "1", "--json").json
    assert {row["model"] for row in found["ranked"] if row["rank"] > 1} == {IN_USE}
    assert any(row["as_it_runs"] for row in found["ranked"] if row["in_use"])
    assert len(found["rejected"]) == 1


def test_a_fine_tune_on_the_shortlist_is_weighed(catalog: Path, folder: Path) -> None:
    config = team(folder, catalog, support=SUPPORT)
    config.write_text(config.read_text() + "shortlist: [NousResearch/Hermes-4-70B]\n")
    found = ask(config, "--all", "--json").json
    assert "NousResearch/Hermes-4-70B" in {row["model"] for row in found["ranked"] + found["rejected"]}


@pytest.mark.parametrize(
    ("stated", "model", "weights"),
    [
        pytest.param(
            "model: Qwen/Qwen3-32B, quant: ggml-org/Qwen3-32B-GGUF/Qwen3-32B-Q4_K_M.gguf, engine: llama.cpp",
            "Qwen/Qwen3-32B",
            "ggml-org/Qwen3-32B-GGUF",
            id="an exact file of a trusted publisher",
        ),
        pytest.param(
            "model: google/gemma-4-31B-it, quant: unsloth/gemma-4-31B-it-GGUF, engine: llama.cpp",
            "google/gemma-4-31B-it",
            "unsloth/gemma-4-31B-it-GGUF",
            id="a repo of somebody whom the team did not name",
        ),
        pytest.param(
            "model: nvidia/Qwen3-32B-NVFP4, engine: vllm",
            "nvidia/Qwen3-32B-NVFP4",
            "nvidia/Qwen3-32B-NVFP4",
            id="a quant as the model itself",
        ),
    ],
)
def test_the_model_in_use_runs_in_the_weights_that_are_named(
    catalog: Path, folder: Path, stated: str, model: str, weights: str
) -> None:
    config = team(folder, catalog, support=f"{stated}, hardware: h100")
    found = ask(config, "--all", "--json").json
    (today,) = [r for r in found["ranked"] + found["rejected"] if r["as_it_runs"]]
    assert (today["model"], today["weights"]["repo_id"]) == (model, weights)


def test_no_deployment_of_that_name(catalog: Path, folder: Path) -> None:
    said = modelwatch("advise", "suport", "--config", team(folder, catalog, support=SUPPORT))
    assert said.status == 2
    assert "is no deployment of yours (did you mean 'support'?)" in " ".join(said.err.split())


def test_without_a_catalog_it_says_what_to_do_first(folder: Path) -> None:
    said = ask(team(folder, folder / "none.db", support=SUPPORT))
    assert (said.status, said.out) == (4, "")
    assert "run `modelwatch sync` first" in said.err


def test_a_model_that_the_catalog_has_never_seen_is_fetched(catalog: Path, folder: Path) -> None:
    total = 24_011_361_280
    count = {"parameters": {"BF16": total}, "total": total}
    files = {"model.safetensors": (2 * total, "aa")}
    row = api_row("newlab/Support-24B", safetensors=count, files=files)
    with StandIn(World.from_rows([row]), now=START) as hub:
        stated = SUPPORT.replace(IN_USE, "newlab/Support-24B")
        found = ask(team(folder, catalog, hub.url, support=stated), "--all", "--json")
    assert found.status == 0, found.err
    (today,) = [r for r in found.json["ranked"] + found.json["rejected"] if r["as_it_runs"]]
    assert today["model"] == "newlab/Support-24B"


def test_a_model_that_nobody_knows_is_refused_with_the_three_nearest_names(
    catalog: Path, folder: Path
) -> None:
    stated = SUPPORT.replace(IN_USE, "mistralai/Mistral-Small-3.2-24B-Instruct")
    with StandIn(World(), now=START) as hub:
        said = ask(team(folder, catalog, hub.url, support=stated))
    assert (said.status, said.out) == (1, "")
    near = said.err.partition("most like it: ")[2].strip().split(", ")
    assert near[0] == "mistralai/Mistral-Small-3.2-24B-Instruct-2506"
    assert len(near) == 3


def test_a_hub_that_is_silent_is_named_as_the_reason(catalog: Path, folder: Path) -> None:
    said = ask(team(folder, catalog, support=SUPPORT.replace(IN_USE, "qwen/Qwen3-33B")))
    assert said.status == 3
    assert "support runs qwen/Qwen3-33B, which the catalog does not know" in said.err
    assert "most like it: Qwen/Qwen3-32B" in said.err


def test_nothing_that_fits_ends_with_1(catalog: Path, folder: Path) -> None:
    stated = SUPPORT + ", context: 1000000, licence: {allow: [mit]}"
    said = ask(team(folder, catalog, support=stated))
    assert said.status == 1
    assert "Nothing in the catalog meets what you ask here." in said.out


def test_text_for_people_names_what_was_left_out(catalog: Path, folder: Path) -> None:
    said = ask(team(folder, catalog, support=SUPPORT))
    assert "more: --all shows them" in said.out
    assert "older releases are left out: --all shows them" in said.out
    every = ask(team(folder, catalog, support=SUPPORT), "--all")
    assert "older, a newer release stands for it: google/gemma-2-27b-it" in every.out
