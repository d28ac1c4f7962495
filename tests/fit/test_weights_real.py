"""Weights from real configurations and from names alone, compared with the real sizes of repos and files."""

import json
import re
import statistics
from typing import Any

import pytest

from tests.shared import shared_data
from watcher.fit.shape import shape_of
from watcher.fit.weights import weights_from_shape
from watcher.formats import label_of
from watcher.shapes import known_shape

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


_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/([^?]+)")


def test_files_of_known_models_by_their_names_alone() -> None:
    """56 GGUF files with exact sizes: half within 0.5 %, all but Gemma 3n by unsloth within a tenth."""
    errors = {}
    for name in ("llamabarn_gguf_sizes", "lmstudio_catalog_files_2024"):
        for row in json.loads(shared_data(f"hub/gguf_exact_bytes/{name}.json").read_text()):
            found = _FILE.search(row["url"])
            if found is None or (known := known_shape(found[1])) is None:
                continue
            weights = weights_from_shape(shape_of(known.config), label_of(found[2]), known.config)
            assert weights is not None
            errors[found[1], found[2]] = abs(weights.total_bytes / row["size_bytes"] - 1)
    assert len(errors) > 50
    assert statistics.median(errors.values()) < 0.005
    assert {repo for (repo, _), error in errors.items() if error > 0.1} <= {"unsloth/gemma-3n-E2B-it-GGUF"}
