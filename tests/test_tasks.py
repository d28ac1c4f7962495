"""Which kinds of model do which work, as watcher/data/tasks.yaml has it."""

from typing import get_args

import pytest

from tests.factories import deployment, facts, lineage
from watcher.cli_common import read_config
from watcher.config_values import Task as TaskWord
from watcher.families import load_families
from watcher.names import lineage_of
from watcher.tables import table
from watcher.tasks import made_for_other, serves, specialist, specialists, tasks
from watcher.team import team_of
from watcher.uses import narrow_task, same_task


def test_every_task_of_the_configuration_is_in_the_table_and_says_why() -> None:
    assert set(tasks()) == set(get_args(TaskWord))
    rows = [*table("tasks")["tasks"], *table("tasks")["specialists"], *table("tasks")["languages"]["weak"]]
    assert [row for row in rows if not row.get("source")] == []


def test_narrow_tasks_are_those_that_a_small_specialist_does() -> None:
    narrow = {task.name for task in tasks().values() if task.narrow}
    assert narrow == {"classify", "extract", "embed", "rerank", "transcribe"}
    assert {row.task for row in specialists()} == narrow
    assert narrow_task(deployment(task="extract"))


@pytest.mark.parametrize(
    ("repo_id", "tag", "serve"),
    [
        pytest.param("urchade/gliner_multi-v2.1", None, {"extract"}, id="GLiNER by its name"),
        pytest.param("BAAI/bge-m3", "sentence-similarity", {"embed"}, id="BGE-M3"),
        pytest.param("BAAI/bge-reranker-v2-m3", "text-classification", {"rerank"}, id="tagged a classifier"),
        pytest.param("Qwen/Qwen3-Embedding-0.6B", "feature-extraction", {"embed"}, id="Qwen's embedding"),
        pytest.param("openai/whisper-large-v3-turbo", None, {"transcribe"}, id="Whisper"),
        pytest.param("intfloat/multilingual-e5-large", "feature-extraction", {"embed"}, id="e5"),
        pytest.param(
            "Qwen/Qwen3-32B",
            "text-generation",
            {"chat", "code", "rag", "summarise", "translate"},
            id="an LLM is no news to narrow tasks",
        ),
        pytest.param(
            "google/gemma-4-31B-it",
            "image-text-to-text",
            {"chat", "code", "rag", "summarise", "translate"},
            id="one that sees, too",
        ),
        pytest.param("meta-llama/Llama-Guard-3-8B", "text-generation", set(), id="a guard is no classifier"),
    ],
)
def test_a_repo_serves(repo_id: str, tag: str | None, serve: set[str]) -> None:
    stated = facts(repo_id, pipeline_tag=tag)
    line = lineage_of(stated, load_families(), None)
    assert {task.name for task in tasks().values() if serves(task, line, stated)} == serve


def test_a_narrow_deployment_watches_the_makers_of_its_specialists() -> None:
    text = (
        "hub: {families: [llama]}\nhardware: {box: {device: dgx-spark}}\ndeployments:\n"
        "  invoices: {model: meta-llama/Llama-3.1-8B-Instruct, engine: vllm, hardware: box, task: extract}\n"
    )
    narrow = team_of(read_config(text, "t.yaml"))
    assert {"urchade", "meta-llama"} <= set(narrow.authors)
    assert narrow.stack.families == ("llama", "gliner")
    chat = team_of(read_config(text.replace("task: extract", "task: chat"), "t.yaml"))
    assert "urchade" not in chat.authors


def test_every_family_of_a_task_is_in_the_registry() -> None:
    known = load_families().by_key
    assert [family for task in tasks().values() for family in task.families if family not in known] == []


def test_a_kind_that_nobody_stated_counts_as_an_llm() -> None:
    assert same_task(lineage(), deployment(task="chat"))
    assert same_task(lineage(variant="embedding"), None)


@pytest.mark.parametrize(
    ("variant", "task", "other"),
    [
        pytest.param("coder", "chat", True, id="a coder for a chat"),
        pytest.param("coder", "code", False, id="a coder for code"),
        pytest.param("vision", "code", True, id="a model that sees, for code"),
        pytest.param("instruct", "chat", False, id="a plain one"),
    ],
)
def test_some_models_are_made_for_other_work(variant: str, task: str, other: bool) -> None:
    assert made_for_other(tasks()[task], lineage(variant=variant)) is other


def test_a_specialist_says_how_small_and_fast_it_is() -> None:
    gliner = specialist("urchade/gliner_large-v2.1")
    assert gliner is not None
    assert gliner.sentence() == "GLiNER (100-350M parameters, about 10 ms each)"
    assert gliner.hard_share == "15-30 %"
    assert specialist("Qwen/Qwen3-32B") is None
