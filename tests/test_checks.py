"""Words of a configuration that nobody knows."""

import pytest

from tests.test_config import EXAMPLE
from watcher.checks import unknown_words
from watcher.cli_common import read_config

TEAM = """
hardware: {h100: {device: h100-sxm-80gb, count: 1}}
deployments:
  a: {model: Qwen/Qwen3-32B, quant: QUANT, engine: vllm, hardware: h100, licence: {allow: [LICENCE]}}
"""


@pytest.mark.parametrize(
    ("quant", "licence", "said"),
    [
        pytest.param("fp9", "mit", ["quant fp9: nothing that we know; did you mean fp8?"], id="a format"),
        pytest.param(
            "q4",
            "apach",
            ["licence.allow apach: nothing that we know; did you mean apache-2.0?"],
            id="a licence",
        ),
        pytest.param("Q4_K_M", "permissive", [], id="a label and a class"),
        pytest.param("q4", "Apache-2.0", [], id="a licence in another spelling"),
        pytest.param("unsloth/Qwen3-32B-GGUF", "mit", [], id="an exact repo"),
    ],
)
def test_words_that_nobody_knows_are_said_with_the_nearest(quant: str, licence: str, said: list[str]) -> None:
    text = TEAM.replace("QUANT", quant).replace("LICENCE", licence)
    assert [message for _, _, message in unknown_words(read_config(text, "team.yaml"))] == said


def test_the_example_has_none() -> None:
    config = read_config(EXAMPLE, "config.example.yaml")
    assert list(unknown_words(config)) == []
