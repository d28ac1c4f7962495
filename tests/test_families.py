"""The registry of families: complete, sourced and extendable."""

import csv

import pytest

from tests.shared import shared_data
from watcher.families import Registry, load_families

# Every family that teams are known to ask about, so that none is mistaken for a new player.
EXPECTED = """
    llama gemma qwen mistral phi deepseek gpt-oss glm kimi minimax nemotron granite command olmo falcon
    smollm exaone hunyuan ernie seed yi internlm jamba lfm apertus eurollm teuken step mimo muse ling
    minicpm hermes stablelm solar k2 afm salamandra baichuan cerebras-gpt gigachat sarvam trinity zaya
    reka bielik viking poro lighton mpt arctic apriel jais telechat yandexgpt grok dbrx bloom starcoder
    laguna inkling dots mellum ax longcat motif hyperclova
"""
# Those that teams are told about by name: each says what its licence and its maker's country mean.
KNOWN_WELL = """
    llama gemma qwen mistral phi deepseek gpt-oss glm kimi minimax nemotron granite command olmo falcon
    smollm exaone hunyuan ernie seed yi internlm jamba lfm apertus eurollm teuken
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_families()


def test_every_expected_family_is_there(registry: Registry) -> None:
    assert not set(EXPECTED.split()) - set(registry.by_key)


def test_every_row_says_where_it_comes_from(registry: Registry) -> None:
    assert [f.key for f in registry.families if not f.source] == []
    assert [f.key for f in registry.families if not f.maker] == []
    assert [q.organisation for q in registry.quantisers if not q.source or not q.formats] == []


def test_origins_are_country_codes_and_keys_are_lower_case(registry: Registry) -> None:
    assert [
        f.key for f in registry.families if not (f.origin and len(f.origin) == 2 and f.origin.isupper())
    ] == []
    assert [f.key for f in registry.families if f.key != f.key.casefold()] == []


ORIGINS = [("mistral", "FR", True), ("qwen", "CN", False), ("llama", "US", False), ("apertus", "CH", False)]
ORIGINS += [("salamandra", "ES", True), ("bielik", "PL", True), ("gigachat", "RU", False)]


@pytest.mark.parametrize(("key", "country", "in_eu"), ORIGINS, ids=[row[0] for row in ORIGINS])
def test_jurisdiction_follows_the_maker(registry: Registry, key: str, country: str, in_eu: bool) -> None:
    assert registry.origin(key) == country
    assert registry.by_key[key].in_eu is in_eu


def test_what_teams_should_know_is_there_for_the_families_they_ask_about(registry: Registry) -> None:
    families = [registry.by_key[key] for key in KNOWN_WELL.split()]
    assert [f.key for f in families if not f.licence_note or not f.watch_for] == []
    assert [f.key for f in families if len(" ".join(f.watch_for)) > 400] == []


LAW = [
    ("a Chinese maker", "qwen", "National Intelligence Law"),
    ("a Russian maker", "gigachat", "sanctions"),
    ("a maker in the EU", "mistral", "AI Act"),
    ("another one in the EU", "salamandra", "AI Act"),
    ("a Korean maker", "exaone", "AI Basic Act"),
    ("a Swiss maker", "apertus", None),
]


@pytest.mark.parametrize(("key", "words"), [row[1:] for row in LAW], ids=[row[0] for row in LAW])
def test_a_country_has_a_meaning(registry: Registry, key: str, words: str | None) -> None:
    found = registry.by_key[key].jurisdiction
    assert words in found if words else not found


def test_feeds_are_addresses(registry: Registry) -> None:
    assert registry.by_key["mistral"].feeds == ("https://mistral.ai/rss.xml",)
    assert all(feed.startswith("https://") for family in registry.families for feed in family.feeds)


def test_small_players_are_marked(registry: Registry) -> None:
    assert registry.by_key["lfm"].edge
    assert not any(registry.by_key[key].edge for key in ("llama", "qwen", "mistral", "laguna", "inkling"))


def test_an_unknown_family_has_no_origin(registry: Registry) -> None:
    assert registry.origin("nobody") is None


def test_organisations_compare_without_case_and_moved_ones_count(registry: Registry) -> None:
    assert registry.of_organisation("MISTRALAI") is registry.by_key["mistral"]
    assert registry.of_organisation("THUDM") is registry.by_key["glm"]
    assert registry.of_organisation("CohereForAI") is registry.by_key["command"]
    assert registry.of_organisation("somebody") is None


def test_watching_families_means_their_current_organisations(registry: Registry) -> None:
    assert registry.organisations(["llama", "glm", "gpt-oss", "whisper"]) == (
        "meta-llama",
        "zai-org",
        "openai",
    )


def test_the_trusted_quantisers_are_known_by_any_spelling(registry: Registry) -> None:
    assert {"bartowski", "unsloth", "nvidia", "lmstudio-community", "redhatai"} <= registry.trusted_quantisers
    assert registry.known_organisation("Bartowski")
    assert not registry.known_organisation("Mistral-AI-official")


MOVED = [
    ("an organisation that moved", "THUDM/GLM-4-9B-0414", "zai-org/GLM-4-9B-0414"),
    ("a repo that was renamed", "meta-llama/Meta-Llama-3.1-8B", "meta-llama/Llama-3.1-8B"),
    ("one that was not", "meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B"),
    ("somebody else's", "someone/Meta-Llama-3.1-8B", "someone/Meta-Llama-3.1-8B"),
    ("a bare name", "gpt2", "gpt2"),
]


@pytest.mark.parametrize(("old", "new"), [row[1:] for row in MOVED], ids=[row[0] for row in MOVED])
def test_old_ids_lead_to_the_current_ones(registry: Registry, old: str, new: str) -> None:
    assert registry.current(old) == new


def test_a_team_can_add_and_amend_families() -> None:
    registry = load_families(
        [
            {"key": "house", "organisations": ["our-org"], "origin": "DE", "names": ["house-"]},
            {"key": "llama", "organisations": ["meta-llama", "our-mirror"], "watch_for": ["our contract"]},
        ]
    )
    assert registry.of_organisation("our-org") is registry.by_key["house"]
    assert registry.by_key["house"].source == "your configuration"
    assert "AI Act" in registry.by_key["house"].jurisdiction
    assert registry.by_key["llama"].maker == "Meta"
    assert registry.by_key["llama"].watch_for == ("our contract",)
    assert registry.organisations(["llama"]) == ("meta-llama", "our-mirror")


BAD = [
    ("no organisations", {"key": "x"}, "needs a key and at least one organisation"),
    ("no key", {"organisations": ["x"]}, "needs a key"),
    (
        "a field we do not have",
        {"key": "x", "organisations": ["x"], "colour": "red"},
        "unknown fields colour",
    ),
    (
        "a feed that is no address",
        {"key": "x", "organisations": ["x"], "feeds": ["news"]},
        "https:// address",
    ),
    ("watch_for as one text", {"key": "x", "organisations": ["x"], "watch_for": "it"}, "a list of texts"),
    ("a pattern that is none", {"key": "x", "organisations": ["x"], "names": ["("]}, "cannot be read"),
]


@pytest.mark.parametrize(("row", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_row_is_refused_by_name(row: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_families([row])


def test_the_players_of_the_real_timeline_are_known(registry: Registry) -> None:
    """Families that the labelled timeline calls new versions must not look new to us."""
    with shared_data("timeline/timeline.csv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["kind"] in ("new_version", "new_size")]
    makers = {
        row["repo_id"].split("/")[0]
        for row in rows
        if row["repo_id"].count("/") == 1 and " " not in row["repo_id"]
    }
    assert {maker for maker in makers if not registry.known_organisation(maker)} <= {"XHToken", "yandex"}
