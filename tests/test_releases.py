"""What families released: complete enough to remember, and right about licences."""

import gzip
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.shared import shared_data
from watcher import licences
from watcher.families import load_families
from watcher.names import lineage_of
from watcher.releases import Releases, Size, load_releases, read_size
from watcher.types import Licence, Lineage, RepoFacts

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EXPORT = "hub/radar-huggingface-dataset/models_2026-08-22T2000Z.jsonl.gz"


@pytest.fixture(scope="module")
def releases() -> Releases:
    return load_releases()


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


BEFORE = [
    ("Gemma 4 found three generations before it", "gemma", "2026-04-02", ["1", "2", "3", "3n"]),
    ("the first Llama had nothing before it", "llama", "2023-02-24", []),
    ("a release is not before its own day", "gpt-oss", "2025-08-05", []),
    ("and is on the day after", "gpt-oss", "2025-08-06", ["1"]),
    ("a stranger has no past", "nobody", "2026-01-01", []),
]


@pytest.mark.parametrize(
    ("family", "day", "versions"), [row[1:] for row in BEFORE], ids=[row[0] for row in BEFORE]
)
def test_what_a_family_had_before(releases: Releases, family: str, day: str, versions: list[str]) -> None:
    found = releases.before(family, on(day))
    assert list(found) == sorted(found, key=lambda release: release.day)
    main = [release.version for release in found if release.series is None]
    assert [version for version in dict.fromkeys(main) if version != "1.1"] == versions


def test_every_row_can_be_checked_and_is_sane(releases: Releases) -> None:
    keys = set(load_families().by_key)
    for release in releases.releases:
        name = f"{release.family} {release.series or ''} {release.version} {release.day}"
        assert release.family in keys, name
        assert release.source.startswith("https://"), name
        assert date(2022, 1, 1) < release.day < date(2026, 12, 1), name
        assert all(0 < size.total < 4000 for size in release.sizes), name
        assert all(size.active is None or size.active < size.total for size in release.sizes), name
        used = [*release.licences.values(), *(licence for _, licence in release.relicensed)]
        assert [licence for licence in used if licence not in licences.rows()] == [], name
        assert all(day > release.day for day, _ in release.relicensed), name


def test_no_two_rows_contradict_each_other(releases: Releases) -> None:
    """One version and size was published once, or under one licence."""
    seen: dict[tuple[Any, ...], Any] = {}
    for release in releases.releases:
        for size in release.sizes:
            key = (release.family, release.series, release.version, size.total)
            terms = release.licence(f"{size.total:g}B", "base", NOW), release.relicensed
            assert seen.setdefault(key, terms) == terms, key


def test_a_team_can_add_and_replace_rows() -> None:
    row = {"family": "house", "version": "1", "date": "2026-01-02", "sizes": [8, "30-A3"], "licence": "mit"}
    grown = load_releases([row, {**row, "family": "gpt-oss", "date": "2025-08-05", "licence": "mit"}])
    assert [release.sizes for release in grown.before("house", NOW)] == [
        (Size(total=8), Size(total=30, active=3))
    ]
    assert [r.licences for r in grown.before("gpt-oss", NOW) if r.series is None] == [{"rest": "mit"}]


GOOD: dict[str, object] = {"family": "x", "version": "1", "date": "2026-01-02"}
BAD: list[tuple[str, dict[str, object], str]] = [
    ("no family", {**GOOD, "family": ""}, "needs family"),
    ("no day", {"family": "x", "version": "1"}, "needs date"),
    ("a day that is none", {**GOOD, "date": "spring"}, "spring is no day"),
    ("a field we do not have", {**GOOD, "colour": "red"}, "unknown fields colour"),
    ("a size in words", {**GOOD, "sizes": ["huge"]}, "billions of parameters"),
    ("a design nobody builds", {**GOOD, "design": "magic"}, "design magic is none of"),
]


@pytest.mark.parametrize(("row", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_row_is_refused_by_name(row: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_releases([row])


SIZES = [
    ("plain", "8B", Size(total=8)),
    ("a mixture", "235B-A22B", Size(total=235, active=22)),
    ("millions", "270M", Size(total=0.27)),
    ("trillions", "2.4T-A95B", Size(total=2400, active=95)),
    ("effective", "E4B", Size(total=4)),
    ("active in millions", "1B-A400M", Size(total=1, active=0.4)),
    ("experts by the dozen say no total", "17B-128E", None),
    ("a word", "mini", None),
    ("nothing", None, None),
]


@pytest.mark.parametrize(("text", "size"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_sizes_are_read_as_names_write_them(text: str | None, size: Size | None) -> None:
    assert read_size(text) == size


# The repo, the day, and the licence that it carried then. None: the table does not know.
HISTORY = [
    ("Mistral 7B was free", "mistralai/Mistral-7B-Instruct-v0.3", "2024-06-01", "apache-2.0"),
    ("Codestral was not for production", "mistralai/Codestral-22B-v0.1", "2024-06-01", "mnpl"),
    ("Mistral Large 2 was for research", "mistralai/Mistral-Large-Instruct-2407", "2024-08-01", "mrl"),
    ("so was Mistral Small 2409", "mistralai/Mistral-Small-Instruct-2409", "2024-10-01", "mrl"),
    ("Mistral Small 3 is free", "mistralai/Mistral-Small-24B-Instruct-2501", "2025-02-01", "apache-2.0"),
    ("Mistral Large 3 is free", "mistralai/Mistral-Large-3-675B-Instruct-2512", "2026-01-01", "apache-2.0"),
    (
        "Devstral 2 has a revenue gate",
        "mistralai/Devstral-2-123B-Instruct-2512",
        "2026-01-01",
        "modified-mit",
    ),
    ("its small one has none", "mistralai/Devstral-Small-2-24B-Instruct-2512", "2026-01-01", "apache-2.0"),
    ("Gemma 1 had Google's terms", "google/gemma-7b", "2024-03-01", "gemma"),
    ("Gemma 3 too", "google/gemma-3-27b-it", "2025-04-01", "gemma"),
    ("Gemma 4 is free", "google/gemma-4-31B-it", "2026-04-03", "apache-2.0"),
    ("even before it was announced", "google/gemma-4-31B-it", "2026-03-11", "apache-2.0"),
    ("Phi-2 was for research", "microsoft/phi-2", "2023-12-20", "microsoft-research-license"),
    ("until it was freed", "microsoft/phi-2", "2024-01-05", "mit"),
    ("DeepSeek V3 came under its own licence", "deepseek-ai/DeepSeek-V3", "2025-01-01", "deepseek"),
    ("V3-0324 under MIT", "deepseek-ai/DeepSeek-V3-0324", "2025-04-01", "mit"),
    ("Qwen2.5 7B is free", "Qwen/Qwen2.5-7B-Instruct", "2025-01-01", "apache-2.0"),
    ("its 3B is for research", "Qwen/Qwen2.5-3B-Instruct", "2025-01-01", "qwen-research"),
    ("its 72B has Qwen's terms", "Qwen/Qwen2.5-72B-Instruct", "2025-01-01", "qwen"),
    ("Qwen3 is free at every size", "Qwen/Qwen3-235B-A22B", "2025-05-01", "apache-2.0"),
    ("Llama licences go by version", "meta-llama/Llama-3.1-8B-Instruct", "2025-01-01", "llama3.1"),
    ("and 3.3 has its own", "meta-llama/Llama-3.3-70B-Instruct", "2025-01-01", "llama3.3"),
    ("experts in a size are no trouble", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "2025-05-01", "llama4"),
    ("gpt-oss is called 120b and is 117", "openai/gpt-oss-120b", "2025-09-01", "apache-2.0"),
    ("Command A was not for business", "CohereLabs/c4ai-command-a-03-2025", "2025-05-01", "cc-by-nc-4.0"),
    ("Command A+ is", "CohereLabs/command-a-plus-05-2026-bf16", "2026-06-01", "apache-2.0"),
    ("EXAONE was for research", "LGAI-EXAONE/EXAONE-4.0-32B", "2025-08-01", "exaone"),
    ("K-EXAONE 2.0 is free", "LGAI-EXAONE/K-EXAONE-2.0-750B-A37B", "2026-08-01", "apache-2.0"),
    ("GLM-4 had its own", "THUDM/glm-4-9b-chat", "2024-07-01", "glm-4"),
    ("GLM 4.5 is free", "zai-org/GLM-4.5-Air", "2025-08-01", "mit"),
    ("Jamba began free", "ai21labs/Jamba-v0.1", "2024-05-01", "apache-2.0"),
    ("Jamba 1.5 has a revenue gate", "ai21labs/AI21-Jamba-1.5-Mini", "2024-09-01", "jamba"),
    ("Yi asked for registration", "01-ai/Yi-34B", "2023-12-01", "yi-license"),
    ("and was freed with 1.5", "01-ai/Yi-34B", "2024-06-01", "apache-2.0"),
    ("MiniMax M2.7 was not for business", "MiniMaxAI/MiniMax-M2.7", "2026-05-01", "minimax-m2.7"),
    ("M3 is, up to a revenue", "MiniMaxAI/MiniMax-M3", "2026-07-01", "minimax-community-license"),
    ("Kimi K3 left the modified MIT", "moonshotai/Kimi-K3", "2026-08-01", "kimi-k3"),
    ("GLM 5.3 has its own", "zai-org/GLM-5.3", "2026-09-01", "glm-5.3"),
    ("its Flash is free", "zai-org/GLM-5.3-Flash", "2026-09-01", "mit"),
    ("the largest Qwen3.8 has its own", "Qwen/Qwen3.8-2.4T-A95B", "2026-09-01", "qwen3.8-max"),
    ("Qwen3.8 27B is free", "Qwen/Qwen3.8-27B", "2026-09-01", "apache-2.0"),
    ("Qwen1.5 4B is for research", "Qwen/Qwen1.5-4B-Chat", "2024-03-01", "qwen-research"),
    ("Hunyuan shut the EU out", "tencent/Hunyuan-A13B-Instruct", "2025-08-01", "hunyuan"),
    ("Hy3 is free", "tencent/Hy3", "2026-08-01", "apache-2.0"),
    ("LFM has a revenue gate", "LiquidAI/LFM2-1.2B", "2025-08-01", "lfm1.0"),
    (
        "Nemotron 3 Ultra is free",
        "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16",
        "2026-07-01",
        "openmdw-1.1",
    ),
    (
        "MedGemma has terms for medicine",
        "google/medgemma-27b-text-it",
        "2025-06-01",
        "health-ai-developer-foundations",
    ),
    (
        "a maker's own quant is as free as its model",
        "Qwen/Qwen2.5-3B-Instruct-GGUF",
        "2025-01-01",
        "qwen-research",
    ),
    ("a size nobody released", "Qwen/Qwen3-99B", "2026-01-01", None),
    ("a version nobody released", "google/gemma-9-12b-it", "2026-01-01", None),
    ("a stranger", "somebody/their-7b", "2026-01-01", None),
]


@pytest.mark.parametrize(
    ("repo_id", "day", "licence"), [row[1:] for row in HISTORY], ids=[row[0] for row in HISTORY]
)
def test_a_version_carries_its_own_licence(
    releases: Releases, repo_id: str, day: str, licence: str | None
) -> None:
    lineage = lineage_of(RepoFacts(repo_id=repo_id), load_families())
    assert releases.expected_licence(lineage, on(day)) == licence


def test_sizes_that_differ_leave_a_repo_without_size_open(releases: Releases) -> None:
    lineage = Lineage(family="qwen", series="Qwen", version="2.5")
    assert releases.expected_licence(lineage, NOW) is None
    assert releases.expected_licence(Lineage(family="qwen", series="Qwen", version="3"), NOW) == "apache-2.0"


def test_a_stamp_told_apart_from_its_version_finds_the_same_row(releases: Releases) -> None:
    """Whether a reader of names keeps "2-2407" or "2" and "2407", the release is one."""
    for version, stamp in (("2-2407", None), ("2", "2407"), ("2", None)):
        lineage = Lineage(family="mistral", series="Mistral Large", version=version, stamp=stamp)
        assert releases.expected_licence(lineage, NOW) == "mrl"


def test_the_table_agrees_with_what_makers_state_on_the_hub(releases: Releases) -> None:
    """Every official repo of a real export whose licence is named ("other" alone names none)."""
    registry = load_families()
    with gzip.open(shared_data(EXPORT), "rt") as lines:
        rows = [row for line in lines if registry.families_of((row := json.loads(line))["author"])]
    known = 0
    for row in rows:
        lineage = lineage_of(RepoFacts(repo_id=row["id"]), registry)
        stated = licences.canonical(Licence(id=row["license"]))
        expected = releases.expected_licence(lineage, NOW) if lineage.official else None
        if expected and stated and stated != "other":
            known += 1
            assert stated == expected, row["id"]
    assert known > 150
