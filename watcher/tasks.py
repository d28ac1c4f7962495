"""What deployments do and which kinds of model serve it: the rows of watcher/data/tasks.yaml."""

import re
from dataclasses import dataclass
from functools import cache

from watcher.tables import table
from watcher.types import Lineage, RepoFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """narrow: a small specialist beats an LLM. interactive: somebody waits for the words.

    variants and pipelines: the kinds of model that serve a narrow task; LLMs made for any other.
    families: keys of the registry whose specialists do a narrow task.
    """

    name: str
    narrow: bool
    interactive: bool
    variants: frozenset[str]
    pipelines: frozenset[str]
    families: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Specialist:
    """A kind of small model that does one narrow task. parameters in words; milliseconds per item.

    hard_share: the share of items that it leaves to a small LLM, in words. runs_in: what serves it.
    """

    task: str
    name: str
    parameters: str
    milliseconds: int | None
    hard_share: str | None
    runs_in: str
    pattern: re.Pattern[str]

    def sentence(self) -> str:
        """What it is: "GLiNER (100-350M parameters, about 10 ms each)"."""
        pace = f", about {self.milliseconds} ms each" if self.milliseconds else ""
        return f"{self.name} ({self.parameters} parameters{pace})"


@cache
def tasks() -> dict[str, Task]:
    """Every task by the word of the configuration."""
    return {
        row["task"]: Task(
            name=row["task"],
            narrow=bool(row.get("narrow")),
            interactive=row.get("pace") == "interactive",
            variants=frozenset(row.get("variants", ())),
            pipelines=frozenset(row.get("pipelines", ())),
            families=tuple(row.get("families", ())),
        )
        for row in table("tasks")["tasks"]
    }


@cache
def specialists() -> tuple[Specialist, ...]:
    """Every kind of specialist, in the table's order."""
    return tuple(
        Specialist(
            task=row["task"],
            name=row["name"],
            parameters=str(row["parameters"]),
            milliseconds=row.get("milliseconds"),
            hard_share=row.get("hard_share"),
            runs_in=row["runs_in"],
            pattern=re.compile("|".join(rf"(?<![a-z0-9]){re.escape(name)}" for name in row["names"])),
        )
        for row in table("tasks")["specialists"]
    )


def specialist(repo_id: str) -> Specialist | None:
    """The kind of specialist that a repo's name says it is; the first row that matches."""
    name = repo_id.rpartition("/")[2].casefold()
    return next((row for row in specialists() if row.pattern.search(name)), None)


def serves(task: Task, lineage: Lineage, facts: RepoFacts | None) -> bool:
    """Whether a kind of model could do a task: variant before name before pipeline tag.

    What nothing is stated of counts as an LLM.
    """
    if not task.narrow:
        return lineage.variant in task.variants or is_llm(lineage, facts)
    named = specialist(facts.repo_id) if facts else None
    if lineage.variant in _narrow_variants():
        return lineage.variant in task.variants
    if named:
        return named.task == task.name
    return facts is not None and facts.pipeline_tag in task.pipelines


def made_for_other(task: Task, lineage: Lineage) -> bool:
    """Whether a model is made for other work than this: pictures, mathematics, code."""
    return lineage.variant in table("tasks")["llm"]["made_for_other"] and lineage.variant not in task.variants


@cache
def _narrow_variants() -> frozenset[str]:
    return frozenset(variant for task in tasks().values() if task.narrow for variant in task.variants)


def is_llm(lineage: Lineage, facts: RepoFacts | None) -> bool:
    """Whether a model answers in words to anything; what nothing is stated of counts as one."""
    kinds = table("tasks")["llm"]
    if lineage.variant in kinds["not_variants"] or (facts and specialist(facts.repo_id)):
        return False
    return facts is None or facts.pipeline_tag is None or facts.pipeline_tag in kinds["pipelines"]
