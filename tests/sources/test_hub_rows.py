"""What a row's values become, and what happens to values that are none."""

import json
from typing import Any

import pytest

from sources.hub_rows import read_row, to_observation
from sources.hub_values import clean
from tests.shared import shared_data
from tests.sources.fake_hub import NOW, row
from watcher.types import BaseModel, Gate, Licence, Parameters, Quantisation, RepoFacts, RepoFile


def facts(**fields: Any) -> RepoFacts:
    return to_observation(row(**fields), NOW).facts


def problems(**fields: Any) -> list[str]:
    return list(read_row(row(**fields), NOW)[1])


LICENCES = [
    pytest.param({"cardData": {"license": "mit"}}, Licence(id="mit"), id="the card's licence"),
    pytest.param(
        {"cardData": {"license": "other", "license_name": "mnpl", "license_link": "LICENSE"}},
        Licence(id="other", name="mnpl", link="LICENSE"),
        id="a custom licence has a name and a link",
    ),
    pytest.param(
        {"cardData": {"license": ["mit", "apache-2.0"]}}, Licence(id="apache-2.0 + mit"), id="licence as list"
    ),
    pytest.param({"tags": ["license:gemma"]}, Licence(id="gemma"), id="the tag, where the card is absent"),
    pytest.param({"cardData": None, "tags": ["license:mit"]}, Licence(id="mit"), id="the card is null"),
    pytest.param({"cardData": [], "tags": ["license:mit"]}, Licence(id="mit"), id="the card is a list"),
    pytest.param({"cardData": {"license": []}}, Licence(), id="an empty list states nothing"),
    pytest.param(
        {"cardData": {"license": "mit\x1b[2J\u202e"}}, Licence(id="mit"), id="terminal codes are stripped"
    ),
]


@pytest.mark.parametrize(("fields", "licence"), LICENCES)
def test_licence(fields: dict[str, Any], licence: Licence) -> None:
    assert facts(**fields).licence == licence
    assert problems(**fields) == []


QUANTISATIONS = [
    pytest.param(
        {"config": {"quantization_config": {"quant_method": "awq", "bits": 4}}, "tags": ["gptq"]},
        Quantisation(method="awq", bits=4),
        id="the config's word comes first",
    ),
    pytest.param(
        {"config": {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}},
        Quantisation(method="nvfp4"),
        id="ModelOpt names the format in quant_algo",
    ),
    pytest.param(
        {"config": {"quantization_config": {"quant_method": "modelopt", "quant_algo": "FP8"}}},
        Quantisation(method="fp8"),
        id="ModelOpt FP8",
    ),
    pytest.param(
        {
            "config": {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "format": "pack-quantized",
                    "config_groups": {"group_0": {"weights": {"num_bits": 4}}},
                }
            }
        },
        Quantisation(method="compressed-tensors", bits=4),
        id="compressed-tensors state bits per group",
    ),
    pytest.param(
        {
            "config": {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "format": "mxfp4-pack-quantized",
                }
            }
        },
        Quantisation(method="mxfp4"),
        id="compressed-tensors name MXFP4 in format",
    ),
    pytest.param(
        {"config": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}},
        Quantisation(method="bitsandbytes", bits=4),
        id="bitsandbytes in 4 bits",
    ),
    pytest.param({"tags": ["gguf"]}, Quantisation(method="gguf"), id="a GGUF repo by its tag"),
    pytest.param(
        {"siblings": [{"rfilename": "m-Q4_K_M.gguf"}]},
        Quantisation(method="gguf"),
        id="a GGUF repo by its files",
    ),
    pytest.param(
        {"siblings": [{"rfilename": "m.gguf"}, {"rfilename": "m.safetensors"}], "tags": ["gguf"]},
        None,
        id="safetensors beside a GGUF are no GGUF repo",
    ),
    pytest.param({"tags": ["MLX", "4-bit"]}, Quantisation(method="mlx", bits=4), id="MLX with its width"),
    pytest.param({"tags": ["gptq", "4-bit", "8-bit"]}, Quantisation(method="gptq"), id="two widths are none"),
    pytest.param({"tags": ["text-generation"]}, None, id="nothing is said"),
]


@pytest.mark.parametrize(("fields", "quantisation"), QUANTISATIONS)
def test_quantisation(fields: dict[str, Any], quantisation: Quantisation | None) -> None:
    assert facts(**fields).quantisation == quantisation


PARENTS = [
    pytest.param(
        {"tags": ["base_model:Qwen/Qwen3-8B-Base", "base_model:finetune:Qwen/Qwen3-8B-Base"]},
        [("Qwen/Qwen3-8B-Base", "finetune")],
        id="both tags of one parent",
    ),
    pytest.param(
        {"tags": ["base_model:a/b", "base_model:merge:a/b", "base_model:c/d", "base_model:merge:c/d"]},
        [("a/b", "merge"), ("c/d", "merge")],
        id="two parents of a merge",
    ),
    pytest.param({"tags": ["base_model:a/b"]}, [("a/b", None)], id="no relation stated"),
    pytest.param(
        {"cardData": {"base_model": ["a/b"], "base_model_relation": "quantized"}},
        [("a/b", "quantized")],
        id="from the card, where tags are absent",
    ),
    pytest.param({"tags": ["base_model:Qwen/Qwen3-8B"]}, [], id="nobody is his own parent"),
    pytest.param({"cardData": {"base_model": "https://x/y z"}}, [], id="what is no repo id is no parent"),
]


@pytest.mark.parametrize(("fields", "parents"), PARENTS)
def test_base_models(fields: dict[str, Any], parents: list[tuple[str, str | None]]) -> None:
    expected = tuple(BaseModel(repo_id=repo_id, relation=relation) for repo_id, relation in parents)
    assert facts(**fields).base_models == expected


def test_the_other_facts_of_a_full_row() -> None:
    seen = to_observation(
        row(
            gated="auto",
            config={"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"},
            gguf={"total": 9, "architecture": "qwen3", "context_length": 40960},
            safetensors={"parameters": {"BF16": 8190735360}, "total": 8190735360},
            siblings=[{"rfilename": "model.safetensors"}, {"rfilename": "config.json"}],
            cardData={"language": ["en", "no"]},
            pipeline_tag="text-generation",
            library_name="transformers",
            trendingScore=12,
        ),
        NOW,
    )
    assert (seen.key.source, seen.key.id) == ("hub", "Qwen/Qwen3-8B")
    assert seen.revision == "9c925d64d72725edaf899c6cb9c377fd0709d9c5"
    assert seen.seen_at == NOW
    found = seen.facts
    assert found.hub_id == "680c8a5bc8d3a9e7c1f0a0b1"
    assert found.gated is Gate.AUTO
    assert (found.model_type, found.architectures) == ("qwen3", ("Qwen3ForCausalLM",))
    assert found.parameters == Parameters(total=8190735360, per_dtype=(("BF16", 8190735360),))
    assert found.files == (RepoFile(path="model.safetensors"), RepoFile(path="config.json"))
    assert found.context_tokens == 40960
    assert found.languages == ("en", "no")
    assert (found.pipeline_tag, found.library) == ("text-generation", "transformers")
    assert (found.popularity.downloads, found.popularity.trending_score) == (100, 12.0)


ODD = [
    pytest.param({"safetensors": None}, [], id="safetensors null"),
    pytest.param({"siblings": None, "tags": None, "config": None, "gguf": None}, [], id="everything null"),
    pytest.param(
        {"safetensors": {"parameters": {"BF16": 8}}}, [], id="safetensors without total is no problem to us"
    ),
    pytest.param(
        {"safetensors": {"total": -1}}, ["safetensors.total is absurd (-1): left out"], id="a negative size"
    ),
    pytest.param(
        {"safetensors": {"total": 2**60}},
        ["safetensors.total is absurd (1152921504606846976): left out"],
        id="an absurd size",
    ),
    pytest.param(
        {"gguf": {"total": "8B"}}, ['gguf.total is not a whole number ("8B"): left out'], id="a size as text"
    ),
    pytest.param(
        {"siblings": [{"rfilename": "a", "size": 10**30}]},
        ['the size of "a" is absurd (1000000000000000000000000000000): left out'],
        id="a file larger than the world",
    ),
    pytest.param(
        {"siblings": [{"rfilename": "../a"}, {"rfilename": 3}, "x"]},
        [
            'a file has no usable name ("../a"): left out',
            "a file has no usable name (3): left out",
            'a file has no usable name ("x"): left out',
        ],
        id="files without a usable name",
    ),
    pytest.param({"siblings": {}}, ["siblings is not a list ({}): left out"], id="files as a mapping"),
    pytest.param(
        {"cardData": {"license": False}},
        ["license is not a list of texts (False): left out"],
        id="licence: no",
    ),
    pytest.param({"config": []}, ["config is not a mapping ([]): left out"], id="config as a list"),
    pytest.param(
        {"config": {"quantization_config": "awq"}},
        ['config.quantization_config is not a mapping ("awq"): left out'],
        id="a quantisation config that is a word",
    ),
    pytest.param(
        {"gated": "perhaps"}, ['gated is neither false, auto nor manual ("perhaps"): left out'], id="odd gate"
    ),
    pytest.param({"lastModified": "x"}, ['lastModified is not a time ("x"): left out'], id="an odd time"),
    pytest.param(
        {"createdAt": "0001-01-01T00:00:00+14:00"},
        ['createdAt is not a time ("0001-01-01T00:00:00+14:00"): left out'],
        id="a time before all calendars",
    ),
    pytest.param(
        {"downloads": True, "likes": 1.5},
        ["downloads is not a whole number (True): left out", "likes is not a whole number (1.5): left out"],
        id="odd counters",
    ),
    pytest.param(
        {"pipeline_tag": {"a": "\x1b]0;title\x07"}},
        ["pipeline_tag is not text ({'a': '\\x1b]0;title\\x07'}): left out"],
        id="terminal codes are not quoted raw",
    ),
]


@pytest.mark.parametrize(("fields", "expected"), ODD)
def test_an_odd_value_is_left_out_with_one_line(fields: dict[str, Any], expected: list[str]) -> None:
    assert problems(**fields) == expected


def test_a_title_with_channel_mention_stays_data_and_loses_its_codes() -> None:
    hostile = "\x1b[31m<!channel>\x1b]8;;http://x\x07 all\u200b\n\u202eof\x9b2J you"
    assert clean(hostile) == "<!channel> all of you"
    assert facts(tags=[hostile]).tags == ("<!channel> all of you",)


def test_the_kept_row_is_small_storable_and_says_the_same() -> None:
    big = "x" * 100_000
    raw = row(
        cardData={"license": "mit", "extra_gated_prompt": big, "title": "a\x00\ud800b"},
        config={"model_type": "llama", "tokenizer_config": {"chat_template": big}},
        gguf={"total": 9, "chat_template": big},
        widgetData=[big],
        tags=["gguf", "base_model:quantized:a/b"],
    )
    first = to_observation(raw, NOW)
    text = json.dumps(first.row, ensure_ascii=False).encode("utf-8")
    assert len(text) < 2_000
    assert to_observation(first.row, NOW).facts == first.facts


def recorded() -> list[dict[str, Any]]:
    path = shared_data("hub/api_responses/huggingface_hub_recorded_http.json")
    exchanges: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return exchanges


def test_every_recorded_body_is_read_without_a_problem() -> None:
    bodies = [json.loads(each["body"]) for each in recorded() if each["status"] == 200]
    assert (len(recorded()), len(bodies)) == (76, 72)
    for body in bodies:
        seen, notes = read_row(body, NOW)
        assert notes == ()
        assert seen.facts.hub_id == body["_id"]
        assert to_observation(seen.row, NOW).facts == seen.facts
    llama = next(
        to_observation(body, NOW).facts
        for body in bodies
        if body["id"] == "meta-llama/Meta-Llama-3-70B-Instruct" and "tags" in body
    )
    assert llama.gated is Gate.MANUAL
    assert llama.licence.id == "llama3"
    assert llama.base_models == (BaseModel(repo_id="meta-llama/Meta-Llama-3-70B", relation="finetune"),)
