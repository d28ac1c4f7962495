"""Engines, posts and laws: who is told what, one row per situation, with neighbours that stay silent."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import candidate, change, deployment, lineage, situation, stack
from tests.judged import check
from watcher.report import Warranted, build_alert
from watcher.signals import Stage, Subject, marks, stage_of, subject_of
from watcher.triggers import judge
from watcher.types import Change, ChangeKind, FitVerdict, Key, LicenceRules, Lineage
from watcher.uses import subject

MODEL = "mistralai/Mistral-Small-4-119B-2603"
CVE = "fixes: CVE-2026-1234: anybody could run code through the tokeniser's endpoint"


def engine(kind: ChangeKind, *notes: str, name: str = "sglang", **more: Any) -> Change:
    said = {"before": "v0.9.0", "after": "v0.10.0", "degree": "minor"} | more
    line = Lineage(family=None, publisher=name)
    moved = change(kind, lineage=line, evidence=notes, **said)
    return replace(moved, key=Key(source=f"releases:{name}", id=f"{name}/{said['after']}"))


def released(*notes: str, **more: Any) -> Change:
    return engine(ChangeKind.ENGINE_RELEASE, *notes, **more)


def fixed(**more: Any) -> Change:
    return engine(ChangeKind.SECURITY_FIX, CVE, degree="patch", after="v0.9.1", **more)


def posted(*notes: str, family: str | None = "mistral", **more: Any) -> Change:
    line = lineage(family=family, **more.pop("lineage", {}))
    told = change(ChangeKind.POST, lineage=line, evidence=notes, after="Introducing it", **more)
    return replace(told, key=Key(source="feed:mistral-news", id="https://mistral.example/news/it"))


def law(*notes: str, where: str = "EU") -> Change:
    said = change(
        ChangeKind.REGULATION,
        lineage=Lineage(family=None, publisher=where),
        evidence=notes,
        after="AI Act, template for summaries of training data",
    )
    return replace(said, key=Key(source="feed:eu-ai-act", id="C(2025) 5235"))


def seated(country: str | None, **more: Any) -> dict[str, Any]:
    return {"deployment": deployment(licence=LicenceRules(domicile=country), **more)}


LLAMA: dict[str, Any] = {"deployment": deployment(engine="vllm"), "incumbent_family": "llama"}
EMBED: dict[str, Any] = {"deployment": deployment(task="embed")}

ENGINES: list[Any] = [
    pytest.param(fixed(), {}, "alert", "security-fix", id="a hole in the engine in use"),
    pytest.param(fixed(name="vllm"), {}, "ignore", "security-fix", id="a hole in an engine that nobody runs"),
    pytest.param(fixed(), {"deployment": None}, "ignore", "security-fix", id="a hole, and no deployment"),
    pytest.param(
        released("moves: throughput, about 2x with multi-step scheduling"),
        {},
        "alert",
        "engine-release",
        id="an engine in use becomes much faster for everything",
    ),
    pytest.param(
        released("supports: dgx-spark", "moves: hardware support, native kernels"),
        {},
        "alert",
        "engine-release",
        id="native kernels for the deployment's machine",
    ),
    pytest.param(
        released("supports: nvfp4", "moves: throughput, 40 % on Blackwell"),
        {"incumbent": candidate(FitVerdict.FITS, "nvfp4")},
        "alert",
        "engine-release",
        id="a faster back end for the format in use",
    ),
    pytest.param(
        released("supports: Mistral-Small-4-119B-2603", "moves: throughput of its attention"),
        {},
        "alert",
        "engine-release",
        id="a faster way to run the very model in use",
    ),
    pytest.param(
        released("supports: google/gemma-4-31B-it", "moves: throughput"),
        {"stack": stack(deployment(), shortlist=("google/gemma-4-31B-it",))},
        "alert",
        "engine-release",
        id="a faster way to run a shortlisted model",
    ),
    pytest.param(
        released("supports: h100-sxm-80gb", "moves: throughput, 30 % on Hopper"),
        {},
        "digest",
        "engine-release",
        id="faster, but on machines of somebody else",
    ),
    pytest.param(
        released("supports: nvfp4"),
        {"incumbent": candidate(FitVerdict.FITS, "nvfp4")},
        "digest",
        "engine-release",
        id="a back end for the format in use that is expected to move nothing",
    ),
    pytest.param(
        released("supports: mistral"), {}, "digest", "engine-release", id="support for a family in use"
    ),
    pytest.param(
        released("notable: tool calling arrives"), {}, "digest", "engine-release", id="a notable feature"
    ),
    pytest.param(
        released(degree="major", after="v1.0.0"), {}, "digest", "engine-release", id="a major version"
    ),
    pytest.param(
        released("bug fixes and 412 commits"), {}, "ignore", "engine-routine", id="a routine minor release"
    ),
    pytest.param(released(degree="patch"), {}, "ignore", "engine-routine", id="a patch"),
    pytest.param(
        released("supports: qwen3-next"),
        {},
        "ignore",
        "engine-routine",
        id="support for nothing that runs here",
    ),
    pytest.param(
        released("moves: throughput of MoE models", name="vllm"),
        {},
        "digest",
        "engine-release",
        id="another engine becomes much faster",
    ),
    pytest.param(
        released("supports: mlx", name="ollama"),
        {},
        "ignore",
        "engine-release",
        id="another engine, as usual",
    ),
    pytest.param(
        released("moves: throughput"),
        {"deployment": None},
        "digest",
        "engine-release",
        id="no deployment yet",
    ),
]
POSTS: list[Any] = [
    pytest.param(posted(), {}, "digest", "post", id="a post on a release of the family in use"),
    pytest.param(posted(family="qwen"), {}, "digest", "post", id="a post on a release of a watched family"),
    pytest.param(posted(family="falcon"), {}, "ignore", "post", id="a post of a family that nobody watches"),
    pytest.param(posted(family=None), {}, "ignore", "post", id="a post of nobody in particular"),
    pytest.param(
        posted("about: announcement"), {}, "digest", "post", id="announced, with weights to come later"
    ),
    pytest.param(
        posted("about: announcement", family="falcon"), {}, "ignore", "post", id="announced by a stranger"
    ),
    pytest.param(
        posted("about: closed"), {}, "alert", "closed-model", id="the first closed model of the family in use"
    ),
    pytest.param(
        posted("about: closed", before="Mistral Medium 3"),
        {},
        "digest",
        "closed-model",
        id="one more closed model of the family in use",
    ),
    pytest.param(
        posted("about: closed"), LLAMA, "digest", "closed-model", id="a watched family closes, not in use"
    ),
    pytest.param(
        posted("about: closed", family="falcon"), {}, "ignore", "post", id="a stranger's closed model"
    ),
    pytest.param(posted("about: hosted"), {}, "ignore", "post", id="an API-only sibling"),
    pytest.param(posted("about: lifecycle"), {}, "ignore", "post", id="prices of an API"),
    pytest.param(posted("about: rumour"), {}, "ignore", "post", id="a rumour"),
    pytest.param(posted(), EMBED, "ignore", "other-task", id="an LLM's post, to an embedding service"),
]
LAWS: list[Any] = [
    pytest.param(
        law("stage: adopted"), seated("EU"), "alert", "regulation", id="law adopted, seated in the EU"
    ),
    pytest.param(law("stage: applies"), seated("DE"), "alert", "regulation", id="it applies, a member state"),
    pytest.param(law("stage: guidance"), seated("DE"), "digest", "regulation", id="guidance on it"),
    pytest.param(law("stage: draft"), seated("FR"), "digest", "regulation", id="a draft"),
    pytest.param(law(), seated("FR"), "digest", "regulation", id="a stage that nobody stated is a draft"),
    pytest.param(law("stage: adopted"), seated("US"), "ignore", "regulation", id="EU law, seated in the US"),
    pytest.param(
        law("stage: draft"), seated("US"), "ignore", "regulation", id="an EU draft, seated in the US"
    ),
    pytest.param(
        law("stage: adopted"), seated(None), "digest", "regulation", id="nobody said where they sit"
    ),
    pytest.param(
        law("stage: adopted", where="US"), seated("US"), "alert", "regulation", id="a country's own law"
    ),
    pytest.param(
        law("stage: adopted", where="US"), seated("EU"), "ignore", "regulation", id="another country's law"
    ),
]


@pytest.mark.parametrize(("moved", "world", "action", "trigger"), [*ENGINES, *POSTS, *LAWS])
def test_who_is_told(moved: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    check(moved, world, action, trigger)


def test_reasons_name_what_decided() -> None:
    assert judge(fixed(), situation()).reason == (
        "helpdesk runs sglang: v0.9.1 closes CVE-2026-1234: anybody could run code through the tokeniser's "
        "endpoint, which v0.9.0 has"
    )
    faster = released("supports: dgx-spark", "moves: throughput, 40 % on Blackwell")
    assert judge(faster, situation()).reason == (
        "helpdesk runs sglang: v0.10.0 is expected to move throughput, 40 % on Blackwell for dgx-spark"
    )
    other = released(name="vllm")
    assert judge(other, situation()).reason == "helpdesk runs sglang, not vllm"
    assert "licence.domicile" in judge(law("stage: adopted"), situation(**seated(None))).reason


def test_a_post_joins_the_alert_on_its_release() -> None:
    told = {(subject(posted()), "helpdesk"): "0123456789abcdef"}
    verdict = judge(posted(), situation(told=told))
    assert verdict.action.value == "digest"
    assert verdict.reason.startswith("joins alert 01234567 on the same release: ")
    earlier = posted(lineage={"version": "3"})
    assert "joins" not in judge(earlier, situation(told=told)).reason


@pytest.mark.parametrize(
    ("notes", "about"),
    [
        pytest.param((), Subject.RELEASE, id="nothing stated is a release"),
        pytest.param(("About:  CLOSED ",), Subject.CLOSED, id="in any case, with blanks"),
        pytest.param(("about: gossip",), Subject.RUMOUR, id="a word that nobody knows"),
        pytest.param(("it is about: everything",), Subject.RELEASE, id="a sentence for people"),
    ],
)
def test_what_a_post_is_about(notes: tuple[str, ...], about: Subject) -> None:
    assert subject_of(posted(*notes)) is about


def test_a_stage_that_nobody_knows_binds_nobody() -> None:
    assert stage_of(law("stage: in force, they say")) is Stage.DRAFT


def test_marks_keep_their_order_and_what_follows_a_second_colon() -> None:
    noted = released("supports: a", "plain words", "supports: b: c")
    assert marks(noted, "supports") == ("a", "b: c")


@pytest.mark.parametrize(
    ("moved", "title", "links"),
    [
        pytest.param(fixed(), "sglang v0.9.1: a security fix", (), id="a security fix"),
        pytest.param(
            released("moves: throughput, about 2x", "see: https://sglang.example/v0.10.0"),
            "sglang v0.10.0: throughput, about 2x",
            (("v0.10.0", "https://sglang.example/v0.10.0"),),
            id="an engine that moves throughput",
        ),
        pytest.param(posted("about: closed"), "Introducing it", (), id="a family that closes"),
        pytest.param(
            law("stage: adopted"),
            "EU law: AI Act, template for summaries of training data",
            (),
            id="a law",
        ),
    ],
)
def test_alerts_read_well_without_a_repo(
    moved: Change, title: str, links: tuple[tuple[str, str], ...]
) -> None:
    world = situation(**seated("EU"))
    alert = build_alert([Warranted(verdict=judge(moved, world), situation=world)], moved.detected_at)
    assert (alert.title, alert.links) == (title, links)
    step = alert.sections[-1].lines
    assert step[0] != "Have a look."
    assert step[1] == f"The whole story: modelwatch explain {moved.key.id}"
