"""Licences: one id each, a class, a direction and what they ask of a team."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher import licences
from watcher.types import Licence, LicenceRules

STATED = [
    ("the plain tag", Licence(id="apache-2.0"), "apache-2.0"),
    ("upper case", Licence(id="Apache-2.0"), "apache-2.0"),
    ("the long name", Licence(id="Apache License 2.0"), "apache-2.0"),
    ("the legal name with its comma", Licence(id="other", name="Apache License, Version 2.0"), "apache-2.0"),
    ("a short name", Licence(id="Apache-2"), "apache-2.0"),
    ("a name without separators", Licence(id="apache2.0"), "apache-2.0"),
    ("other with a known name", Licence(id="other", name="apache-license-2.0"), "apache-2.0"),
    ("other with a maker's name", Licence(id="other", name="mnpl"), "mnpl"),
    ("a tag that is the name already", Licence(id="mrl"), "mrl"),
    ("the same licence in two encodings", Licence(id="other", name="Gemma"), "gemma"),
    ("Llama with a dash", Licence(id="llama-3.1"), "llama3.1"),
    ("Llama's own name", Licence(id="other", name="Llama 3.1 Community License Agreement"), "llama3.1"),
    (
        "an agreement",
        Licence(id="other", name="minimax-h3-community-license-agreement"),
        "minimax-h3-community-license",
    ),
    ("LG's long name", Licence(id="other", name="EXAONE AI Model License Agreement 1.1 - NC"), "exaone"),
    ("other with a link alone", Licence(id="other", link="https://mistral.ai/licenses/MRL-0.1.md"), "mrl"),
    (
        "a name outranks the link",
        Licence(id="other", name="mnpl", link="https://x/apache.org/licenses/LICENSE-2.0"),
        "mnpl",
    ),
    (
        "the longer of two links that fit",
        Licence(
            id="other", link="https://www.nvidia.com/en-us/agreements/nvidia-nemotron-open-model-license/"
        ),
        "nvidia-nemotron-open-model-license",
    ),
    ("other without anything", Licence(id="other"), "other"),
    ("other with a link into the repo", Licence(id="other", link="LICENSE"), "other"),
    ("other with an empty name", Licence(id="other", name="unknown"), "other"),
    ("unknown", Licence(id="unknown"), None),
    ("none", Licence(id="None"), None),
    ("an empty tag", Licence(id=""), None),
    ("nothing", Licence(), None),
    ("a name without a tag", Licence(name="modified-mit"), "modified-mit"),
    ("a name nobody knows", Licence(id="other", name="Qwen9 Max Licence"), "qwen9-max-license"),
    ("a name that became known", Licence(id="other", name="Qwen3.8-Max License"), "qwen3.8-max"),
    ("several", Licence(id="mit, apache-2.0"), "apache-2.0 + mit"),
    ("several in another order", Licence(id="Apache-2.0 + MIT"), "apache-2.0 + mit"),
    ("terminal codes and pings", Licence(id="other", name="\x1b[31mfree <!channel>"), "31mfree-channel"),
]


@pytest.mark.parametrize(("licence", "expected"), [row[1:] for row in STATED], ids=[row[0] for row in STATED])
def test_a_licence_has_one_id(licence: Licence, expected: str | None) -> None:
    assert licences.canonical(licence) == expected


CLASSES = [
    ("apache-2.0", "permissive"),
    ("openmdw-1.1", "permissive"),
    ("llama3.3", "custom-commercial"),
    ("gemma", "custom-commercial"),
    ("qwen", "custom-commercial"),
    ("lfm1.0", "restricted"),
    ("modified-mit", "restricted"),
    ("kimi-k3", "restricted"),
    ("hunyuan", "restricted"),
    ("cc-by-nc-4.0", "non-commercial"),
    ("mnpl", "non-commercial"),
    ("mrl", "research"),
    ("qwen-research", "research"),
    ("other", "unknown"),
    ("qwen3.8-max", "restricted"),
    ("minimax-community-license", "restricted"),
    ("minimax-m2.7", "non-commercial"),
    ("qwen-community-1.0", "restricted"),
    ("glm-5.3", "custom-commercial"),
    ("my-own", "unknown"),
    ("apache-2.0 + cc-by-nc-4.0", "non-commercial"),
    ("apache-2.0 + something-else", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize(("licence", "kind"), CLASSES, ids=[row[0] or "nothing" for row in CLASSES])
def test_a_licence_has_a_class(licence: str, kind: str) -> None:
    assert licences.class_of(licence) == kind


# How families really moved, version by version; the repo decides, never the family's reputation.
HISTORY = [
    ("Mistral 7B to Codestral", "apache-2.0", "mnpl", "stricter"),
    ("Codestral to Mistral Large 2", "mnpl", "mrl", "stricter"),
    ("Large 2 and Small 2409 to Mistral Small 3", "mrl", "apache-2.0", "looser"),
    ("Mistral Small to Devstral 2", "apache-2.0", "modified-mit", "stricter"),
    ("Gemma 3 to Gemma 4", "gemma", "apache-2.0", "looser"),
    ("Gemma 1 to Gemma 2", "gemma", "gemma", "sideways"),
    ("Phi-2 in January 2024", "microsoft-research-license", "mit", "looser"),
    ("Llama 3 to Llama 3.1", "llama3", "llama3.1", "sideways"),
    ("DeepSeek V2.5 to R1", "deepseek", "mit", "looser"),
    ("Qwen2.5 7B to Qwen2.5 3B", "apache-2.0", "qwen-research", "stricter"),
    ("Command A to Command A+", "cc-by-nc-4.0", "apache-2.0", "looser"),
    ("Hunyuan to Hy3", "hunyuan", "apache-2.0", "looser"),
    ("Kimi K2 to Kimi K3", "modified-mit", "kimi-k3", "sideways"),
    ("Llama 3.1 to Llama 3.2", "llama3.1", "llama3.2", "sideways"),
    ("Llama 3.3 to Llama 4", "llama3.3", "llama4", "sideways"),
    ("GLM 5.2 to GLM 5.3", "mit", "glm-5.3", "stricter"),
    ("Qwen3.8 27B to Qwen3.8 Flash Next", "apache-2.0", "qwen-community-1.0", "stricter"),
    ("MiniMax M2.5 to M2.7", "modified-mit", "minimax-m2.7", "stricter"),
    ("MiniMax M2.7 to M3", "minimax-m2.7", "minimax-community-license", "looser"),
    ("to a licence nobody knows", "apache-2.0", "my-own", "stricter"),
    ("from research to a licence nobody knows", "mrl", "my-own", "stricter"),
    ("from a licence nobody knows", "my-own", "gemma", "looser"),
    ("from one that nobody knows to another", "my-own", "their-own", "sideways"),
    ("to a licence that is not named", "apache-2.0", "other", "stricter"),
    ("to none at all", "apache-2.0", "", "stricter"),
    ("one that was not named is named now", "other", "mrl", "sideways"),
    ("none was stated before", "", "apache-2.0", "sideways"),
    ("between permissive ones", "mit", "apache-2.0", "sideways"),
    ("the EU is let in under terms of the same class", "hunyuan", "jamba", "looser"),
    ("the EU is shut out under terms of the same class", "lfm1.0", "hunyuan", "stricter"),
    ("several licences are as tight as the tightest", "apache-2.0 + mrl", "apache-2.0", "looser"),
]


@pytest.mark.parametrize(
    ("before", "after", "way"), [row[1:] for row in HISTORY], ids=[row[0] for row in HISTORY]
)
def test_a_move_is_looser_or_stricter(before: str, after: str, way: str) -> None:
    assert licences.direction(before, after) == way


RULES = [
    ("no rules allow all", "mrl", (), True),
    ("an id", "mit", ("apache-2.0", "mit"), True),
    ("an id in another spelling", "apache-2.0", ("Apache License 2.0",), True),
    ("a class", "apache-2.0", ("permissive",), True),
    ("a class in capitals", "gemma", ("Custom-Commercial",), True),
    ("another class", "gemma", ("permissive",), False),
    ("all parts count", "apache-2.0 + mit", ("apache-2.0", "mit"), True),
    ("one part is not enough", "apache-2.0 + cc-by-nc-4.0", ("apache-2.0",), False),
    ("nothing stated is not allowed", "", ("permissive",), False),
    ("an unknown licence by its name", "my-own", ("my-own",), True),
    ("an unknown licence is no permissive one", "my-own", ("permissive",), False),
]


@pytest.mark.parametrize(
    ("licence", "allow", "verdict"), [row[1:] for row in RULES], ids=[row[0] for row in RULES]
)
def test_rules_allow_by_id_or_class(licence: str, allow: tuple[str, ...], verdict: bool) -> None:
    assert licences.allowed(licence, LicenceRules(allow=allow)) is verdict


NEW_TERMS = [
    ("Llama 3.1 freed the outputs", "llama3", "llama3.1", "outputs may now be used to improve other models"),
    ("3.3 after 3.1 brings nothing", "llama3.1", "llama3.3", None),
    ("the EU is let in", "hunyuan", "jamba", "now licensed in the EU, the UK and South Korea too"),
    ("the EU is shut out", "jamba", "hunyuan", "no longer licensed in the EU, the UK and South Korea"),
    ("a licence nobody knows tells nothing", "llama3", "my-own", None),
    ("the same one", "mit", "mit", None),
]


@pytest.mark.parametrize(
    ("before", "after", "sentence"), [row[1:] for row in NEW_TERMS], ids=[row[0] for row in NEW_TERMS]
)
def test_a_version_bump_says_what_is_new(before: str, after: str, sentence: str | None) -> None:
    assert licences.new_terms(before, after) == sentence


EXCLUDED = [
    ("Hunyuan in a member state", "hunyuan", "DE", False, "gives no rights to entities in the EU"),
    ("Hunyuan in the EU as such", "hunyuan", "EU", False, "gives no rights to entities in the EU"),
    ("Hunyuan in the UK", "hunyuan", "GB", False, "gives no rights to entities in the UK"),
    ("Hunyuan in Korea", "hunyuan", "kr", False, "gives no rights to entities in South Korea"),
    ("Hunyuan in the US", "hunyuan", "US", False, None),
    ("Llama 3.2 with pictures", "llama3.2", "FR", True, "in the EU no rights to its multimodal models"),
    ("Llama 3.2 without", "llama3.2", "FR", False, None),
    ("Llama 4 in Switzerland", "llama4", "CH", True, None),
    ("Llama 3.3 has no such limit", "llama3.3", "EU", True, None),
    ("one of several licences", "apache-2.0 + hunyuan", "EU", False, "gives no rights"),
    ("a licence nobody knows", "my-own", "EU", True, None),
]


@pytest.mark.parametrize(
    ("licence", "domicile", "multimodal", "reason"),
    [row[1:] for row in EXCLUDED],
    ids=[r[0] for r in EXCLUDED],
)
def test_a_licence_may_shut_a_country_out(
    licence: str, domicile: str, multimodal: bool, reason: str | None
) -> None:
    found = licences.excluded(licence, domicile, multimodal=multimodal)
    assert (reason is None and found is None) or (reason is not None and reason in (found or ""))


USABLE = [
    ("permissive", "mit", True),
    ("own terms", "gemma", True),
    ("a revenue gate", "lfm1.0", True),
    ("non-commercial", "cc-by-nc-4.0", False),
    ("research", "mrl", False),
    ("nobody knows", "my-own", None),
    ("nothing stated", "", None),
    ("one of several says no", "my-own + mrl", False),
    ("one of several is unknown", "my-own + mit", None),
]


@pytest.mark.parametrize(("licence", "verdict"), [row[1:] for row in USABLE], ids=[row[0] for row in USABLE])
def test_business_use(licence: str, verdict: bool | None) -> None:
    assert licences.usable(licence) is verdict


def test_caps_can_be_computed_with() -> None:
    rows = licences.rows()
    assert rows["llama3.3"].cap == {"monthly_users": 700_000_000}
    assert rows["lfm1.0"].cap == {"revenue_usd_per_year": 10_000_000}
    assert rows["apache-2.0"].cap == {}


def test_obligations_name_what_a_team_must_heed() -> None:
    llama4 = " ".join(licences.obligations("llama4"))
    assert "Built with Llama" in llama4
    assert "700 million" in llama4
    assert "EU" in llama4
    assert "10 million USD" in " ".join(licences.obligations("lfm1.0"))
    assert licences.obligations("my-own") == ("no licence that we know: read its text before use",)


def test_titles_are_for_people() -> None:
    assert licences.title("apache-2.0 + my-own") == "Apache 2.0 + my-own"


def test_every_row_is_sourced_classed_and_spelt_once() -> None:
    spellings: dict[str, str] = {}
    for row in licences.rows().values():
        assert row.source
        assert row.kind in (*licences.CLASSES, licences.UNKNOWN)
        assert licences.canonical(Licence(id=row.id)) == row.id
        assert set(row.cap) <= {"monthly_users", "revenue_usd_per_year"}
        assert all(place == "EU" or len(place) == 2 for place in row.not_licensed_in)
        assert set(row.changed) <= set(licences.rows())
        for text in (row.id, row.title, *row.synonyms):
            assert licences.canonical(Licence(id="other", name=text)) == row.id, text
            assert spellings.setdefault(text.casefold(), row.id) == row.id


@given(st.text(), st.text(), st.text())
def test_any_text_has_a_stable_id(tag: str, name: str, link: str) -> None:
    found = licences.canonical(Licence(id=tag, name=name, link=link))
    assert found is None or licences.canonical(Licence(id=found)) == found
    assert found is None or found.isprintable()
    assert found is None or (licences.title(found) and licences.class_of(found))


@given(st.text(min_size=1))
def test_a_name_nobody_knows_survives(name: str) -> None:
    """Kept as it is written, slugged; never taken for a freer one."""
    found = licences.canonical(Licence(id="other", name=name))
    if found and licences.class_of(found) == licences.UNKNOWN and found != "other":
        assert licences.direction("research-only", found) == "stricter"
        assert licences.direction(found, found) == "sideways"
        assert licences.usable(found) is not True
