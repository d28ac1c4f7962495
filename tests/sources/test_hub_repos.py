"""One repo's own page, and the details of one revision."""

import hashlib
import json
from typing import Any

import pytest

from sources.hub import HubSource
from sources.hub_http import RateLimited
from sources.hub_weights import slim_config
from tests.shared import shared_data
from tests.sources.fake_hub import NOW, Answer, FakeHub, row
from watcher.types import Presence, RepoFile, SourceError

REPO = "Qwen/Qwen3-8B"
SHA = "9c925d64d72725edaf899c6cb9c377fd0709d9c5"
REVISION_PAGE = f"/api/models/{REPO}/revision/{SHA}"


def refusal(status: int, code: str = "", message: str = "") -> Answer:
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return Answer({"error": message}, status, {key: value for key, value in headers.items() if value})


LOOKS = [
    pytest.param(Answer(row(REPO)), Presence.PRESENT, id="there"),
    pytest.param(Answer(row("qwen/qwen3-8b")), Presence.PRESENT, id="there, in other case"),
    pytest.param(Answer(row(REPO, gated="manual")), Presence.PRESENT, id="gated, its page open to all"),
    pytest.param(Answer(row(REPO, disabled=True)), Presence.DISABLED, id="disabled by its own word"),
    pytest.param(refusal(401, "GatedRepo"), Presence.GATED, id="401 GatedRepo"),
    pytest.param(refusal(403, "GatedRepo", "Access restricted"), Presence.GATED, id="403 GatedRepo"),
    pytest.param(
        refusal(403, message="Access to this resource is disabled."), Presence.DISABLED, id="403 disabled"
    ),
    pytest.param(refusal(404, "RepoNotFound", "Repository not found"), Presence.GONE, id="404 RepoNotFound"),
    pytest.param(refusal(401, "RepoNotFound"), Presence.GONE, id="401 RepoNotFound, asked without token"),
]


@pytest.mark.parametrize(("answer", "presence"), LOOKS)
def test_look(hub: FakeHub, source: HubSource, answer: Answer, presence: Presence) -> None:
    hub.on(f"/api/models/{REPO}", answer)
    look = source.look(REPO, NOW)
    assert (look.repo_id, look.presence) == (REPO, presence)
    assert (look.observation is not None) == (answer.status == 200)


def test_a_renamed_repo_is_told_by_its_new_id(hub: FakeHub, source: HubSource) -> None:
    for each in json.loads(
        shared_data("hub/api_responses/huggingface_hub_recorded_http.json").read_text("utf-8")
    ):
        if each["status"] == 307 and "expand" not in each["request"]["url"]:
            old = each["request"]["url"].partition("/api/models/")[2]
            new = each["headers"]["Location"].partition("/api/models/")[2]
            location = {"Location": each["headers"]["Location"] + "?expand=sha"}
            hub.on(f"/api/models/{old}", Answer(each["body"].encode(), 307, location))
            hub.on(f"/api/models/{new}", Answer(row(new)))
            look = source.look(old, NOW)
            assert look.presence is Presence.RENAMED
            assert look.observation is not None
            assert look.observation.key.id == new
    assert len(hub.requests) == 6
    assert source.usage().requests == 6


UNSAID = [
    pytest.param(refusal(404), "404, without X-Error-Code", id="404 of something that is no Hub"),
    pytest.param(refusal(401), "401, without X-Error-Code", id="401 of a proxy"),
    pytest.param(refusal(403), "403, without X-Error-Code", id="403 of a firewall"),
    pytest.param(refusal(500), "answered 500", id="a broken Hub"),
    pytest.param(Answer(b"<html>"), "HTML instead of JSON", id="HTML with status 200"),
    pytest.param(Answer([]), "a row is not an object ([])", id="a list"),
    pytest.param(Answer({}), "a row without an id", id="no id"),
]


@pytest.mark.parametrize(("answer", "message"), UNSAID)
def test_a_look_that_says_nothing_is_an_error(
    hub: FakeHub, source: HubSource, answer: Answer, message: str
) -> None:
    hub.on(f"/api/models/{REPO}", answer)
    with pytest.raises(SourceError) as caught:
        source.look(REPO, NOW)
    assert message in str(caught.value)


def test_a_bad_token_is_not_a_missing_repo(hub: FakeHub) -> None:
    hub.on(f"/api/models/{REPO}", refusal(401, message="Invalid credentials in Authorization header"))
    source = HubSource(hub.url, "hf_outdated", timeout_s=5)
    for call in (lambda: source.look(REPO, NOW), lambda: source.details(REPO, "", NOW)):
        with pytest.raises(SourceError, match="refuses the token"):
            call()


def test_an_id_that_is_none_is_never_asked_for(hub: FakeHub, source: HubSource) -> None:
    for call in (lambda: source.look("a/../b", NOW), lambda: source.details("a b", "", NOW)):
        with pytest.raises(SourceError, match="is not a repo id"):
            call()
    assert hub.requests == []


def page(*siblings: dict[str, Any], **fields: Any) -> Answer:
    return Answer(row(REPO, siblings=list(siblings), cardData={"license": "mit"}, **fields))


def serve_file(hub: FakeHub, path: str, *answers: Answer) -> None:
    hub.on(f"/{REPO}/resolve/{SHA}/{path}", *answers)


WEIGHTS = {
    "rfilename": "model.safetensors",
    "size": 16_000_000_000,
    "lfs": {"size": 16_000_000_000, "sha256": "a" * 64, "pointerSize": 135},
}
CONFIG = {"rfilename": "config.json", "size": 700}


def test_details_of_a_revision(hub: FakeHub, source: HubSource) -> None:
    hub.on(REVISION_PAGE, page(WEIGHTS, CONFIG, {"rfilename": "hf_quant_config.json", "size": 90}))
    serve_file(hub, "config.json", Answer({"model_type": "qwen3", "rope_scale": float("inf")}))
    serve_file(hub, "hf_quant_config.json", Answer({"quantization": {"quant_algo": "NVFP4"}}))
    details = source.details(REPO, SHA, NOW)
    assert (details.repo_id, details.revision, details.problems) == (REPO, SHA, ())
    assert details.files[0] == RepoFile(path="model.safetensors", size_bytes=16_000_000_000, sha256="a" * 64)
    assert details.config == {"model_type": "qwen3", "rope_scale": None}
    assert details.quant_config == {"quantization": {"quant_algo": "NVFP4"}}
    assert hub.requests == [
        f"{REVISION_PAGE}?blobs=true",
        f"/{REPO}/resolve/{SHA}/config.json",
        f"/{REPO}/resolve/{SHA}/hf_quant_config.json",
    ]
    assert source.usage().requests == 3


def test_a_repo_of_gguf_files_costs_one_request(hub: FakeHub, source: HubSource) -> None:
    hub.on(f"/api/models/{REPO}", page({"rfilename": "m-Q4_K_M.gguf", "size": 5}))
    details = source.details(REPO, "", NOW)
    assert (details.revision, details.config, details.problems) == (SHA, None, ())
    assert len(hub.requests) == 1


def test_a_config_of_3_mb_is_slimmed(hub: FakeHub, source: HubSource) -> None:
    config = {
        "model_type": "qwen3",
        "layer_types": ["full_attention"] * 94,
        "id2label": {str(n): "label" * 10 for n in range(50_000)},
        "text_config": {"model_type": "x", "quantization_config": {"ignore": ["m"] * 300}},
        "quantization_config": {
            "quant_method": "modelopt",
            "modules_to_not_convert": ["lm_head"],
            "exclude_modules": ["model.layers.0.self_attn"] * 471,
            "quantized_layers": {str(n): {"quant_algo": "FP8" if n % 2 else "NVFP4"} for n in range(401)},
        },
    }
    assert len(json.dumps(config)) > 3_000_000
    hub.on(REVISION_PAGE, page(CONFIG))
    serve_file(hub, "config.json", Answer(config))
    details = source.details(REPO, SHA, NOW)
    assert details.problems == ()
    assert details.config == {
        "model_type": "qwen3",
        "layer_types": ["full_attention"] * 94,
        "id2label_count": 50_000,
        "text_config": {"model_type": "x", "quantization_config": {"ignore_count": 300}},
        "quantization_config": {
            "quant_method": "modelopt",
            "modules_to_not_convert": ["lm_head"],
            "exclude_modules_count": 471,
            "quantized_layers_count": 401,
            "quantized_layers_by_algo": {"FP8": 200, "NVFP4": 201},
        },
    }


PARTS = [
    pytest.param(Answer(b"{"), "config.json: not complete JSON", id="config.json is cut off"),
    pytest.param(Answer(b"<html>"), "config.json: HTML instead of JSON", id="config.json is HTML"),
    pytest.param(Answer([1]), "config.json: JSON, but no object", id="config.json is a list"),
    pytest.param(Answer(b"[" * 99_999), "config.json: JSON nested too deeply", id="config.json is a tower"),
    pytest.param(
        refusal(403, "GatedRepo"),
        "config.json: gated: the owner must let this token in",
        id="files are gated",
    ),
    pytest.param(
        refusal(404, "EntryNotFound", "Entry not found"),
        "config.json: the Hub answered 404 (EntryNotFound Entry not found)",
        id="config.json is listed but not there",
    ),
]


@pytest.mark.parametrize(("answer", "problem"), PARTS)
def test_a_part_that_fails_is_a_line_and_the_rest_is_told(
    hub: FakeHub, source: HubSource, caplog: pytest.LogCaptureFixture, answer: Answer, problem: str
) -> None:
    hub.on(REVISION_PAGE, page(WEIGHTS, CONFIG))
    serve_file(hub, "config.json", answer)
    details = source.details(REPO, SHA, NOW)
    assert len(details.files) == 2
    assert details.config is None
    assert len(details.problems) == 1
    assert details.problems[0].startswith(problem)
    assert caplog.messages == [f"hub: {REPO}: {details.problems[0]}"]


PAGES = [
    pytest.param(refusal(404, "RepoNotFound"), "files: the repo is gone or private", id="gone"),
    pytest.param(
        refusal(404, "RevisionNotFound"), "files: the Hub answered 404 (RevisionNotFound)", id="revision gone"
    ),
    pytest.param(refusal(403, "GatedRepo"), "files: gated: the owner must let this token in", id="gated"),
]


@pytest.mark.parametrize(("answer", "problem"), PAGES)
def test_a_repo_that_refuses_has_no_files_and_says_why(
    hub: FakeHub, source: HubSource, answer: Answer, problem: str
) -> None:
    hub.on(REVISION_PAGE, answer)
    details = source.details(REPO, SHA, NOW)
    assert (details.files, details.problems) == ((), (problem,))


def test_what_the_library_can_not_read_we_read(hub: FakeHub, source: HubSource) -> None:
    hub.on(
        REVISION_PAGE, page(WEIGHTS, {"rfilename": "x", "size": -5}, safetensors={"parameters": {"BF16": 8}})
    )
    details = source.details(REPO, SHA, NOW)
    assert [file.path for file in details.files] == ["model.safetensors", "x"]
    assert details.files[0].sha256 == "a" * 64
    assert details.problems == (
        "huggingface_hub can not read the repo's page (KeyError)",
        'the size of "x" is absurd (-5): left out',
    )


def test_a_config_beyond_8_mb_is_not_read(hub: FakeHub, source: HubSource) -> None:
    hub.on(REVISION_PAGE, page({**CONFIG, "size": 9_000_000}))
    assert source.details(REPO, SHA, NOW).problems == ("config.json: larger than 8 MB, not read",)
    assert len(hub.requests) == 1


def test_the_licence_text_counts_where_the_tag_says_other(hub: FakeHub, source: HubSource) -> None:
    licence = {"rfilename": "LICENSE", "size": 9}
    serve_file(hub, "LICENSE", Answer(b"You may."))
    hub.on(REVISION_PAGE, page(licence, tags=["license:other"]), page(licence, tags=["license:mit"]))
    assert source.details(REPO, SHA, NOW).licence_sha256 == hashlib.sha256(b"You may.").hexdigest()
    assert source.details(REPO, SHA, NOW).licence_sha256 is None


@pytest.mark.parametrize(
    ("siblings", "found"),
    [
        pytest.param([{"rfilename": "LICENSE", "size": 9, "blobId": "ab" * 20}], "ab" * 20, id="git's id"),
        pytest.param(
            [{"rfilename": "LICENCE.txt", "size": 9, "blobId": "ab" * 20}],
            "ab" * 20,
            id="spelt the other way",
        ),
        pytest.param([{"rfilename": "LICENSE", "size": 9, "blobId": "no id"}], None, id="no id of git's"),
        pytest.param([{"rfilename": "LICENSE", "size": 9}], None, id="no id at all"),
        pytest.param([{"rfilename": "src/LICENSE", "size": 9, "blobId": "ab" * 20}], None, id="another file"),
    ],
)
def test_the_licence_file_is_known_by_its_id_without_reading_it(
    hub: FakeHub, source: HubSource, siblings: list[dict[str, Any]], found: str | None
) -> None:
    hub.on(REVISION_PAGE, page(*siblings, tags=["license:mit"]))
    assert source.details(REPO, SHA, NOW).licence_blob == found
    assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        pytest.param(["license:other"], ("Llama 3.3 Community License",), id="the tag says other"),
        pytest.param([], ("Llama 3.3 Community License",), id="there is no tag"),
        pytest.param(["license:mit"], (), id="the tag says it: the card is not asked for"),
    ],
)
def test_the_card_is_asked_for_the_licence_where_the_tag_leaves_it_open(
    hub: FakeHub, source: HubSource, tags: list[str], said: tuple[str, ...]
) -> None:
    card = "---\nlicense: other\n---\n# A model\n## License\n\nLlama 3.3 Community License\n# Use\nFast."
    hub.on(REVISION_PAGE, page({"rfilename": "README.md", "size": 99}, tags=tags))
    serve_file(hub, "README.md", Answer(card.encode()))
    assert source.details(REPO, SHA, NOW).card_says == said


def test_a_card_with_broken_front_matter_is_a_line(hub: FakeHub, source: HubSource) -> None:
    hub.on(REVISION_PAGE, Answer(row(REPO, siblings=[{"rfilename": "README.md"}])))
    serve_file(hub, "README.md", Answer(b"---\nlicense: [mit\n---\n# Hi"))
    (problem,) = source.details(REPO, SHA, NOW).problems
    assert problem.startswith("README.md: the front matter is no YAML")


FAILURES = [
    pytest.param(Answer(b"", 429, {"RateLimit": '"api";r=0;t=5'}), RateLimited, id="429"),
    pytest.param(Answer(b"", 502), SourceError, id="502"),
    pytest.param(refusal(404), SourceError, id="404 of something that is no Hub"),
    pytest.param(Answer(b"<html>"), SourceError, id="HTML with status 200"),
    pytest.param(Answer(row(REPO), cut=20), SourceError, id="a truncated page"),
]


@pytest.mark.parametrize(("answer", "error"), FAILURES)
def test_a_failing_hub_is_an_error_and_no_detail(
    hub: FakeHub, source: HubSource, answer: Answer, error: type[SourceError]
) -> None:
    hub.on(REVISION_PAGE, answer)
    with pytest.raises(error) as caught:
        source.details(REPO, SHA, NOW)
    assert "\n" not in str(caught.value)


def test_every_real_config_stays_itself_but_small() -> None:
    paths = sorted(
        path for path in shared_data("hub/configs").rglob("*.json") if path.name != "MANIFEST.json"
    )
    assert len(paths) > 150
    for path in paths:
        config = json.loads(path.read_text("utf-8"))
        slim = slim_config(config) if isinstance(config, dict) else {}
        assert len(json.dumps(slim)) < 40_000
        assert {key.removesuffix("_count") for key in slim} == set(config)
