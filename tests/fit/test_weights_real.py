"""Weights from real configurations, compared with the real size of the repo: 0.5 % where lists are read."""

import json
from typing import Any

import pytest

from tests.shared import shared_data
from watcher.fit.shape import shape_of
from watcher.fit.weights import weights_from_shape

MAKER = "hub/configs/ai-dynamo__aiconfigurator"


def files_of(repo: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """config.json, and all that it and hf_quant_config.json say together."""
    stem = repo.replace("/", "--")
    config = json.loads(shared_data(f"{MAKER}/{stem}_config.json").read_text())
    own = shared_data(MAKER) / f"{stem}_hf_quant_config.json"
    return config, {**config, **(json.loads(own.read_text()) if own.exists() else {})}


@pytest.mark.parametrize(
    ("repo", "label", "gigabytes"),
    [
        pytest.param("nvidia/Gemma-4-31B-IT-NVFP4", "nvfp4", 32.67, id="attention at 16 bit"),
        pytest.param(
            "nvidia/GLM-5.2-NVFP4", "nvfp4", 464.87, id="three layers, shared experts and attention too"
        ),
        pytest.param(
            "nvidia/Qwen3.6-35B-A3B-NVFP4", "nvfp4", 23.45, id="FP8 states, FP4 experts, MTP untouched"
        ),
        pytest.param("deepseek-ai/DeepSeek-V4-Flash", "fp8", 159.64, id="FP8 with FP4 experts"),
        pytest.param("deepseek-ai/DeepSeek-R1", "fp8", 688.62, id="FP8 with an MTP layer"),
        pytest.param("moonshotai/Kimi-K3", "mixed", 1561.02, id="MXFP4 experts by compressed tensors"),
        pytest.param("openai/gpt-oss-120b", "mxfp4", 65.249, id="MXFP4 experts"),
        pytest.param("Qwen/Qwen3.5-35B-A3B", "bf16", 71.93, id="BF16 with tower and MTP"),
        pytest.param("zai-org/GLM-5.2", "bf16", 1506.69, id="BF16 with MTP"),
    ],
)
def test_real_configurations(repo: str, label: str, gigabytes: float) -> None:
    config, said = files_of(repo)
    found = weights_from_shape(shape_of(config), label, said)
    assert found is not None
    assert found.total_bytes / 1e9 == pytest.approx(gigabytes, rel=0.03)
