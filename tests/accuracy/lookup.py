"""Shapes and devices by the names that rows use: a thin door to the product's own tables."""

import json
import re
from collections.abc import Mapping
from functools import cache

from tests.shared import ROOT
from watcher.fit.device_names import device_named
from watcher.fit.shape import Shape, UnknownShape, shape_of

try:
    from watcher.shapes import known_shape as _product_shape
except ImportError:
    _product_shape = None
def known_shape(name: str) -> Shape | None:
    if _product_shape is not None:
        found = _product_shape(name)
        return found if isinstance(found, Shape) else None
    return _recorded().get(_fold(name))


def _fold(name: str) -> str:
    plain = name.rpartition("/")[2].casefold().replace("_", "-").replace(" ", "-")
    plain = re.sub(r"\.gguf$", "", plain)
    plain = re.sub(
        r"-(gguf|awq|gptq|fp8|nvfp4|bf16|int4|instruct|it|dynamic|q\d.*|mxfp4|2507|base)(?=-|$)", "", plain
    )
    return plain.replace("meta-", "")


__all__ = ["device_named", "known_shape"]


@cache
def _recorded() -> Mapping[str, Shape]:
    found: dict[str, Shape] = {}
    for path in sorted((ROOT / "data/hub/configs/ai-dynamo__aiconfigurator").glob("*_config.json")):
        if path.name.endswith("hf_quant_config.json"):
            continue
        try:
            shape = shape_of(json.loads(path.read_text(encoding="utf-8")))
        except UnknownShape:
            continue
        found.setdefault(_fold(path.name.removesuffix("_config.json").replace("--", "/")), shape)
    kin = {
        "qwen3.6-27b": "qwen3.5-27b",
        "qwen3.6-35b-a3b": "qwen3.5-35b-a3b",
        "llama-3-8b": "llama-3.1-8b",
        "llama-3-70b": "llama-3.1-70b",
        "llama-3.3-70b": "llama-3.1-70b",
    }
    return found | {new: found[old] for new, old in kin.items() if old in found and new not in found}
