"""Organisations that look like a maker's: told by name, and never official."""

import pytest

from watcher.families import load_families
from watcher.names import is_base_release, lineage_of
from watcher.types import BaseModel, Lineage, RepoFacts

REGISTRY = load_families()


def lineage(repo_id: str, base: str = "", relation: str = "") -> Lineage:
    bases = (BaseModel(repo_id=base, relation=relation or None),) if base else ()
    return lineage_of(RepoFacts(repo_id=repo_id, base_models=bases), REGISTRY)


IMITATORS = [
    ("a maker's name with official", "Mistral-AI-official/Mistral-Small-5-119B", "mistralai"),
    ("a maker's name without its dash", "deepseekai/DeepSeek-V5", "deepseek-ai"),
    ("a maker's name and AI", "Qwen-AI/Qwen4-32B", "Qwen"),
    ("a maker's name and a digit", "meta-llama2/Llama-5-70B", "meta-llama"),
    ("a maker's name and its model's", "OpenAI-oss/gpt-oss-240b", "openai"),
    ("a maker's name before an unknown model", "OpenAI-oss/brand-new", "openai"),
    ("one letter off", "mistraiai/Mistral-Large-4", "mistralai"),
    ("two letters swapped", "mitsralai/Mistral-Large-4", "mistralai"),
    ("a digit for a letter", "g00gle/gemma-5-31B-it", "google"),
    ("anybody's copy of the plain name", "randomguy/Llama-4-70B-Instruct", "meta-llama"),
]


@pytest.mark.parametrize(
    ("repo", "imitated"), [row[1:] for row in IMITATORS], ids=[row[0] for row in IMITATORS]
)
def test_an_imitation_names_whom_it_imitates(repo: str, imitated: str) -> None:
    found = lineage(repo)
    assert found.impersonates == imitated
    assert not found.official
    assert not is_base_release(found)


def test_an_imitator_stays_one_when_it_states_a_base() -> None:
    found = lineage("deepseekai/DeepSeek-V4-Flash-GGUF", "deepseek-ai/DeepSeek-V4-Flash", "quantized")
    assert (found.quant, found.impersonates, found.official) == (True, "deepseek-ai", False)


HONEST = [
    ("a fine-tune under its own name", "someone/my-llama-roleplay-8B"),
    ("a moved organisation", "THUDM/GLM-4-9B-0414"),
    ("a community mirror", "mistral-community/pixtral-12b"),
    ("a tool's organisation", "llamafactory/tiny-random-qwen3"),
    ("a new player", "XHToken/Spark-X2.5-4B"),
    ("an open name that is a word", "open-thoughts/OpenThinker-7B"),
]


@pytest.mark.parametrize("repo", [row[1] for row in HONEST], ids=[row[0] for row in HONEST])
def test_honest_names_are_not_imitations(repo: str) -> None:
    assert lineage(repo).impersonates is None
