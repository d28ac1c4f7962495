"""How a model is built, by what its files and tags say."""

from typing import Any

import pytest

from tests.factories import facts
from watcher.designs import EXPERTS, STATE, has_own_class, stem_of, traits_of
from watcher.types import Details


def _config(values: dict[str, Any]) -> Details:
    return Details(repo_id="x/y", revision="a1", files=(), config=values)


@pytest.mark.parametrize(
    ("config", "model_type", "size", "traits"),
    [
        pytest.param({"num_local_experts": 64}, None, None, {EXPERTS}, id="experts are counted"),
        pytest.param({"num_experts": 1}, None, None, set(), id="one expert is none"),
        pytest.param({"text_config": {"n_routed_experts": 8}}, None, None, {EXPERTS}, id="in the text part"),
        pytest.param({"mamba_d_state": 128}, None, None, {STATE}, id="state-space layers"),
        pytest.param(None, None, "30B-A3B", {EXPERTS}, id="active parameters in the name"),
        pytest.param(None, "qwen3_moe", "30B", {EXPERTS}, id="a mixture by its type"),
        pytest.param(None, "qwen3", "32B", set(), id="dense as far as anybody says"),
        pytest.param({"num_experts": "many"}, None, None, set(), id="nonsense in a config"),
    ],
)
def test_traits(
    config: dict[str, Any] | None, model_type: str | None, size: str | None, traits: set[str]
) -> None:
    found = traits_of(facts(model_type=model_type), _config(config) if config else None, size)
    assert found == traits


@pytest.mark.parametrize(
    ("model_type", "stem"),
    [
        ("gemma3_text", "gemma"),
        ("gemma4", "gemma"),
        ("qwen3_next", "qwen_next"),
        ("gpt_oss", "gpt_oss"),
        (None, None),
    ],
)
def test_versions_of_a_model_type_have_one_stem(model_type: str | None, stem: str | None) -> None:
    assert stem_of(model_type) == stem


@pytest.mark.parametrize(
    ("stated", "own"),
    [
        pytest.param({"model_type": "apollo", "library": "transformers"}, True, id="a class of its own"),
        pytest.param({"model_type": "llama", "library": "transformers"}, False, id="another maker's class"),
        pytest.param(
            {"model_type": "apollo", "library": "transformers", "tags": ("custom_code",)},
            False,
            id="code of the repo",
        ),
        pytest.param({"library": "transformers"}, False, id="no type is stated"),
    ],
)
def test_a_class_of_its_own_in_transformers_is_a_sign(stated: dict[str, Any], own: bool) -> None:
    assert has_own_class(facts(**stated)) is own
