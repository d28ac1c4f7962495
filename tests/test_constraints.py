"""A deployment's constraints, one by one, held against one model."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import candidate, deployment, facts, fit, lineage
from watcher import constraints
from watcher.families import load_families
from watcher.situation import Candidate
from watcher.types import Check, FitVerdict, LicenceRules, Load, Speed, Term

REGISTRY = load_families()
GIB = 1024**3


def checked(name: str, **more: Any) -> Check | None:
    """The check of this name for the usual deployment and model, changed as more says."""
    usual: dict[str, Any] = {
        "place": deployment(),
        "lineage": lineage(),
        "licence": "apache-2.0",
        "facts": facts(languages=("en",)),
        "candidate": candidate(),
        "context_tokens": 262_144,
    }
    stated = usual | more
    found = constraints.check(stated.pop("place"), registry=REGISTRY, **stated)
    return next((check for check in found if check.name == name), None)


def running(verdict: FitVerdict = FitVerdict.FITS, **more: Any) -> Candidate:
    return replace(candidate(verdict), fit=replace(fit(verdict), **more))


def at(low: float, expected: float, high: float) -> Candidate:
    return running(decode_tokens_per_second=Speed(low=low, expected=expected, high=high))


SPEEDS = [
    pytest.param(
        {"candidate": at(12, 15, 20)}, True, "12-20 tok/s each at 10 users", id="all above the floor"
    ),
    pytest.param({"candidate": at(6, 11, 20)}, None, "tight: 6-20", id="the floor lies inside the range"),
    pytest.param({"candidate": at(2, 3.3, 5.5)}, False, "2.0-5.5 tok/s", id="all below the floor"),
    pytest.param(
        {"candidate": at(2, 3, 5), "place": deployment(min_tokens_per_second=None)},
        False,
        "2.0-5.0",
        id="a chat without a floor wants what people read",
    ),
    pytest.param({"candidate": None}, None, "not known", id="no weights are known"),
    pytest.param(
        {"candidate": running(FitVerdict.NO)},
        None,
        "it does not run there",
        id="what does not run has no speed",
    ),
    pytest.param(
        {"candidate": running(kv_cache=Term(bytes=GIB, source="guess"))},
        None,
        "not known",
        id="the speed of a stand-in is nobody's",
    ),
]
MEMORY = [
    pytest.param({}, True, "40.0 of 100.0 GiB, room for 30 users", id="fits"),
    pytest.param({"candidate": running(FitVerdict.TIGHT)}, None, "tight: 40.0 of 100.0 GiB", id="tight"),
    pytest.param(
        {"candidate": running(FitVerdict.NO, weights=Term(bytes=90 * GIB, source="files"), max_users=6)},
        False,
        "120.0 of 100.0 GiB, room for 6 users",
        id="does not fit",
    ),
    pytest.param(
        {"candidate": running(FitVerdict.NO), "context_tokens": 4096},
        True,
        "40.0 of 100.0 GiB",
        id="memory is not to blame for a context that ends early",
    ),
    pytest.param({"candidate": None}, None, "the size of its weights is not known", id="size not known"),
]
CONTEXTS = [
    pytest.param({"context_tokens": 4096}, False, "its own context ends at 4,096", id="its own ends early"),
    pytest.param({}, True, "262,144 of its own, memory for 65,536", id="both are enough"),
    pytest.param(
        {"place": deployment(load=Load(users=10, context_tokens=100_000))},
        False,
        "262,144 of its own, memory for 65,536 for each of 10 users",
        id="memory is not enough",
    ),
    pytest.param({"context_tokens": None, "candidate": None}, None, "not stated", id="nobody stated it"),
]
LANGUAGES = [
    pytest.param({}, True, "all of them stated", id="stated"),
    pytest.param({"facts": facts(languages=("multilingual", "zh"))}, True, "all", id="multilingual"),
    pytest.param({"facts": facts(languages=())}, None, "its card names no languages", id="none stated"),
    pytest.param({"facts": facts(languages=("zh",))}, None, "names only zh", id="one stated is a habit"),
    pytest.param(
        {"facts": facts(languages=("zh", "fr", "ja"))}, False, "3 languages stated, not en", id="many stated"
    ),
    pytest.param(
        {
            "lineage": lineage(family="phi"),
            "facts": facts(languages=("en",)),
            "place": deployment(languages=("de",)),
        },
        None,
        "weak outside English: try it in de",
        id="a family that is weak outside English",
    ),
]


def under(**rules: Any) -> dict[str, Any]:
    return {"place": deployment(licence=LicenceRules(**rules))}


LICENCES = [
    pytest.param(under(), True, "Apache 2.0", id="no rules"),
    pytest.param(under(allow=("mit",)), False, "Apache 2.0", id="not on the list"),
    pytest.param(under(allow=("permissive",)), True, "Apache 2.0", id="its class is on the list"),
    pytest.param(under() | {"licence": None}, None, "none stated", id="none stated"),
    pytest.param(
        under(allow=("mit",)) | {"licence": None}, False, "none stated", id="none stated, with a list"
    ),
    pytest.param(under() | {"licence": "mnpl"}, False, "non-commercial use only", id="non-commercial"),
    pytest.param(under() | {"licence": "acme-1.0"}, None, "no licence that we know", id="nobody knows it"),
    pytest.param(
        under(domicile="DE") | {"licence": "llama4", "lineage": lineage(variant="vision")},
        False,
        "the EU",
        id="a multimodal Llama 4 for an EU entity",
    ),
    pytest.param(
        under(domicile="US") | {"licence": "llama4", "lineage": lineage(variant="vision")},
        True,
        "Llama 4",
        id="the same for an entity elsewhere",
    ),
]
ORIGINS = [
    pytest.param(under(), True, "FR", id="any"),
    pytest.param(
        under(refuse_origin=("CN",)) | {"lineage": lineage(family="qwen")}, False, "CN", id="refused"
    ),
    pytest.param(
        under(domicile="EU") | {"lineage": lineage(family="qwen")},
        None,
        "CN: needs a compliance talk",
        id="Chinese origin for an EU entity",
    ),
    pytest.param(under() | {"lineage": lineage(family="qwen")}, True, "CN", id="Chinese origin elsewhere"),
    pytest.param(
        under(refuse_origin=("CN",)) | {"lineage": lineage(family=None)},
        None,
        "not known",
        id="an unknown origin, where some are refused",
    ),
]
QUALITIES = [
    pytest.param({"place": deployment(quality_floor="fp8")}, False, "nvfp4", id="4 bit under a floor of 8"),
    pytest.param(
        {
            "place": deployment(quality_floor="fp8"),
            "candidate": replace(candidate(label="mxfp4"), native=True),
        },
        True,
        "mxfp4, as its maker released it",
        id="a maker's own format loses nothing",
    ),
    pytest.param(
        {"place": deployment(quant=None), "candidate": candidate(label="Q3_K_M")},
        False,
        "Q3_K_M",
        id="below 4 bit is for an emergency",
    ),
    pytest.param(
        {"place": deployment(quant="fp8")},
        False,
        "nvfp4",
        id="what runs today is the floor where none is stated",
    ),
]
ECOSYSTEMS = [
    pytest.param({}, True, "nvfp4 is there", id="published, in a format of the engine"),
    pytest.param(
        {"candidate": replace(candidate(), hypothetical=True)}, None, "nobody published", id="hypothetical"
    ),
    pytest.param(
        {"candidate": candidate(label="Q4_K_M")}, False, "sglang does not run Q4_K_M", id="the wrong format"
    ),
]
TASKS = [
    pytest.param({}, True, "kind not stated", id="an LLM for a chat"),
    pytest.param({"lineage": lineage(variant="embedding")}, False, "embedding", id="an embedding for a chat"),
    pytest.param({"place": deployment(task="embed")}, False, "a general LLM", id="an LLM for embeddings"),
    pytest.param(
        {"place": deployment(task="embed"), "lineage": lineage(variant="embedding")},
        True,
        "embedding",
        id="an embedding for embeddings",
    ),
]
ALL = [("speed", SPEEDS), ("memory", MEMORY), ("context", CONTEXTS), ("languages", LANGUAGES)]
ALL += [("licence", LICENCES), ("origin", ORIGINS), ("quality", QUALITIES), ("ecosystem", ECOSYSTEMS)]
ALL += [("task", TASKS)]


@pytest.mark.parametrize(
    ("name", "stated", "passed", "found"),
    [pytest.param(name, *row.values, id=f"{name}: {row.id}") for name, rows in ALL for row in rows],
)
def test_check(name: str, stated: dict[str, Any], passed: bool | None, found: str) -> None:
    check = checked(name, **stated)
    assert check is not None
    assert check.passed is passed
    assert found in check.found
    assert check.wanted


def test_work_in_the_background_has_no_speed_to_keep() -> None:
    assert checked("speed", place=deployment(task="summarise", min_tokens_per_second=None)) is None


def test_users_are_counted_at_the_context_that_is_asked_for() -> None:
    few = checked("users", candidate=running(max_users=6))
    assert few == Check(name="users", passed=False, wanted="10 users with 8,192 tokens", found="6 users")


def test_the_sentence_names_failures_first_and_then_what_is_open() -> None:
    def said(passed: bool | None, name: str) -> Check:
        return Check(name=name, passed=passed, wanted="10", found="6")

    checks = (said(True, "task"), said(False, "speed"), said(None, "origin"))
    assert constraints.sentence(checks) == "fails speed: 6, wanted 10; open: origin (6)"
    assert constraints.sentence(checks[:1]) == "meets 1 of 1 constraints"
    assert [check.name for check in constraints.failed(checks)] == ["speed"]
    assert [check.name for check in constraints.undecided(checks)] == ["origin"]


def test_everything_is_asked_in_one_order_and_each_once() -> None:
    found = constraints.check(
        deployment(),
        lineage=lineage(),
        licence=None,
        facts=None,
        candidate=None,
        registry=REGISTRY,
        context_tokens=None,
    )
    names = ["task", "languages", "context", "memory", "users", "speed", "quality", "licence", "origin"]
    assert [check.name for check in found] == [*names, "ecosystem"]
