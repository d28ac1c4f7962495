"""What a repo seen for the first time is to its family: sizes, designs, abilities and licences."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, details, facts, lineage, member, observation
from watcher.newcomers import newcomer
from watcher.releases import REST, Release, Releases, Size
from watcher.types import ChangeKind, Details, Lineage, Member

MOE = {"model_type": "qwen3_moe", "num_local_experts": 64}
STATE = {"model_type": "granitehybrid", "mamba_d_state": 128}


def qwen(version: str = "2.5", size: str | None = "32B", series: str = "Qwen", **more: Any) -> Lineage:
    usual = {"family": "qwen", "publisher": "Qwen", "variant": "instruct"}
    return lineage(**(usual | {"version": version, "size": size, "series": series} | more))


def had(repo: str, billions: float, version: str = "2", **more: Any) -> Member:
    licence, series = more.pop("licence", "apache-2.0"), more.pop("series", "Qwen")
    found = member(
        repo,
        total=int(billions * 1e9),
        family="qwen",
        series=series,
        version=version,
        size=f"{billions:g}B",
        **more,
    )
    return Member(**{name: getattr(found, name) for name in found.__slots__} | {"licence": licence})


def config(values: dict[str, Any]) -> Details:
    return Details(repo_id="x/y", revision="a1", files=(), config=values)


def told(line: Lineage, family: list[Member], past: Releases | None = None, **stated: Any) -> list[str]:
    """The kinds of change, with the degree where there is one."""
    with_details = stated.pop("with_details", details())
    size = {"total": int(float((line.size or "7B").split("B")[0]) * 1e9)} if line.size else {}
    seen = observation(facts("Qwen/New", **(size | {"created_at": NOW} | stated)), with_details=with_details)
    found = newcomer(seen, line, family, past or Releases(releases=()))
    return [f"{c.kind.value} {c.degree}" if c.degree else c.kind.value for c in found]


SEVEN = [had("Qwen/Qwen2-7B-Instruct", 7.6), had("Qwen/Qwen2-72B-Instruct", 72.7)]

ROWS: list[Any] = [
    pytest.param(
        qwen(size="32B"),
        SEVEN,
        {},
        ["new-version minor", "new-size"],
        id="a size the family lacked, with a version",
    ),
    pytest.param(qwen(size="72B"), SEVEN, {}, ["new-version minor"], id="a version in a size that there was"),
    pytest.param(
        qwen(size="32B"),
        [*SEVEN, had("Qwen/Qwen1.5-32B", 32.5, "1.5", licence="qwen-research")],
        {},
        ["new-version minor", "new-size", "licence release"],
        id="there was such a size, but for research only",
    ),
    pytest.param(
        qwen(size="30B-A3B", version="2"),
        [had("Qwen/Qwen2-32B", 32.5)],
        {"with_details": config(MOE)},
        ["new-size", "new-architecture"],
        id="the first mixture is no dense model of its size",
    ),
    pytest.param(
        qwen(size="32B", series="Qwen Coder", variant="coder"),
        [had("Qwen/Qwen2-32B", 32.5), had("Qwen/Qwen2-Coder-7B", 7.6, series="Qwen Coder", variant="coder")],
        {},
        ["new-version minor", "new-size line"],
        id="a line reaches a size that only the main line had",
    ),
    pytest.param(
        qwen(size="32B", series="Qwen VL", variant="vision"),
        [had("Qwen/Qwen2-32B", 32.5), had("Qwen/Qwen2-VL-7B", 8.3, series="Qwen VL", variant="vision")],
        {},
        ["new-version minor"],
        id="sizes of a line beside the general models are none",
    ),
    pytest.param(
        qwen(size="32B", series="QwQ", variant="reasoning", version="1"),
        [had("Qwen/Qwen2.5-32B", 32.8, "2.5")],
        {},
        ["new-variant", "new-architecture ability"],
        id="the first of a family that reasons",
    ),
    pytest.param(
        qwen(size="32B", series="QwQ", variant="reasoning", version="1"),
        [
            had("Qwen/Qwen2.5-32B", 32.8, "2.5"),
            had("Qwen/QwQ-32B-Preview", 32.8, "1-preview", series="QwQ", variant="reasoning"),
        ],
        {},
        ["new-version patch"],
        id="the second that reasons is a version",
    ),
    pytest.param(
        qwen(version="3", size="7B"),
        SEVEN,
        {"pipeline_tag": "image-text-to-text"},
        ["new-version major", "new-architecture ability"],
        id="a major version of the main line that learns to see",
    ),
    pytest.param(
        qwen(version="3", size="7B"),
        SEVEN,
        {"pipeline_tag": "image-text-to-text", "with_details": config(MOE)},
        ["new-version major", "new-size", "new-architecture"],
        id="the first mixture and the first that sees is one new design",
    ),
    pytest.param(
        qwen(version="2.5", size="7B"),
        SEVEN,
        {"pipeline_tag": "image-text-to-text"},
        ["new-version minor"],
        id="a minor version that learns to see is an update",
    ),
    pytest.param(
        qwen(version="2", size="7B"),
        SEVEN,
        {"with_details": config(STATE)},
        ["new-variant", "new-architecture"],
        id="the first with state-space layers",
    ),
    pytest.param(
        qwen(size="72B"),
        SEVEN,
        {"licence": "qwen-research"},
        ["new-version minor", "licence release"],
        id="a size that was free is for research only",
    ),
    pytest.param(
        qwen(size="72B"),
        [had("Qwen/Qwen2-72B", 72.7, licence="mrl")],
        {"licence": "apache-2.0"},
        ["new-version minor", "new-size", "licence release"],
        id="a line comes back to a free licence",
    ),
    pytest.param(
        qwen(size="72B"),
        [*SEVEN, had("Qwen/Qwen1.5-72B", 72.3, "1.5", licence="tongyi-qianwen")],
        {"licence": "tongyi-qianwen"},
        ["new-version minor"],
        id="a licence that the family has for other sizes is no news",
    ),
    pytest.param(
        qwen(quant=True, base_repo="Qwen/Qwen2-7B-Instruct", version="2", size="7B"),
        SEVEN,
        {},
        ["new-quant"],
        id="a maker's own quant of a model that we know",
    ),
    pytest.param(
        qwen(quant=True, base_repo="Qwen/Qwen3-110B", version="3", size="110B"),
        SEVEN,
        {},
        ["new-version major", "new-size"],
        id="a maker's own quant of a model that nobody knows is its release",
    ),
]


@pytest.mark.parametrize(("line", "family", "stated", "expected"), ROWS)
def test_a_newcomer_is_held_against_what_its_family_had(
    line: Lineage, family: list[Member], stated: dict[str, Any], expected: list[str]
) -> None:
    assert told(line, family, **stated) == expected


def _row(day: date, **more: Any) -> Release:
    usual: dict[str, Any] = {
        "family": "qwen",
        "version": "2",
        "sizes": (Size(total=32.5),),
        "licences": {REST: "apache-2.0"},
    }
    return Release(**(usual | {"day": day} | more))


def test_what_the_catalog_never_saw_is_in_the_table_of_releases() -> None:
    table = Releases(releases=(_row(date(2025, 6, 1)),))
    assert told(qwen(), [], table) == ["new-version minor"]


def test_the_table_is_silent_about_the_last_weeks_which_the_catalog_saw_itself() -> None:
    table = Releases(releases=(_row(NOW.date() - timedelta(days=7)),))
    assert told(qwen(), [], table) == ["new-family"]


def test_a_repo_that_was_published_under_another_licence_changed_in_place() -> None:
    row = _row(
        date(2025, 12, 1),
        licences={REST: "microsoft-research-license"},
        relicensed=((date(2026, 4, 1), "mit"),),
    )
    seen = observation(
        facts(
            "Qwen/Qwen2-32B",
            created_at=datetime(2025, 12, 1, tzinfo=UTC),
            licence="mit",
            total=32_500_000_000,
        )
    )
    found = newcomer(seen, qwen(version="2"), [], Releases(releases=(row,)))
    assert [(c.before, c.after, c.degree) for c in found if c.kind.value == "licence"] == [
        ("microsoft-research-license", "mit", None)
    ]


def test_a_repo_that_changed_its_licence_long_ago_and_only_surfaces_now_did_not_change_it() -> None:
    row = _row(
        date(2023, 12, 13),
        licences={REST: "microsoft-research-license"},
        relicensed=((date(2024, 1, 6), "mit"),),
    )
    seen = observation(
        facts(
            "Qwen/Qwen2-32B",
            created_at=datetime(2023, 12, 13, tzinfo=UTC),
            licence="mit",
            total=32_500_000_000,
        )
    )
    found = newcomer(seen, qwen(version="2"), [], Releases(releases=(row,)))
    assert [c.kind.value for c in found] == ["new-variant"]


@given(
    version=st.text(max_size=12),
    size=st.one_of(st.none(), st.text(max_size=12)),
    series=st.one_of(st.none(), st.text(max_size=12)),
    licence=st.text(max_size=20),
)
def test_whatever_a_name_says_a_newcomer_is_something(
    version: str, size: str | None, series: str | None, licence: str
) -> None:
    seen = observation(facts("Qwen/New", created_at=NOW, licence=licence))
    found = newcomer(seen, qwen(version=version, size=size, series=series or "Qwen"), SEVEN)
    assert found
    assert len({(c.kind, c.before, c.after) for c in found}) == len(found)


@pytest.mark.parametrize(
    ("line", "family", "expected"),
    [
        pytest.param(
            lineage(version="4.1"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-version", "4", "minor")],
            id="a minor version",
        ),
        pytest.param(
            lineage(version="5"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-version", "4", "major")],
            id="a major version",
        ),
        pytest.param(
            lineage(size="24B"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-size", "119B", None)],
            id="another size of a release that we know",
        ),
        pytest.param(
            lineage(variant="base"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-variant", None, None)],
            id="another variant of a release that we know",
        ),
        pytest.param(
            lineage(variant="reasoning"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-variant", None, None), ("new-architecture", None, "ability")],
            id="the first of a family that reasons",
        ),
        pytest.param(
            lineage(version="3.2"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-variant", None, None)],
            id="a late upload of an older version",
        ),
        pytest.param(
            lineage(), [], [("new-family", None, None)], id="the first of a family that anybody knows of"
        ),
        pytest.param(
            lineage(
                quant=True,
                base_repo="mistralai/Mistral-Small-4-119B-2603",
                publisher="unsloth",
                official=False,
            ),
            [],
            [("new-quant", None, None)],
            id="a quant",
        ),
        pytest.param(
            lineage(derived=True, official=False, publisher="somebody"),
            [],
            [("new-variant", None, None)],
            id="a third party's fine-tune makes no family",
        ),
        pytest.param(
            lineage(impersonates="mistralai", official=False, publisher="Mistral-AI-official"),
            [],
            [("new-variant", None, None)],
            id="an imitation makes no family",
        ),
        pytest.param(
            lineage(family=None, series="Apollo", official=False, publisher="newlab"),
            [],
            [("new-family", None, None)],
            id="a player never seen",
        ),
        pytest.param(
            lineage(family=None, series="Apollo", official=False, publisher="newlab"),
            [member("newlab/Apollo-1", family=None, publisher="newlab")],
            [("new-variant", None, None)],
            id="the second model of a new player",
        ),
    ],
)
def test_what_a_newcomer_is(
    line: object, family: list[object], expected: list[tuple[str, str | None, str | None]]
) -> None:
    found = newcomer(observation(facts("a/b", created_at=NOW)), line, family)  # type: ignore[arg-type]  # tables hold objects
    assert [(c.kind.value, c.before, c.degree) for c in found] == expected


def test_an_old_repo_of_an_unknown_account_is_no_new_family() -> None:
    stranger = lineage(family=None, official=False, publisher="newlab")
    found = newcomer(observation(facts("newlab/Apollo")), stranger, [])
    assert [(c.kind, c.evidence) for c in found] == [
        (ChangeKind.NEW_VARIANT, ("not new: created 2026-01-20",))
    ]


def test_a_model_type_the_family_never_had_is_a_new_architecture_too() -> None:
    family = [member("mistralai/Mistral-Small-4-119B-2603", model_type="mistral3")]
    found = newcomer(observation(facts("a/b", model_type="state_space")), lineage(version="5"), family)
    assert [(c.kind.value, c.degree) for c in found] == [
        ("new-version", "major"),
        ("new-architecture", "minor"),
    ]
    numbered = newcomer(observation(facts("a/b", model_type="mistral5_text")), lineage(version="5"), family)
    assert [c.kind.value for c in numbered] == ["new-version"]
